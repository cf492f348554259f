using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>Tokens that are estimated on arrival and corrected at the end.</summary>
public sealed class TokenCorrectionTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(WindowKind.Fixed)]
    [InlineData(WindowKind.Sliding)]
    [InlineData(WindowKind.Weighted)]
    [InlineData(WindowKind.Bucket)]
    public async Task Answer_UsesLess_GivesTheRestBack(WindowKind kind)
    {
        await using var azure = await StartAsync(kind, used: 40);
        using var client = new WireClient(azure["east"]);

        var first = await client.ChatAsync();
        var second = await client.ChatAsync();
        int[] others = await client.StatusesAsync(8);

        Assert.Equal("500", first.Header("x-ratelimit-remaining-tokens"));
        Assert.Equal("460", second.Header("x-ratelimit-remaining-tokens"));
        Assert.All(others, status => Assert.Equal(200, status));
    }

    [Theory]
    [InlineData(WindowKind.Fixed)]
    [InlineData(WindowKind.Sliding)]
    [InlineData(WindowKind.Weighted)]
    [InlineData(WindowKind.Bucket)]
    public async Task Answer_UsesMore_TakesTheRestToo(WindowKind kind)
    {
        await using var azure = await StartAsync(kind, used: 900);
        using var client = new WireClient(azure["east"]);

        int[] statuses = await client.StatusesAsync(2);

        Assert.Equal([200, 429], statuses);
    }

    [Fact]
    public async Task Answer_IsNoneButARefusalOfThePrompt_UsesThePrompt()
    {
        await using var azure = await StartAsync(WindowKind.Fixed, used: 900);
        using var client = new WireClient(azure["east"]);

        var refused = await client.ChatAsync("[content-filter] hello");
        var next = await client.ChatAsync();

        Assert.Equal(400, refused.Status);
        Assert.Equal((200, "491"), (next.Status, next.Header("x-ratelimit-remaining-tokens")));
    }

    [Theory]
    [InlineData(WindowKind.Fixed, "460")]
    [InlineData(WindowKind.Sliding, "460")]
    [InlineData(WindowKind.Weighted, "420")]
    public async Task Window_HasPassed_IsCorrectedAsFarAsItCounts(WindowKind kind, string remaining)
    {
        var released = new TaskCompletionSource();
        await using var azure = await StartAsync(kind, used: 40, released: released.Task);
        using var client = new WireClient(azure["east"]);
        var slow = client.ChatAsync("slow");
        await azure.Ledger.WaitForAsync(entries => entries.Any(entry => entry.EstimatedTokens > 0), TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromMinutes(1));

        var other = client.ChatAsync("slow");
        await azure.Ledger.WaitForAsync(entries => entries.Count(entry => entry.EstimatedTokens > 0) == 2, TestContext.Current.CancellationToken);
        released.SetResult();
        await Task.WhenAll(slow, other);
        var next = await client.ChatAsync();

        Assert.Equal(remaining, next.Header("x-ratelimit-remaining-tokens"));
    }

    private Task<AzureOpenAISimulator> StartAsync(WindowKind kind, int used, Task? released = null) => Simulators.StartLimitedAsync(_time, deployment =>
    {
        deployment.TokensPerMinute = 1000;
        deployment.TokenWindowKind = kind;
        deployment.EstimateTokens = _ => 500;
        deployment.CorrectTokens = true;
        deployment.Responder = async (request, cancellationToken) =>
        {
            await (request.LastUserText == "slow" && released is not null ? released.WaitAsync(cancellationToken) : Task.CompletedTask);
            return new ChatReply { Text = "done", Usage = new TokenUsage(30, used - 30) };
        };
    });
}
