using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Chaos;

/// <summary>
/// Calls and streams at full speed, some failing over, cancelled or left: memory, handles and connections stay where they were. Some thousands; <c>SOAK_CALLS=200000</c> in the
/// environment makes it as many. They run alone, since what other tests open would count too.
/// </summary>
[Collection(nameof(SoakTests))]
[CollectionDefinition(nameof(SoakTests), DisableParallelization = true)]
public sealed class SoakTests(ITestOutputHelper output)
{
    private const int Least = 6000;
    private const int Parts = 10;
    private const int Callers = 16;

    /// <summary>What the server, the thread pool and the runtime may take besides.</summary>
    private const long Room = 12 * 1024 * 1024;

    [Fact]
    public async Task Nothing_grows_with_the_number_of_calls()
    {
        int calls = int.TryParse(Environment.GetEnvironmentVariable("SOAK_CALLS"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : Least;
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup =>
        {
            setup.Simulator = options => options.LedgerCapacity = 1000;
            setup.Pool = options => options.Affinity = EndpointAffinity.PromptCache;
        });
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.Status(500).WithProbability(0.01));
            resource.Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(20)).WithProbability(0.01));
            resource.Faults.Add(Fault.ResetBeforeHeaders().WithProbability(0.002));
        }

        List<(long Bytes, int Handles, int Connections)> sizes = [];
        long began = Stopwatch.GetTimestamp();
        for (int part = 0; part < Parts; part++)
        {
            int first = part * calls / Parts;
            await Parallel.ForEachAsync(
                Enumerable.Range(first, calls / Parts), new ParallelOptions { MaxDegreeOfParallelism = Callers, CancellationToken = TestContext.Current.CancellationToken },
                async (i, _) => await CallAsync(fleet, i));
            sizes.Add((await BytesAsync(), Process.GetCurrentProcess().HandleCount, Connections(fleet)));
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{first + (calls / Parts),7} calls, {Stopwatch.GetElapsedTime(began).TotalSeconds,6:0.0} s: {sizes[^1].Bytes / 1024.0 / 1024:0.0} MB, {sizes[^1].Handles} handles, {sizes[^1].Connections} connections"));
        }

        (long bytes, int handles, int connections) = sizes[2];
        Assert.All(sizes[3..], size =>
        {
            Assert.InRange(size.Bytes, 0, bytes + Room);
            Assert.InRange(size.Handles, 0, handles + (4 * Callers));
            Assert.InRange(size.Connections, 0, Math.Max(connections, 2 * 2 * Callers * 3));
        });
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
    }

    private static async Task CallAsync(Fleet fleet, int number)
    {
        using CancellationTokenSource source = new();
        try
        {
            switch (number % 20)
            {
                case 0:
                    source.CancelAfter(TimeSpan.FromMilliseconds(number % 5));
                    await fleet.AskAsync(streaming: number % 40 == 0, $"call {number}", cancellationToken: source.Token);
                    break;
                case 1:
                    await foreach (ChatResponseUpdate _ in fleet.Client.GetStreamingResponseAsync($"call {number}", cancellationToken: source.Token))
                    {
                        break;
                    }

                    break;
                default:
                    string prompt = $"call {number}";
                    Assert.EndsWith(prompt, (await fleet.AskAsync(streaming: number % 2 == 0, prompt, cancellationToken: source.Token)).Text, StringComparison.Ordinal);
                    break;
            }
        }
        catch (OperationCanceledException) when (source.IsCancellationRequested)
        {
        }
    }

    private static async Task<long> BytesAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    /// <summary>Those of this process to the resources' ports, at either end.</summary>
    private static int Connections(Fleet fleet)
    {
        int[] ports = [.. fleet.Azure.Resources.Select(resource => resource.Endpoint.Port)];
        return System.Net.NetworkInformation.IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections()
            .Count(connection => connection.State == System.Net.NetworkInformation.TcpState.Established && ports.Contains(connection.RemoteEndPoint.Port));
    }
}
