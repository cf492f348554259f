using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Nine of ten calls are cancelled at once, again and again: the others are answered, and no endpoint is blamed.</summary>
[Trait("Rule", "R21")]
public sealed class CancellationStormTests
{
    private const int Rounds = 12;
    private const int Calls = 200;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_costs_the_others_nothing(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        for (int round = 0; round < Rounds; round++)
        {
            using CancellationTokenSource source = new();
            Task<Answer>[] calls = [.. Enumerable.Range(0, Calls).Select(i => fleet.AskAsync(streaming, $"number {i}", cancellationToken: IsPatient(i) ? null : source.Token))];
            // Some have not left, some connect, some are half answered.
            await fleet.Ledger.WaitForAsync(entries => entries.Count > round * 20, TestContext.Current.CancellationToken);
            await source.CancelAsync();

            for (int i = 0; i < Calls; i++)
            {
                Exception? failure = await Record.ExceptionAsync(() => calls[i]);
                Assert.True(failure is null || (!IsPatient(i) && failure is OperationCanceledException), $"Call {i}: {failure}");
            }
        }

        Assert.All(fleet.Pool.GetStatus(), static status => Assert.Equal((EndpointState.Healthy, 0L, 0), (status.State, status.Failed, status.InFlight)));
    }

    private static bool IsPatient(int call) => call % 10 == 0;
}
