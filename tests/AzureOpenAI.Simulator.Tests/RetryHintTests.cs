using System.ClientModel;
using System.Globalization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>What rejections say of when to come back.</summary>
public sealed class RetryHintTests
{
    private readonly FakeTimeProvider _time = new();

    /// <summary>A hint, and the two headers, 2,500 ms before there is room.</summary>
    public static TheoryData<RetryHint, string?, string?, string> Forms => new()
    {
        { RetryHint.Exact, "3", "2500", "retry after 3 seconds" },
        { RetryHint.WholeSeconds, "3", null, "retry after 3 seconds" },
        { RetryHint.Times(0.5), null, "1250", "retry after 2 seconds" },
        { RetryHint.Constant(TimeSpan.FromMilliseconds(1500)), "2", null, "retry after 2 seconds" },
        { RetryHint.None, null, null, "try again later" },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Rejection_Form_IsInTheHeadersAndTheBody(RetryHint hint, string? seconds, string? milliseconds, string body)
    {
        await using var azure = await StartAsync(hint);
        using var client = new WireClient(azure["east"]);

        var answered = await client.ChatAsync();
        var rejected = await client.ChatAsync();

        Assert.Equal((200, null), (answered.Status, answered.Header("Retry-After")));
        Assert.Equal((429, seconds, milliseconds), (rejected.Status, rejected.Header("Retry-After"), rejected.Header("retry-after-ms")));
        Assert.Contains(body, rejected.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rejections_FormsInTurn_ChangeFromOneToTheNext()
    {
        await using var azure = await StartAsync(RetryHint.InTurn(RetryHint.Exact, RetryHint.None));
        using var client = new WireClient(azure["east"]);
        await client.ChatAsync();

        var hints = new List<string?>();
        for (int i = 0; i < 4; i++)
        {
            hints.Add((await client.ChatAsync()).Header("retry-after-ms"));
        }

        Assert.Equal(["2500", null, "2500", null], hints);
    }

    [Fact]
    public async Task Hint_ChangesWhileItServes_HoldsForTheNextRejection()
    {
        await using var azure = await StartAsync(RetryHint.Exact);
        using var client = new WireClient(azure["east"]);
        await client.ChatAsync();

        azure["east"]["gpt-4o"].RetryHint = RetryHint.None;
        var rejected = await client.ChatAsync();

        Assert.Null(rejected.Header("retry-after-ms"));
        Assert.Throws<ArgumentNullException>(() => azure["east"]["gpt-4o"].RetryHint = null!);
    }

    [Fact]
    public async Task Provisioned_Form_HoldsToo()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.ProvisionedTokensPerMinute = 600;
            deployment.RetryHint = RetryHint.Times(2);
            deployment.Respond(_ => new ChatReply { Text = "done", Usage = new TokenUsage(10, 600) });
        });
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync();
        var rejected = await client.ChatAsync();

        Assert.Equal((429, "2000"), (rejected.Status, rejected.Header("retry-after-ms")));
    }

    [Fact]
    public async Task Rejection_Sdk_SeesSecondsOnly()
    {
        await using var azure = await StartAsync(RetryHint.WholeSeconds);
        using var client = Sdk.Classic(azure["east"]);
        await client.GetResponseAsync("hello", cancellationToken: TestContext.Current.CancellationToken);

        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("hello", cancellationToken: TestContext.Current.CancellationToken));

        var headers = exception.GetRawResponse()!.Headers;
        Assert.True(headers.TryGetValue("Retry-After", out string? seconds));
        Assert.Equal(3, int.Parse(seconds!, CultureInfo.InvariantCulture));
        Assert.False(headers.TryGetValue("retry-after-ms", out _));
    }

    [Fact]
    public void Create_OutOfRange_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => RetryHint.Times(-0.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => RetryHint.Times(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => RetryHint.Constant(TimeSpan.FromDays(2)));
        Assert.Throws<ArgumentException>(() => RetryHint.InTurn());
        Assert.Throws<ArgumentNullException>(() => RetryHint.InTurn(RetryHint.Exact, null!));
    }

    private async Task<AzureOpenAISimulator> StartAsync(RetryHint hint)
    {
        var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 6;
            deployment.RetryHint = hint;
        });
        _time.Advance(TimeSpan.FromMilliseconds(7_500));
        return azure;
    }
}
