using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class LimitTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Requests_FixedWindow_AdmitsItsShareOfAMinute()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 120;
            deployment.RequestWindow = TimeSpan.FromSeconds(1);
        });
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromMilliseconds(300));

        int[] first = await client.StatusesAsync(3);
        var rejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromMilliseconds(700));
        int[] second = await client.StatusesAsync(3);

        Assert.Equal([200, 200, 429], first);
        Assert.Equal("700", rejected.Header("retry-after-ms"));
        Assert.Equal("1", rejected.Header("Retry-After"));
        Assert.Equal("429", rejected.ErrorCode);
        Assert.Contains("call rate limit", rejected.Body, StringComparison.Ordinal);
        Assert.Equal([200, 200, 429], second);
    }

    [Fact]
    public async Task Requests_SlidingWindow_LetsEachRequestAge()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 12;
            deployment.RequestWindowKind = WindowKind.Sliding;
            deployment.CountRejected = false;
        });
        using var client = new WireClient(azure["east"]);

        var first = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(4));
        var second = await client.ChatAsync();
        var rejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(6));
        var third = await client.ChatAsync();

        Assert.Equal([200, 200, 429, 200], [first.Status, second.Status, rejected.Status, third.Status]);
        Assert.Equal("6000", rejected.Header("retry-after-ms"));
    }

    [Fact]
    public async Task Requests_SlidingWindowThatCountsRejected_StormKeepsItClosed()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 6;
            deployment.RequestWindowKind = WindowKind.Sliding;
        });
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        var rejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(6));
        var stillRejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(10));
        var admitted = await client.ChatAsync();

        Assert.Equal([429, 429, 200], [rejected.Status, stillRejected.Status, admitted.Status]);
        Assert.Equal("10000", rejected.Header("retry-after-ms"));
    }

    [Fact]
    public async Task Tokens_FixedMinute_RejectsUntilItEnds()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 100;
            deployment.EstimateTokens = _ => 40;
        });
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromSeconds(20.5));

        var admitted = await client.ChatAsync();
        await client.ChatAsync();
        var rejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(39.5));
        var later = await client.ChatAsync();

        Assert.Equal([200, 429, 200], [admitted.Status, rejected.Status, later.Status]);
        Assert.Equal("100", admitted.Header("x-ratelimit-limit-tokens"));
        Assert.Equal("60", admitted.Header("x-ratelimit-remaining-tokens"));
        Assert.Equal("40", admitted.Header("x-ratelimit-reset-tokens"));
        Assert.Null(admitted.Header("Retry-After"));
        Assert.Null(admitted.Header("x-ratelimit-limit-requests"));
        Assert.Equal("0", rejected.Header("x-ratelimit-remaining-tokens"));
        Assert.Equal("40", rejected.Header("Retry-After"));
        Assert.Equal("39500", rejected.Header("retry-after-ms"));
        Assert.Contains("token rate limit", rejected.Body, StringComparison.Ordinal);
        Assert.Equal(40, azure.Ledger.Snapshot()[0].EstimatedTokens);
    }

    [Fact]
    public async Task Tokens_DefaultEstimate_IsPromptPlusTokensAskedFor()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.TokensPerMinute = 1000);
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync("abcdef");
        await client.ChatAsync("abcdef", extra: ",\"max_tokens\":100");
        await client.EmbedAsync("""{"input":["abcde","f"],"dimensions":2}""");

        Assert.Equal([5 + 16, 5 + 100, 2 + 1], azure.Ledger.Snapshot().Select(entry => entry.EstimatedTokens));
    }

    [Fact]
    public async Task Tokens_RequestLargerThanLimit_IsToldToComeTomorrow()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.TokensPerMinute = 50);
        using var client = new WireClient(azure["east"]);

        var large = await client.ChatAsync(extra: ",\"max_completion_tokens\":51");
        var small = await client.ChatAsync();

        Assert.Equal((429, "86400"), (large.Status, large.Header("Retry-After")));
        Assert.Equal(200, small.Status);
    }

    [Theory]
    [InlineData(true, 429)]
    [InlineData(false, 200)]
    public async Task Tokens_RejectedRequest_CountsIfToldTo(bool countRejected, int status)
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 100;
            deployment.CountRejected = countRejected;
            deployment.EstimateTokens = request => int.Parse(request.LastUserText, System.Globalization.CultureInfo.InvariantCulture);
        });
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync("60");
        var rejected = await client.ChatAsync("50");
        var fits = await client.ChatAsync("40");

        Assert.Equal((429, status), (rejected.Status, fits.Status));
    }

    [Fact]
    public async Task Tokens_SlidingMinute_LetsTokensAge()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 100;
            deployment.TokenWindowKind = WindowKind.Sliding;
            deployment.CountRejected = false;
            deployment.EstimateTokens = _ => 50;
        });
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(25));
        await client.ChatAsync();
        var rejected = await client.ChatAsync();
        _time.Advance(TimeSpan.FromSeconds(35));
        var admitted = await client.ChatAsync();

        Assert.Equal((429, "35"), (rejected.Status, rejected.Header("Retry-After")));
        Assert.Equal(200, admitted.Status);
    }

    [Fact]
    public async Task Limits_ChangedAtRunTime_HoldFromTheNextRequest()
    {
        await using var azure = await Simulators.StartOneAsync(time: _time);
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        deployment.RequestsPerMinute = 6;
        int[] limited = await client.StatusesAsync(2);
        deployment.RequestsPerMinute = null;
        int[] free = await client.StatusesAsync(2);
        deployment.TokensPerMinute = 1;
        var large = await client.ChatAsync();

        Assert.Equal([200, 429], limited);
        Assert.Equal([200, 200], free);
        Assert.Equal("86400", large.Header("Retry-After"));
        Assert.Throws<ArgumentOutOfRangeException>(() => deployment.RequestsPerMinute = 5);
        Assert.Throws<ArgumentOutOfRangeException>(() => deployment.TokensPerMinute = 0);
    }

    [Theory]
    [InlineData(WindowKind.Fixed)]
    [InlineData(WindowKind.Sliding)]
    public async Task Tokens_ShorterWindow_AdmitsItsShareOfAMinute(WindowKind kind)
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 1200;
            deployment.TokenWindow = TimeSpan.FromSeconds(2);
            deployment.TokenWindowKind = kind;
            deployment.CountRejected = false;
            deployment.EstimateTokens = request => int.Parse(request.LastUserText, System.Globalization.CultureInfo.InvariantCulture);
        });
        using var client = new WireClient(azure["east"]);

        var admitted = await client.ChatAsync("30");
        var rejected = await client.ChatAsync("20");
        var fits = await client.ChatAsync("10");
        _time.Advance(TimeSpan.FromSeconds(2));
        var whole = await client.ChatAsync("40");
        var never = await client.ChatAsync("41");

        Assert.Equal([200, 429, 200, 200, 429], [admitted.Status, rejected.Status, fits.Status, whole.Status, never.Status]);
        Assert.Equal(("1200", "10"), (admitted.Header("x-ratelimit-limit-tokens"), admitted.Header("x-ratelimit-remaining-tokens")));
        Assert.Equal("2000", rejected.Header("retry-after-ms"));
        Assert.Equal("86400", never.Header("Retry-After"));
    }

    [Fact]
    public async Task Limits_ChangedByScript_HoldFromThenOnInBothDirections()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 120;
            deployment.RequestWindow = TimeSpan.FromSeconds(1);
            // Out of order, and two at once: the later of them holds.
            deployment
                .ChangeLimits(TimeSpan.FromSeconds(4), requestsPerMinute: 240)
                .ChangeLimits(TimeSpan.FromSeconds(2), requestsPerMinute: 180)
                .ChangeLimits(TimeSpan.FromSeconds(2), requestsPerMinute: 60);
        });
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        _time.Advance(TimeSpan.FromSeconds(2) - TimeSpan.FromTicks(1));
        int before = await AdmittedAsync(client, 6);
        _time.Advance(TimeSpan.FromTicks(1));
        int halved = await AdmittedAsync(client, 6);
        _time.Advance(TimeSpan.FromSeconds(2));
        int doubled = await AdmittedAsync(client, 6);

        Assert.Equal([2, 1, 4], [before, halved, doubled]);
        Assert.Equal(240, deployment.RequestsPerMinute);
        Assert.Equal("240", (await client.ChatAsync()).Header("x-ratelimit-limit-requests"));
    }

    [Fact]
    public async Task Limits_ScheduledAtRunTime_CountFromNowAndAreNotUndoneByHand()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.TokensPerMinute = 100);
        var deployment = azure["east"]["gpt-4o"];

        _time.Advance(TimeSpan.FromSeconds(30));
        deployment.ChangeLimits(TimeSpan.FromSeconds(10), requestsPerMinute: 60, tokensPerMinute: 50);
        _time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        var before = (deployment.RequestsPerMinute, deployment.TokensPerMinute);
        _time.Advance(TimeSpan.FromTicks(1));
        var after = (deployment.RequestsPerMinute, deployment.TokensPerMinute);
        deployment.ChangeLimits(TimeSpan.FromSeconds(1), tokensPerMinute: 200);
        deployment.TokensPerMinute = 75;
        var byHand = deployment.TokensPerMinute;
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((null, 100), before);
        Assert.Equal((60, 50), after);
        Assert.Equal(75, byHand);
        Assert.Equal(200, deployment.TokensPerMinute);
        Assert.Throws<ArgumentException>(() => deployment.ChangeLimits(TimeSpan.FromSeconds(-1), tokensPerMinute: 1));
        Assert.Throws<ArgumentException>(() => deployment.ChangeLimits(TimeSpan.Zero, requestsPerMinute: 1));
        Assert.Throws<ArgumentException>(() => deployment.ChangeLimits(TimeSpan.Zero, provisionedTokensPerMinute: 1));
        deployment.ChangeLimits(TimeSpan.MaxValue, tokensPerMinute: 1);
        Assert.Equal(200, deployment.TokensPerMinute);
    }

    [Fact]
    public async Task Limits_TwoDeployments_AreCountedApart()
    {
        await using var azure = await Simulators.StartOneAsync(
            resource => resource.AddDeployment("a", deployment => deployment.RequestsPerMinute = 6).AddDeployment("b", deployment => deployment.RequestsPerMinute = 6),
            _time);
        using var client = new WireClient(azure["east"]);

        int[] statuses = [(await client.ChatAsync(deployment: "a")).Status, (await client.ChatAsync(deployment: "b")).Status, (await client.ChatAsync(deployment: "a")).Status];

        Assert.Equal([200, 200, 429], statuses);
    }

    [Fact]
    public async Task Limits_ManyThreads_AdmitExactlyTheLimit()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.RequestsPerMinute = 600);
        using var client = new WireClient(azure["east"]);

        var answers = await Task.WhenAll(Enumerable.Range(0, 150).Select(_ => client.ChatAsync()));

        Assert.Equal(100, answers.Count(answer => answer.Status == 200));
        Assert.Equal(50, azure.Ledger.Count("east").Throttled);
    }

    private static async Task<int> AdmittedAsync(WireClient client, int count) => (await client.StatusesAsync(count)).Count(status => status == 200);
}
