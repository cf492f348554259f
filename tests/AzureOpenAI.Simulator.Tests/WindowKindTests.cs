using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The kinds of windows beyond fixed and sliding ones.</summary>
public sealed class WindowKindTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Weighted_PreviousWindow_CountsByTheShareThatIsLessThanAWindowAgo()
    {
        await using var azure = await StartAsync(WindowKind.Weighted, perMinute: 240, TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromMilliseconds(900));
        int[] first = await client.StatusesAsync(5);

        _time.Advance(TimeSpan.FromMilliseconds(200));
        var early = await client.ChatAsync();
        _time.Advance(TimeSpan.FromMilliseconds(400));
        int[] half = await client.StatusesAsync(3);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        int[] next = await client.StatusesAsync(3);

        Assert.Equal([200, 200, 200, 200, 429], first);
        Assert.Equal((429, "150"), (early.Status, early.Header("retry-after-ms")));
        Assert.Equal([200, 200, 429], half);
        Assert.Equal([200, 200, 429], next);
    }

    [Fact]
    public async Task Weighted_WindowBeforeThePreviousOne_CountsNoMore()
    {
        await using var azure = await StartAsync(WindowKind.Weighted, perMinute: 240, TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);

        var first = await client.StatusesAsync(4);
        _time.Advance(TimeSpan.FromSeconds(2));
        int[] later = await client.StatusesAsync(5);

        Assert.All(first, status => Assert.Equal(200, status));
        Assert.Equal([200, 200, 200, 200, 429], later);
    }

    [Theory]
    [InlineData(WindowKind.Fixed)]
    [InlineData(WindowKind.Sliding)]
    [InlineData(WindowKind.Weighted)]
    [InlineData(WindowKind.Bucket)]
    [InlineData(WindowKind.Leaky)]
    public async Task AnyKind_HintIsFollowedToTheMillisecond_AdmitsThenAndNotBefore(WindowKind kind)
    {
        await using var azure = await StartAsync(kind, perMinute: 420, TimeSpan.FromSeconds(2));
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromMilliseconds(1234));
        int answered = 0;

        for (int i = 0; i < 60; i++)
        {
            var answer = await client.ChatAsync();
            if (answer.Status == 200)
            {
                answered++;
                _time.Advance(TimeSpan.FromMilliseconds(i % 3 * 37));
                continue;
            }

            int wait = int.Parse(answer.Header("retry-after-ms")!, System.Globalization.CultureInfo.InvariantCulture);
            _time.Advance(TimeSpan.FromMilliseconds(wait - 1));
            int before = (await client.ChatAsync()).Status;
            _time.Advance(TimeSpan.FromMilliseconds(1));
            int then = (await client.ChatAsync()).Status;
            Assert.Equal((429, 200), (before, then));
            answered++;
        }

        Assert.True(answered > 40, $"{answered} of 60 calls were answered.");
    }

    [Fact]
    public async Task Bucket_AfterAPause_HoldsAWindowAndThenGivesOneAtATime()
    {
        await using var azure = await StartAsync(WindowKind.Bucket, perMinute: 180, TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromMinutes(1));

        int[] burst = await client.StatusesAsync(4);
        _time.Advance(TimeSpan.FromMilliseconds(334));
        int[] drop = await client.StatusesAsync(2);

        Assert.Equal([200, 200, 200, 429], burst);
        Assert.Equal([200, 429], drop);
    }

    [Fact]
    public async Task Leaky_AfterAPause_AdmitsOneInEachPartOfTheWindow()
    {
        await using var azure = await StartAsync(WindowKind.Leaky, perMinute: 240, TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);
        _time.Advance(TimeSpan.FromMinutes(1));

        var first = await client.ChatAsync();
        var second = await client.ChatAsync();
        _time.Advance(TimeSpan.FromMilliseconds(250));
        int[] third = await client.StatusesAsync(2);

        Assert.Equal((200, 429, "250"), (first.Status, second.Status, second.Header("retry-after-ms")));
        Assert.Equal([200, 429], third);
    }

    [Fact]
    public async Task Bucket_ThatCountsRejected_IsNeverMoreThanFull()
    {
        await using var azure = await StartAsync(WindowKind.Bucket, perMinute: 120, TimeSpan.FromSeconds(1), countRejected: true);
        using var client = new WireClient(azure["east"]);

        await client.StatusesAsync(20);
        _time.Advance(TimeSpan.FromMilliseconds(250));
        var early = await client.ChatAsync();
        _time.Advance(TimeSpan.FromMilliseconds(500));
        var later = await client.ChatAsync();

        Assert.Equal((429, "500"), (early.Status, early.Header("retry-after-ms")));
        Assert.Equal(200, later.Status);
    }

    [Fact]
    public async Task Bucket_LimitChangesWhileNobodyCalls_RoomComesBackByEachLimitForItsTime()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 60;
            deployment.RequestWindow = TimeSpan.FromSeconds(10);
            deployment.RequestWindowKind = WindowKind.Bucket;
            deployment.CountRejected = false;
            deployment.ChangeLimits(TimeSpan.FromSeconds(2), requestsPerMinute: 6000);
        });
        using var client = new WireClient(azure["east"]);

        int[] whole = await client.StatusesAsync(11);
        _time.Advance(TimeSpan.FromSeconds(2));
        azure["east"]["gpt-4o"].RequestsPerMinute = 60;
        int[] later = await client.StatusesAsync(3);

        Assert.Equal(10, whole.Count(status => status == 200));
        Assert.Equal([200, 200, 429], later);
    }

    [Fact]
    public async Task Bucket_ReducedWhileNobodyCalls_RoomComesBackByEachLimitForItsTime()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 60_000;
            deployment.TokenWindowKind = WindowKind.Bucket;
            deployment.CountRejected = false;
            deployment.EstimateTokens = _ => 6_000;
        });
        using var client = new WireClient(azure["east"]);
        int[] whole = await client.StatusesAsync(11);

        azure["east"]["gpt-4o"].ReduceTokensPerMinute(6_000, TimeSpan.FromSeconds(30));
        _time.Advance(TimeSpan.FromMinutes(1));
        int[] later = await client.StatusesAsync(6);

        Assert.Equal(10, whole.Count(status => status == 200));
        Assert.Equal([200, 200, 200, 200, 200, 429], later);
    }

    private Task<AzureOpenAISimulator> StartAsync(WindowKind kind, int perMinute, TimeSpan window, bool countRejected = false) => Simulators.StartLimitedAsync(_time, deployment =>
    {
        deployment.RequestsPerMinute = perMinute;
        deployment.RequestWindow = window;
        deployment.RequestWindowKind = kind;
        deployment.CountRejected = countRejected;
    });
}
