using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Embeddings go by the same rules as chat, over both routes; the resources have a chat deployment beside, which no batch may meet.</summary>
public sealed class EmbeddingTests
{
    private const string Small = "text-embedding-3-small";

    private static readonly string[] Batch = ["a first text", "a second one", "and a third"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Faulty
    {
        get
        {
            TheoryData<string, bool> data = [];
            // What ends early or is cut is a stream's; a body that is cut while it comes is "reset".
            foreach (string name in Faults.All.Select(row => row.Data.Item1).Distinct())
            {
                data.Add(name, false);
                data.Add(name, true);
            }

            return data;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Batches_take_turns_and_stay_together(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west", "north"], v1);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        GeneratedEmbeddings<Embedding<float>> first = await generator.GenerateAsync(Batch, new() { Dimensions = 8 }, Cancellation);

        for (int i = 1; i < 9; i++)
        {
            GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(Batch, new() { Dimensions = 8 }, Cancellation);
            Assert.Equal(first.Select(embedding => embedding.Vector.ToArray()), answer.Select(embedding => embedding.Vector.ToArray()));
            Assert.Equal(1, answer.AdditionalProperties!["azure_openai.round_robin.attempts"]);
        }

        Assert.Equal([3, 3, 3], new[] { "east", "west", "north" }.Select(fleet.Attempts));
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal((ApiOperation.Embeddings, Small, Batch[^1]), (entry.Operation, entry.Deployment, entry.LastUserText)));
        Assert.Equal(["east", "north", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource).Distinct().Order());
        Assert.Equal((3, 8), (first.Count, first[0].Vector.Length));
        Assert.InRange(first.Usage!.InputTokenCount!.Value, 1, 100);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((3 * first.Usage.InputTokenCount.Value, 0L), (status.InputTokens, status.OutputTokens)));
    }

    [Theory]
    [MemberData(nameof(Faulty))]
    public async Task Every_failure_moves_the_whole_batch(string fault, bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Faults.Named(fault, TimeProvider.System));

        GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(Batch, cancellationToken: Cancellation);

        Assert.Equal(Batch.Length, answer.Count);
        Assert.Equal(("west", 2), (answer.AdditionalProperties!["azure_openai.round_robin.endpoint"], (int)answer.AdditionalProperties["azure_openai.round_robin.attempts"]!));
        Assert.Equal([1, 1], [fleet.Attempts("east"), fleet.Attempts("west")]);
        Assert.Equal(1, fleet.StatusOf("east").Failed);
    }

    [Fact]
    public async Task A_hint_is_kept_and_the_others_share_evenly()
    {
        await using Fleet fleet = await StartAsync(["east", "west", "north"]);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));

        for (int i = 0; i < 20; i++)
        {
            await generator.GenerateAsync(Batch, cancellationToken: Cancellation);
        }

        Assert.Equal(1, fleet.Attempts("east"));
        Assert.InRange(fleet.Attempts("west") - fleet.Attempts("north"), -1, 1);
        Assert.InRange(fleet.StatusOf("east").ReadyIn!.Value.TotalSeconds, 10, 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_unreachable_endpoint_costs_one_attempt(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        await fleet["east"].StopListeningAsync();

        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(Batch.Length, (await generator.GenerateAsync(Batch, cancellationToken: Cancellation)).Count);
        }

        Assert.Equal(6, fleet.Attempts("west"));
        Assert.Equal((EndpointState.Unavailable, 1L), (fleet.StatusOf("east").State, fleet.StatusOf("east").Failed));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deployment_that_one_endpoint_lacks_is_named_and_the_others_answer(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1, setup =>
            setup.Endpoint = (resource, endpoint) => endpoint.DeploymentName = resource.Name == "east" ? "never-made" : Small);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);

        for (int i = 0; i < 6; i++)
        {
            await generator.GenerateAsync(Batch, cancellationToken: Cancellation);
        }

        Assert.Equal([1, 6], [fleet.Attempts("east"), fleet.Attempts("west")]);
        Assert.Contains(fleet.Logs.GetSnapshot(), record => record.Message.StartsWith("Endpoint 'east' is misconfigured", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_fault_of_the_request_surfaces_and_nobody_is_blamed(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);

        ClientResultException failure = await Assert.ThrowsAsync<ClientResultException>(
            () => generator.GenerateAsync(Batch, new() { Dimensions = 100_000 }, Cancellation));

        Assert.Equal(400, failure.Status);
        Assert.Equal(1, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_named_model_goes_to_its_deployment_at_each_endpoint(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1, setup =>
        {
            setup.Resource = resource => resource.AddDeployment(Small).AddDeployment($"large-{resource.Name}", deployment => deployment.EmbeddingDimensions = 3072);
            setup.Endpoint = (resource, endpoint) => endpoint.Deployments["text-embedding-3-large"] = $"large-{resource.Name}";
        });
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        EmbeddingGenerationOptions options = new() { ModelId = "text-embedding-3-large" };

        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(3072, (await generator.GenerateAsync(Batch, options, Cancellation))[0].Vector.Length);
        }

        Assert.Equal(["large-east", "large-west"], fleet.Ledger.Snapshot().Select(entry => entry.Deployment));
        Assert.Equal("text-embedding-3-large", options.ModelId);
    }

    [Fact]
    public async Task Calls_wait_while_no_endpoint_is_fit()
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await StartAsync(["east", "west"], configure: setup => setup.Time = time);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Fault.Throttle(7.Seconds()).Times(1));
        fleet["west"].Faults.Add(Fault.Throttle(9.Seconds()).Times(1));

        Task<GeneratedEmbeddings<Embedding<float>>> running = generator.GenerateAsync(Batch, cancellationToken: Cancellation);
        while (fleet.Waiting == 0)
        {
            await Task.Yield();
        }

        await time.AdvanceUntilAsync(7.Seconds(), () => running.IsCompleted);
        GeneratedEmbeddings<Embedding<float>> answer = await running;

        Assert.Equal(("east", 3), (answer.AdditionalProperties!["azure_openai.round_robin.endpoint"], (int)answer.AdditionalProperties["azure_openai.round_robin.attempts"]!));
        Assert.Equal([2, 1], [fleet.Attempts("east"), fleet.Attempts("west")]);
    }

    [Fact]
    public async Task When_every_endpoint_refuses_the_exception_lists_them()
    {
        await using Fleet fleet = await StartAsync(["east", "west"], configure: setup => setup.Pool = options => (options.DeploymentName, options.MaxWait) = (Small, TimeSpan.Zero));
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));
        fleet["west"].Faults.Add(Fault.Throttle(10.Seconds()));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => generator.GenerateAsync(Batch, cancellationToken: Cancellation));

        Assert.Equal(["east", "west"], failure.Attempts.Select(attempt => attempt.EndpointName));
        Assert.Equal(429, failure.Status);
        Assert.InRange(failure.RetryAfter!.Value.TotalSeconds, 5, 10);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cancelled_call_ends_the_request_and_blames_nobody(bool v1)
    {
        await using Fleet fleet = await StartAsync(["east", "west"], v1);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Fault.NeverAnswer());
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        Task<GeneratedEmbeddings<Embedding<float>>> running = generator.GenerateAsync(Batch, cancellationToken: caller.Token);
        await fleet.WaitForAttemptAsync("east");
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await fleet.Ledger.WaitForAsync(entries => entries is [{ Outcome: LedgerOutcome.AbortedByClient }], Cancellation);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task Many_callers_get_their_own_vectors_evenly_while_an_endpoint_fails()
    {
        await using Fleet fleet = await StartAsync(["east", "west", "north"]);
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        float[][] expected = [.. (await generator.GenerateAsync(Enumerable.Range(0, 16).Select(i => $"text {i}"), new() { Dimensions = 16 }, Cancellation)).Select(embedding => embedding.Vector.ToArray())];
        fleet["north"].Faults.Add(Fault.Throttle(60.Seconds()));

        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(
            async () =>
            {
                for (int i = 0; i < 20; i++)
                {
                    int other = (caller + i) % 16;
                    GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync([$"text {caller}", $"text {other}"], new() { Dimensions = 16 }, Cancellation);
                    Assert.Equal([expected[caller], expected[other]], answer.Select(embedding => embedding.Vector.ToArray()));
                }
            },
            Cancellation)));

        Assert.Equal(321, fleet.Ledger.Snapshot().Count(entry => entry.Outcome == LedgerOutcome.Answered));
        Assert.InRange(fleet.Attempts("north"), 1, 16);
        Assert.InRange(fleet.Attempts("east") - fleet.Attempts("west"), -16, 16);
    }

    [Fact]
    public async Task Ready_made_generators_of_the_SDK_fail_over_too()
    {
        await using Fleet fleet = await StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Status(503));
        using EndpointPool east = fleet.CreatePool(options => Keep(options, "east"));
        using EndpointPool west = fleet.CreatePool(options => Keep(options, "west"));
        using RoundRobinEmbeddingGenerator generator = new(new[] { east, west }.Select(static pool =>
            pool.Next().GetEmbeddingClient(Small).AsIEmbeddingGenerator()));

        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(Batch.Length, (await generator.GenerateAsync(Batch, cancellationToken: Cancellation)).Count);
        }

        Assert.Equal(4, fleet.Attempts("west"));

        static void Keep(RoundRobinOptions options, string name)
        {
            EndpointOptions kept = options.Endpoints.Single(endpoint => endpoint.Name == name);
            options.Endpoints.Clear();
            options.Endpoints.Add(kept);
            options.DeploymentName = Small;
        }
    }

    [Fact]
    public async Task A_cache_around_the_generator_asks_for_what_it_lacks()
    {
        await using Fleet fleet = await StartAsync(["east", "west"]);
        await using ServiceProvider services = new ServiceCollection().AddDistributedMemoryCache().BuildServiceProvider();
        using IEmbeddingGenerator<string, Embedding<float>> generator =
            new RoundRobinEmbeddingGenerator(fleet.Pool, leaveOpen: true).AsBuilder().UseDistributedCache().UseOpenTelemetry().Build(services);

        GeneratedEmbeddings<Embedding<float>> first = await generator.GenerateAsync(Batch, cancellationToken: Cancellation);
        GeneratedEmbeddings<Embedding<float>> again = await generator.GenerateAsync([.. Batch, "a fourth"], cancellationToken: Cancellation);

        Assert.Equal(first.Select(embedding => embedding.Vector.ToArray()), again.Take(3).Select(embedding => embedding.Vector.ToArray()));
        Assert.Equal([Batch[^1], "a fourth"], fleet.Ledger.Snapshot().Select(entry => entry.LastUserText));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("off", false)]
    [InlineData(null, false)]
    public async Task The_switch_alone_decides_and_no_batch_meets_a_chat_deployment(string? value, bool isPool)
    {
        await using Fleet fleet = await StartAsync(["east", "west"]);
        Dictionary<string, string?> variables = Connections.Variables(fleet, value);
        variables["AZURE_OPENAI_EMBEDDING_DEPLOYMENT"] = Small;
        ServiceCollection app = [];
        app.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(variables).Build());
        app.AddAzureOpenAIRoundRobin();
        app.AddAzureOpenAIRoundRobinEmbeddingGenerator();
        await using ServiceProvider services = app.BuildServiceProvider();
        IEmbeddingGenerator<string, Embedding<float>> generator = services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(3, (await generator.GenerateAsync(Batch, new() { Dimensions = 4 }, Cancellation)).Count);
        }

        await services.GetRequiredService<IChatClient>().GetResponseAsync("hello", cancellationToken: Cancellation);

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(entry.Operation == ApiOperation.Embeddings ? Small : Fleet.Deployment, entry.Deployment));
        Assert.Equal(isPool ? [2, 2] : [4, 0], new[] { "east", "west" }.Select(name => fleet.Ledger.Snapshot(name).Count(entry => entry.Operation == ApiOperation.Embeddings)));
        Assert.Equal(isPool, generator.GetService<RoundRobinEmbeddingGenerator>() is not null);
        Assert.Equal(isPool, generator.GetService<EndpointPool>() is not null);
    }

    [Fact]
    public async Task A_resource_that_throttles_chat_still_makes_embeddings_in_a_shared_pool()
    {
        await using Fleet fleet = await StartAsync(["east", "west"], configure: setup =>
        {
            setup.Endpoint = static (_, endpoint) => endpoint.Deployments["vectors"] = Small;
            setup.Pool = static options => options.DeploymentName = Fleet.Deployment;
        });
        using RoundRobinEmbeddingGenerator generator = new(fleet.Pool, leaveOpen: true);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()).Times(1));
        await fleet.AskAsync(streaming: false);

        for (int i = 0; i < 4; i++)
        {
            await generator.GenerateAsync(Batch, new() { ModelId = "vectors" }, Cancellation);
        }

        Assert.Equal([2, 2], new[] { "east", "west" }.Select(name => fleet.Ledger.Snapshot(name).Count(entry => entry.Operation == ApiOperation.Embeddings)));
        Assert.All(fleet.Ledger.Snapshot().Where(entry => entry.Operation == ApiOperation.Embeddings), entry => Assert.Equal(Small, entry.Deployment));
    }

    private static Task<Fleet> StartAsync(string[] resources, bool v1 = false, Action<FleetSetup>? configure = null) => Fleet.StartAsync(resources, setup =>
    {
        setup.IsV1 = v1;
        setup.Resource = static resource => resource.AddDeployment(Fleet.Deployment).AddDeployment(Small);
        setup.Pool = static options => options.DeploymentName = Small;
        configure?.Invoke(setup);
    });
}
