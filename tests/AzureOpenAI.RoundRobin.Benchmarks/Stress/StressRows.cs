using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>The states that are measured, each at several sizes, and beside other clients where they know the state.</summary>
internal static class StressRows
{
    public const string Ours = "round robin";

    /// <summary>Room for the answers of a deployment grows with its 17th for the last time.</summary>
    private const int OftenEach = 20;

    /// <summary>These steps take longer than the second for which a limit of requests counts a call, on <see cref="QuickClock"/>.</summary>
    private const int LongUse = 100_000;

    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];
    private static readonly string[] Others = ["ordered failover", "polly", "rotation by hand"];

    public static IEnumerable<Row> All =>
    [
        .. Calls(),
        .. from inFlight in (int[])[1_000, 10_000, 40_000]
           from client in (string[])[Ours, "ordered failover", "polly"]
           select new Row("one of 10 endpoints refuses a call that it holds", $"{inFlight:N0} in flight", client, () => Refused(client, inFlight)),
        .. from models in (int[])[20, 200]
           from row in Models(models)
           select row,
        .. from inFlight in (int[])[10, 10_000]
           from row in Reads(inFlight)
           select row,
        .. from inFlight in (int[])[1_000, 10_000]
           select new Row("the end of a call at an endpoint that has left", $"{inFlight:N0} in flight", Ours, () => Leaver(inFlight)),
        .. QueueRows.All,
        .. RuleRows.All,
        new Row("construction", "20 endpoints x 200 deployments", Ours, static () => Configured(isUpdate: false)),
        new Row("an update to the same", "20 endpoints x 200 deployments", Ours, static () => Configured(isUpdate: true)),
    ];

    private static IEnumerable<Row> Calls() =>
    [
        .. from client in (string[])[Ours, .. Others]
           select new Row("an asynchronous call, nothing wrong", "3 endpoints", client, () => AsynchronousCalls(Client(client, Holding(3)))),
        new Row("a complete call, nothing wrong", "3 endpoints", Ours, static () => CompleteCalls(Holding(3), perMinute: null)),
        .. from endpoints in (int[])[3, 30, 1_000]
           select new Row("a complete call, limits far away", $"{endpoints:N0} endpoints", Ours, () => CompleteCalls(Holding(endpoints), perMinute: int.MaxValue)),
        .. from endpoints in (int[])[3, 30, 1_000]
           select new Row("an asynchronous call, limits far away", $"{endpoints:N0} endpoints", Ours, () => AsynchronousCalls(Client(Ours, Holding(endpoints), perMinute: int.MaxValue, new QuickClock()))),
        .. from client in Others
           select new Row("an asynchronous call, no limits", "1,000 endpoints", client, () => AsynchronousCalls(Client(client, Holding(1_000)))),
    ];

    public static HoldingClient[] Holding(int count) => [.. Enumerable.Range(0, count).Select(static _ => new HoldingClient())];

    public static (IChatClient Client, HoldingClient[] Clients) Client(string name, HoldingClient[] clients, int? perMinute = null, TimeProvider? time = null) => (name switch
    {
        "ordered failover" => new OrderedFailoverChatClient(clients),
        "polly" => new PollyPerEndpoint(clients),
        "rotation by hand" => Peers.Rotation(clients),
        _ => Pool(clients, perMinute, time),
    }, clients);

    public static RoundRobinChatClient Pool(HoldingClient[] clients, int? perMinute = null, TimeProvider? time = null, int models = 0) =>
        new(new EndpointPool(ConfigurationResolver.ForPool(Options(clients, perMinute, models)), timeProvider: time));

    public static RoundRobinOptions Options(HoldingClient[] clients, int? perMinute = null, int models = 0, int skipped = 0)
    {
        RoundRobinOptions options = new() { MaxWait = TimeSpan.FromHours(1), MaxWaiting = int.MaxValue };
        for (int i = skipped; i < clients.Length; i++)
        {
            EndpointOptions entry = new() { Name = $"{i}", ChatClient = clients[i], RequestsPerMinute = perMinute };
            for (int model = 0; model < models; model++)
            {
                entry.Deployments[$"model-{model}"] = $"deployment-{model}";
            }

            options.Endpoints.Add(entry);
        }

        return options;
    }

    private static Round CompleteCalls(HoldingClient[] clients, int? perMinute)
    {
        Array.ForEach(clients, static one => one.Holds = false);
        RoundRobinChatClient client = Pool(clients, perMinute, new QuickClock());
        return Used(new(Steps(clients.Length), _ => client.GetResponseAsync(Messages), client.Dispose), clients.Length);
    }

    private static int Steps(int deployments) => Math.Max(2_000, deployments);

    /// <summary>What a deployment makes for its first calls is not what is measured, nor how the log of a limit grows until its first entries are over.</summary>
    private static Round Used(Round round, int deployments)
    {
        for (int step = 0; step < Math.Max(LongUse, OftenEach * deployments); step++)
        {
            round.Step(step);
        }

        return round;
    }

    private static Round AsynchronousCalls((IChatClient Client, HoldingClient[] Clients) peer) => Used(
        new(Steps(peer.Clients.Length), CallAndAnswer(peer.Clients, _ => peer.Client.GetResponseAsync(Messages)), peer.Client.Dispose), peer.Clients.Length);

    /// <summary>The next client in turn is not known from here: each holds one call at most, and is asked again after it.</summary>
    private static Action<int> CallAndAnswer(HoldingClient[] clients, Action<int> call)
    {
        int at = 0;
        return step =>
        {
            call(step);
            for (; clients[at].Held == 0; at = (at + 1) % clients.Length)
            {
            }

            clients[at].Answer();
        };
    }

    private static Round Refused(string name, int inFlight)
    {
        (IChatClient client, HoldingClient[] clients) = Client(name, Holding(10));
        Fill(client, inFlight);
        Array.ForEach(clients, static one => one.Holds = false);
        Exception[] refusals = HoldingClient.EachTooMany(Math.Min(100, clients[0].Held));
        return new(refusals.Length, i => clients[0].Refuse(refusals[i]), () => { });
    }

    private static IEnumerable<Row> Models(int models)
    {
        string size = $"{models} models, 20 endpoints";
        return
        [
            new("many models: an asynchronous call", size, Ours, () => OfModels(models)),
            new("many models: a call refused once", size, Ours, () => RefusedOfModels(models)),
            new("many models: the worst call while a resource returns", size, Ours, () => Returning(models)),
        ];
    }

    private static Round OfModels(int models)
    {
        HoldingClient[] clients = Holding(20);
        RoundRobinChatClient client = Pool(clients, models: models);
        ChatOptions[] options = Names(models);
        return Used(new(Steps(clients.Length * models), CallAndAnswer(clients, i => client.GetResponseAsync(Messages, options[i % models])), client.Dispose), clients.Length * models);
    }

    private static Round RefusedOfModels(int models)
    {
        HoldingClient[] clients = Holding(20);
        RoundRobinChatClient client = Pool(clients, models: models);
        ChatOptions[] options = Names(models);
        for (int i = 0; i < 20 * Math.Min(models, 20); i++)
        {
            _ = client.GetResponseAsync(Messages, options[i % Math.Min(models, 20)]);
        }

        Array.ForEach(clients, static one => one.Holds = false);
        Exception[] refusals = HoldingClient.EachTooMany(20);
        return new(20, i => clients[i].Refuse(refusals[i]), client.Dispose);
    }

    /// <summary>The first resource cannot be reached, and then again: a call for each model, while all its deployments become available.</summary>
    private static Round Returning(int models)
    {
        HoldingClient[] clients = Holding(20);
        Array.ForEach(clients, static one => one.Holds = false);
        StillClock clock = new();
        RoundRobinChatClient client = Pool(clients, time: clock, models: models);
        ChatOptions[] options = Names(models);
        clients[0].Refusal = new HttpRequestException(HttpRequestError.ConnectionError);
        for (int i = 0; i < 40; i++)
        {
            _ = client.GetResponseAsync(Messages, options[i % models]);
        }

        clients[0].Refusal = null;
        clock.Move(TimeSpan.FromMinutes(5));
        return new(20 * models, i => client.GetResponseAsync(Messages, options[i % models]), client.Dispose) { IsWorst = true };
    }

    private static ChatOptions[] Names(int models) => [.. Enumerable.Range(0, models).Select(static model => new ChatOptions { ModelId = $"model-{model}" })];

    private static IEnumerable<Row> Reads(int inFlight)
    {
        string size = $"{inFlight:N0} in flight";
        return
        [
            new("GetStatus", size, Ours, () => Read(inFlight, static (pool, _) => pool.GetStatus())),
            new("a scrape of both gauges", size, Ours, () => Read(inFlight, static (pool, gauges) =>
            {
                _ = gauges.ByState().Count();
                _ = gauges.InFlight().Count();
            })),
        ];
    }

    private static Round Read(int inFlight, Action<EndpointPool, PoolGauges> read)
    {
        RoundRobinChatClient client = Pool(Holding(10));
        PoolGauges gauges = new();
        gauges.Add(client.Pool);
        Fill(client, inFlight);
        return new(500, _ => read(client.Pool, gauges), client.Dispose);
    }

    private static Round Leaver(int inFlight)
    {
        HoldingClient[] clients = Holding(10);
        RoundRobinChatClient client = Pool(clients);
        Fill(client, inFlight);
        client.Pool.Update(Options(clients, skipped: 1));
        return new(inFlight / 20, _ => clients[0].Answer(), client.Dispose);
    }

    private static Round Configured(bool isUpdate)
    {
        RoundRobinOptions options = Options(Holding(20), models: 199);
        EndpointPool? pool = isUpdate ? new(options) : null;
        return new(1, _ =>
        {
            pool?.Update(options);
            pool ??= new(options);
        }, () => pool!.Dispose());
    }

    public static void Fill(IChatClient client, int inFlight)
    {
        for (int i = 0; i < inFlight; i++)
        {
            _ = client.GetResponseAsync(Messages);
        }
    }
}
