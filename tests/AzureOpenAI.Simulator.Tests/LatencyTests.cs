using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class LatencyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void LogNormal_ManySamples_HaveMedianAndSpread()
    {
        var samples = Samples(Latency.LogNormal(TimeSpan.FromSeconds(4), 1), 20_000);

        Assert.All(samples, sample => Assert.True(sample >= 0));
        Assert.InRange(samples[samples.Length / 2], 3.8, 4.2);
        Assert.InRange(samples[(int)(samples.Length * 0.8413)], 10, 11.8);
    }

    [Fact]
    public void Mixture_ManySamples_HaveTheRareShare()
    {
        var latency = Latency.Mixture(Latency.LogNormal(TimeSpan.FromSeconds(1), 0.2), Latency.Constant(TimeSpan.FromSeconds(40)), 0.1);

        Assert.InRange(Samples(latency, 20_000).Count(sample => sample == 40), 1_800, 2_200);
    }

    [Fact]
    public void Uniform_ManySamples_StayWithin()
    {
        var samples = Samples(Latency.Uniform(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3)), 10_000);

        Assert.InRange(samples[0], 1, 1.01);
        Assert.InRange(samples[^1], 2.99, 3);
        Assert.InRange(samples[samples.Length / 2], 1.95, 2.05);
    }

    [Fact]
    public void LogNormal_HugeSigma_IsCutAtOneDay()
    {
        Assert.All(Samples(Latency.LogNormal(TimeSpan.FromHours(20), 5), 1_000), sample => Assert.InRange(sample, 0, 86_400));
    }

    [Fact]
    public void Factories_BadArguments_Throw()
    {
        var second = TimeSpan.FromSeconds(1);

        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.Constant(-second));
        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.Constant(TimeSpan.FromDays(2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.Uniform(second, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.LogNormal(second, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.LogNormal(second, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Latency.Mixture(Latency.None, Latency.None, 2));
        Assert.Throws<ArgumentNullException>(() => Latency.Mixture(null!, Latency.None, 0.5));
    }

    [Fact]
    public async Task Latency_OfDeployment_HoldsHeadersBackAndRejectionsNot()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(
            resource =>
            {
                resource.Latency = Latency.Constant(TimeSpan.FromSeconds(30));
                resource.AddDeployment("slow").AddDeployment("fast", deployment => deployment.Latency = Latency.None);
            },
            time);
        using var client = new WireClient(azure["east"]);

        var slow = client.ChatAsync(deployment: "slow");
        await azure.Ledger.WaitForAsync(entries => entries is [{ EstimatedTokens: > 0 }], Cancellation);
        var fast = await client.ChatAsync(deployment: "fast");
        var rejected = await client.ChatAsync(deployment: "none");
        Assert.False(slow.IsCompleted);
        await time.AdvanceUntilAsync(slow);

        Assert.Equal((200, 200, 404), ((await slow).Status, fast.Status, rejected.Status));
        Assert.True(azure.Ledger.Snapshot()[0].CompletedAt - azure.Ledger.Snapshot()[0].ArrivedAt >= TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task RejectionLatency_Set_HoldsRejectionsBack()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(time: time);
        azure["east"].RejectionLatency = Latency.Constant(TimeSpan.FromSeconds(2));
        using var client = new WireClient(azure["east"]);

        var rejected = client.ChatAsync(deployment: "none");
        await time.AdvanceUntilAsync(rejected);

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal(404, (await rejected).Status);
        Assert.True(entry.CompletedAt - entry.ArrivedAt >= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task ChunkLatency_Stream_PacesContentAfterTheFirst()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => "one two three"), time);
        azure["east"]["gpt-4o"].ChunkLatency = Latency.Constant(TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);

        using var response = await client.StartChatAsync("hello", stream: true, Cancellation);
        var first = await azure.Ledger.WaitForAsync(entries => entries[0].EventsSent == 3, Cancellation);
        var body = response.Content.ReadAsStringAsync(Cancellation);
        await time.AdvanceUntilAsync(body);

        Assert.Equal(LedgerOutcome.InProgress, first[0].Outcome);
        Assert.EndsWith("data: [DONE]\n\n", await body, StringComparison.Ordinal);
        Assert.True(azure.Ledger.Snapshot()[0].CompletedAt - first[0].ArrivedAt >= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task ClientAborts_BetweenChunks_StopsTheStream()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => "one two three"), time);
        azure["east"]["gpt-4o"].ChunkLatency = Latency.Constant(TimeSpan.FromSeconds(1));
        using var client = new WireClient(azure["east"]);

        using (await client.StartChatAsync("hello", stream: true, Cancellation))
        {
            await azure.Ledger.WaitForAsync(entries => entries[0].EventsSent == 3, Cancellation);
        }

        var ended = await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);
        Assert.Equal((LedgerOutcome.AbortedByClient, 3, 200), (ended[0].Outcome, ended[0].EventsSent, ended[0].Status));
    }

    private static double[] Samples(Latency latency, int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => latency.Sample(random).TotalSeconds).Order()];
    }
}
