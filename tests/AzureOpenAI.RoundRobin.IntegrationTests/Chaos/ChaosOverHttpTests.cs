using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Chaos;

/// <summary>
/// Everything goes wrong at once, over real HTTP: each call ends as it should, and when it is over the pool is as good as new. Some seconds of it; <c>CHAOS_HTTP_SECONDS=60</c> in
/// the environment makes it as many.
/// </summary>
public sealed class ChaosOverHttpTests(ITestOutputHelper output)
{
    private const int Callers = 24;
    private const int MostCollections = 200;
    private const string Embeddings = "text-embedding-3-small";

    private static readonly string[] Names = ["east", "west", "north", "south", "centre"];

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <param name="hasRock">Nothing befalls the first endpoint, so that it is never blamed for what others do.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_end_as_they_should_while_everything_goes_wrong(bool hasRock)
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using Fleet fleet = await Fleet.StartAsync(Names, setup =>
        {
            setup.Simulator = options => options.Seed = seed;
            setup.Resource = Prepare;
            setup.Endpoint = Map;
            setup.Pool = options =>
            {
                options.MaxWait = TimeSpan.FromSeconds(5);
                options.AttemptTimeout = TimeSpan.FromSeconds(1);
            };
        });
        using CancellationTokenSource over = new(TimeSpan.FromSeconds(Read("CHAOS_HTTP_SECONDS") ?? 3));
        using ChaosCallers callers = new(fleet, Names, seed);
        await callers.LearnAsync();

        Task trouble = TroubleAsync(fleet, new Random(seed), hasRock ? 1 : 0, over.Token);
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(() => callers.CallAsync(over.Token)))).WaitAsync(Patience, TestContext.Current.CancellationToken);
        await trouble;

        output.WriteLine(callers.ToString());
        Assert.True(callers.Faults.IsEmpty, string.Join('\n', callers.Faults));
        Assert.Equal(0, fleet.Pool.WaitingCalls);
        CollectDropped(fleet);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
        Assert.DoesNotContain(fleet.Logs.GetSnapshot(), entry => hasRock && IsBlamed(entry, Names[0]));
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(entry.Resource, entry.PresentedKey));
        await HealAsync(fleet, callers);
    }

    [Fact]
    public async Task Calls_that_meet_the_end_of_their_pool_end_with_it()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using Fleet fleet = await Fleet.StartAsync(Names, setup => (setup.Resource, setup.Endpoint) = (Prepare, Map));
        using CancellationTokenSource over = new();
        using ChaosCallers callers = new(fleet, Names, seed) { MayBeDisposed = true };
        await callers.LearnAsync();

        Task calls = Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(() => callers.CallAsync(over.Token))));
        await fleet.WaitForAttemptAsync("west");
        fleet.Pool.Dispose();
        over.CancelAfter(TimeSpan.FromMilliseconds(20));
        await calls.WaitAsync(Patience, TestContext.Current.CancellationToken);

        output.WriteLine(callers.ToString());
        Assert.True(callers.Faults.IsEmpty, string.Join('\n', callers.Faults));
        CollectDropped(fleet);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
    }

    /// <summary>Streams that their callers left without disposing of them end when they are collected.</summary>
    private static void CollectDropped(Fleet fleet)
    {
        for (int i = 0; i < MostCollections && fleet.Pool.GetStatus().Any(static status => status.InFlight > 0); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Yield();
        }
    }

    /// <summary>As misconfigured, rate limited or failing. A machine that is busy may make it late.</summary>
    private static bool IsBlamed(FakeLogRecord entry, string name) => entry.Id.Id is >= 1 and <= 4
        && entry.GetStructuredStateValue("Endpoint") == name && entry.GetStructuredStateValue("Reason") is not ("timed_out" or "stalled" or "cut");

    private static void Prepare(ResourceOptions resource)
    {
        resource.AddDeployment(Fleet.Deployment).AddDeployment(Embeddings);
        resource.Latency = Latency.LogNormal(TimeSpan.FromMilliseconds(10), 1);
    }

    private static void Map(SimulatedResource resource, EndpointOptions endpoint) => endpoint.Deployments[ChaosCallers.Vectors] = Embeddings;

    private static double? Read(string name) =>
        double.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;

    /// <summary>New trouble somewhere every few milliseconds, each for a while, and other configurations in between.</summary>
    private static async Task TroubleAsync(Fleet fleet, Random random, int first, CancellationToken over)
    {
        List<Task> pending = [];
        while (!over.IsCancellationRequested)
        {
            SimulatedResource resource = fleet[Names[random.Next(first, Names.Length)]];
            switch (random.Next(14))
            {
                case 0:
                    pending.Add(resource.RefuseConnectionsAsync(TimeSpan.FromMilliseconds(random.Next(10, 300)), CancellationToken.None));
                    break;
                case 1:
                    resource.ResetConnections();
                    break;
                case 2 or 3:
                    Reload(fleet, random);
                    break;
                case 4:
                    resource.Faults.Clear();
                    break;
                default:
                    resource.Faults.Add(Draw(random).WithProbability(random.NextDouble()).Times(random.Next(1, 20)));
                    break;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 40)), TimeProvider.System, CancellationToken.None);
        }

        await Task.WhenAll(pending);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Clear();
        }
    }

    private static Fault Draw(Random random) => random.Next(24) switch
    {
        0 => Fault.Status(500),
        1 => Fault.Status(503).WithHeader("Retry-After", "1"),
        2 => Fault.Throttle(TimeSpan.FromMilliseconds(random.Next(1, 500))),
        3 => Fault.Status(429),
        4 => Fault.ResetBeforeHeaders(),
        5 => Fault.NeverAnswer(),
        6 => Fault.CutAfter(random.Next(1, 6)),
        7 => Fault.EndAfter(random.Next(1, 6)),
        8 => Fault.StallAfter(random.Next(1, 6)),
        9 => Fault.ErrorEventAfter(random.Next(1, 6)),
        10 => Fault.MalformedJson(),
        11 => Fault.EmptyBody(),
        12 => Fault.Html(),
        13 => Fault.ErrorEventAfter(0),
        14 => Fault.Status(421),
        15 => Fault.Status(400, "It does not work with the specified model.", "OperationNotSupported"),
        16 => Fault.Html(403),
        17 => Fault.FinishReason(),
        18 => Fault.Response(200, "[5]"),
        19 => Fault.StallAfter(0),
        20 => Fault.Status(403).WithHeader("Retry-After", "1"),
        21 => Fault.Status(500).WithHeader("retry-after-ms", "300"),
        22 => Fault.Status(429, "Please retry after 1 second."),
        23 => Fault.Status(429).WithHeader("x-ratelimit-remaining-tokens", "0").WithHeader("x-ratelimit-reset-tokens", "300ms"),
        _ => Fault.Delay(Latency.Constant(TimeSpan.FromMilliseconds(random.Next(1, 400)))),
    };

    private static void Reload(Fleet fleet, Random random)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment, MaxWait = TimeSpan.FromSeconds(5), AttemptTimeout = TimeSpan.FromSeconds(1) };
        foreach (SimulatedResource resource in fleet.Azure.Resources.Where(resource => resource.Name == Names[0] || random.Next(4) > 0))
        {
            EndpointOptions endpoint = fleet.EndpointFor(resource);
            endpoint.Weight = random.Next(1, 4);
            options.Endpoints.Add(endpoint);
        }

        fleet.Pool.Update(options);
    }

    private static async Task HealAsync(Fleet fleet, ChaosCallers callers)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            options.Endpoints.Add(fleet.EndpointFor(resource));
        }

        fleet.Pool.Update(options);
        long began = Stopwatch.GetTimestamp();
        while (fleet.Pool.GetStatus().Any(status => status.State != EndpointState.Healthy))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, string.Join(", ", fleet.Pool.GetStatus().Select(status => $"{status.Name} {status.State} {status.Reason} {status.ReadyIn}")));
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => fleet.AskAsync(streaming: i % 2 == 0)));
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => callers.LearnAsync()));
        }
    }
}
