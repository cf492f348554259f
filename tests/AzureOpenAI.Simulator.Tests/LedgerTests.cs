using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class LedgerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Entry_OfACall_HoldsWhatTestsAskFor()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch);
        await using var azure = await Simulators.StartOneAsync(time: time);
        using var client = new WireClient(azure["east"]);
        time.Advance(TimeSpan.FromSeconds(3));

        var answer = await client.PostAsync(
            "openai/deployments/gpt-4o/chat/completions?api-version=1",
            WireClient.ChatBody("which one?", stream: true),
            headers =>
            {
                WireClient.Key(azure["east"].ApiKey)(headers);
                headers.Add("x-ms-client-request-id", "mine");
            });

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal((1, "east", "gpt-4o"), (entry.Sequence, entry.Resource, entry.Deployment));
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(3), entry.ArrivedAt);
        Assert.Equal(entry.ArrivedAt, entry.CompletedAt);
        Assert.Equal((ApiOperation.Chat, RouteKind.Classic, true), (entry.Operation, entry.Route, entry.Streamed));
        Assert.Equal((200, LedgerOutcome.Answered, null), (entry.Status, entry.Outcome, entry.Fault));
        Assert.Equal(answer.Events.Count, entry.EventsSent);
        Assert.Equal("which one?", entry.LastUserText);
        Assert.Equal(entry.RequestId, answer.Header("apim-request-id"));
        Assert.Equal(("mine", "mine"), (entry.ClientRequestId, answer.Header("x-ms-client-request-id")));
        Assert.Equal("#1 east/gpt-4o Chat 200 Answered", entry.ToString());
    }

    [Fact]
    public async Task Snapshot_UnknownPath_IsRecordedToo()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        await client.GetAsync("favicon.ico", WireClient.Nothing);

        var entry = Assert.Single(azure.Ledger.Snapshot("EAST"));
        Assert.Equal((ApiOperation.Unknown, RouteKind.Unknown, 404), (entry.Operation, entry.Route, entry.Status));
    }

    [Fact]
    public async Task Snapshot_Taken_DoesNotChange()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.NeverAnswer().Times(1)));
        using var client = new WireClient(azure["east"]);
        using var patience = new CancellationTokenSource();

        var call = client.StartChatAsync("hello", stream: false, patience.Token);
        var before = await azure.Ledger.WaitForAsync(entries => entries.Count == 1, Cancellation);
        await patience.CancelAsync();
        await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal((LedgerOutcome.InProgress, null), (before[0].Outcome, before[0].CompletedAt));
    }

    [Fact]
    public async Task Count_ManyThreads_AgreesWithEntries()
    {
        const int Threads = 8;
        const int Calls = 100;
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options => options
                .AddResource("east", resource => resource.AddFault(Fault.Status(500).WithProbability(0.3)))
                .AddResource("west", resource => resource.AddDeployment("gpt-4o", deployment => deployment.RequestsPerMinute = 600)),
            Cancellation);
        using var east = new WireClient(azure["east"]);
        using var west = new WireClient(azure["west"]);

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(
            async () =>
            {
                for (int i = 0; i < Calls; i++)
                {
                    await (i % 2 == 0 ? east : west).ChatAsync($"{thread}/{i}");
                    azure.Ledger.Count("east");
                }
            },
            Cancellation)));

        var entries = azure.Ledger.Snapshot();
        Assert.Equal(Threads * Calls, entries.Count);
        Assert.Equal(Enumerable.Range(1, Threads * Calls).Select(number => (long)number), entries.Select(entry => entry.Sequence));
        Assert.Equal(Threads * Calls, entries.Select(entry => entry.LastUserText).Distinct().Count());
        foreach (string resource in new[] { "east", "west" })
        {
            var counts = azure.Ledger.Count(resource);
            Assert.Equal(Threads * Calls / 2, counts.Attempts);
            Assert.Equal(0, counts.InProgress);
            Assert.All(
                Enum.GetValues<LedgerOutcome>(),
                outcome => Assert.Equal(entries.Count(entry => entry.Resource == resource && entry.Outcome == outcome), counts[outcome]));
        }
    }

    [Fact]
    public async Task Clear_AttemptInProgress_IsForgottenAndHarmsNoCount()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.NeverAnswer().Times(1)));
        using var client = new WireClient(azure["east"]);
        using var patience = new CancellationTokenSource();
        var call = client.StartChatAsync("hello", stream: false, patience.Token);
        await azure.Ledger.WaitForAsync(entries => entries.Count == 1, Cancellation);

        azure.Ledger.Clear();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await client.ChatAsync();

        Assert.Equal(2, Assert.Single(azure.Ledger.Snapshot()).Sequence);
        Assert.Equal((1, 1, 0), (azure.Ledger.Count("east").Attempts, azure.Ledger.Count("east").Answered, azure.Ledger.Count("east").InProgress));
    }

    [Fact]
    public async Task Capacity_Full_DropsTheOldestAndStillCounts()
    {
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.LedgerCapacity = 2;
                options.AddResource("east");
            },
            Cancellation);
        using var client = new WireClient(azure["east"]);

        for (int i = 0; i < 3; i++)
        {
            await client.ChatAsync();
        }

        Assert.Equal([2, 3], azure.Ledger.Snapshot().Select(entry => entry.Sequence));
        Assert.Equal(3, azure.Ledger.Count("east").Answered);
    }

    [Fact]
    public async Task WaitFor_Cancelled_Throws()
    {
        await using var azure = await Simulators.StartOneAsync();

        var waiting = azure.Ledger.WaitForAsync(_ => false, new CancellationToken(canceled: true));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task Count_UnknownResource_Throws()
    {
        await using var azure = await Simulators.StartOneAsync();

        Assert.Throws<ArgumentException>(() => azure.Ledger.Count("north"));
        Assert.Throws<ArgumentException>(() => azure.Ledger.Snapshot("north"));
        Assert.Throws<ArgumentOutOfRangeException>(() => azure.Ledger.Count("east")[(LedgerOutcome)99]);
    }

    [Fact]
    public async Task ClientAborts_DuringLatency_IsRecorded()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Latency = Latency.Constant(TimeSpan.FromHours(1)), new FakeTimeProvider());
        using var client = new WireClient(azure["east"]);
        using var patience = new CancellationTokenSource();

        var call = client.StartChatAsync("hello", stream: true, patience.Token);
        await azure.Ledger.WaitForAsync(entries => entries is [{ EstimatedTokens: > 0 }], Cancellation);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var ended = await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);
        Assert.Equal((LedgerOutcome.AbortedByClient, null), (ended[0].Outcome, ended[0].Status));
    }
}
