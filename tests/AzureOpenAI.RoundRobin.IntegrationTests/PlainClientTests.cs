using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Transport;
using OpenAI;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>
/// A pool of one is never worse than the SDK's own client, with its retries as they come: over everything that a server can do to an exchange. It runs alone, since some
/// thousand clients at once would make other tests late.
/// </summary>
[Trait("Rule", "Law 1")]
[Collection(nameof(PlainClientTests))]
[CollectionDefinition(nameof(PlainClientTests), DisableParallelization = true)]
public sealed class PlainClientTests
{
    private const int Always = PlainCase.Always;

    /// <summary>Three failures in a row take 7 s of cooldowns; a machine that is busy with two thousand clients may add seconds.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(12);

    /// <summary>Of an attempt, where the server is silent. For all others it is the default.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2.5);

    /// <summary>Where the plain client would wait for a day.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private delegate IChatClient CreateClient(Uri address, in PlainCase asked, X509Certificate2? certificate);

    [Fact]
    public async Task A_pool_of_one_is_never_worse_than_the_plain_client()
    {
        PlainRow[] rows = await Task.WhenAll(
            from fault in WireFaults.All.OrderBy(static fault => !fault.IsSilent)
            from streaming in (bool[])[false, true]
            where streaming ? fault.IsForStreams : fault.IsForCalls
            from isV1 in (bool[])[false, true]
            from times in (int[])[1, 3, Always, -1]
            where times == Always || isV1 == streaming
            // A call makes two attempts that run out of time, since each may have been executed; the plain client makes four.
            where times != 3 || !fault.IsSilent
            select CompareAsync(new(fault, times < 0 ? Always : times, IsFresh: times < 0, streaming, isV1)));

        AssertNoneIsWorse(rows, least: 1000);
    }

    /// <summary>The same behind TLS, and over what a server can do to the handshake. Both clients believe any certificate.</summary>
    [Fact]
    public async Task Nor_behind_TLS()
    {
        using ECDsa pair = ECDsa.Create();
        CertificateRequest request = new("CN=127.0.0.1", pair, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));

        // A few at a time, so that a handshake is quick enough for those whose attempts run out of time.
        using SemaphoreSlim turns = new(50);
        PlainRow[] rows = await Task.WhenAll(
            from isGreeting in (bool[])[true, false]
            from fault in isGreeting ? WireFaults.Greetings : WireFaults.All
            from streaming in (bool[])[false, true]
            where streaming ? fault.IsForStreams : fault.IsForCalls
            from times in (int[])[1, Always]
            where times == 1 || isGreeting
            // A reset may overtake what was sent before it, so the two clients may see different things.
            where !fault.Name.StartsWith("reset after", StringComparison.Ordinal)
            select InTurnAsync(() => CompareAsync(new(fault, times, IsFresh: isGreeting, streaming, IsV1: streaming), certificate, isGreeting)));

        AssertNoneIsWorse(rows, least: 250);

        async Task<PlainRow> InTurnAsync(Func<Task<PlainRow>> compare)
        {
            await turns.WaitAsync(TestContext.Current.CancellationToken);
            try
            {
                return await compare();
            }
            finally
            {
                turns.Release();
            }
        }
    }

    /// <summary>The same over the simulator's faults, which the users of its package try.</summary>
    [Fact]
    public async Task Nor_over_the_faults_of_the_simulator()
    {
        PlainCase[] cases =
        [
            .. from fault in Simulated
               from streaming in (bool[])[false, true]
               from times in (int[])[1, 3, Always]
               where times != 3 || !fault.IsSilent
               select new PlainCase(new WireFault(fault.Name, static _ => Task.CompletedTask) { IsSilent = fault.IsSilent }, times, IsFresh: false, streaming, IsV1: streaming),
        ];
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                for (int i = 0; i < cases.Length; i++)
                {
                    options.AddResource($"plain-{i}", Set);
                    options.AddResource($"ours-{i}", Set);
                }
            },
            TestContext.Current.CancellationToken);

        PlainRow[] rows = await Task.WhenAll(cases.Select(async (asked, i) =>
        {
            Task<(CallEnd, CallEnd)> plain = AskAsync(asked, azure[$"plain-{i}"], CreatePlain);
            return new PlainRow(asked, await AskAsync(asked, azure[$"ours-{i}"], CreateOurs), await plain);
        }));

        AssertNoneIsWorse(rows, least: 180);

        static void Set(ResourceOptions resource) => resource.Respond(static _ => RawPair.WestText).ApiKey = RawPair.EastKey;
    }

    private static string[] Hints => ["retry-after-ms: 2000", "x-ms-retry-after-ms: 2000", "Retry-After: 2", "Retry-After: 1.5"];

    private static IEnumerable<(string Name, bool IsSilent)> Simulated =>
    [
        // A pause that is longer than MaxWait is kept, whatever comes of it, so these are shorter.
        .. Hints.Select(static header => ($"hint {header}", false)), ("429", false), ("429 for a day", false),
        .. from name in Faults.Names.Except([.. Faults.Throttled]) select (name, false),
        .. from kind in (string[])["cut", "end", "error event"] from events in (int[])[0, 1, 3, 4] select ($"{kind} {events}", false),
        ("never answer", true), ("stall 0", true), ("stall 2", true), ("stall 4", true), ("finish reason", false), ("delay", false), ("status 200 of JSON", false), ("status 599", false),
    ];

    private static Fault Named(string name) => name.Split(' ') switch
    {
        ["cut", string events] => Fault.CutAfter(int.Parse(events)),
        ["end", string events] => Fault.EndAfter(int.Parse(events)),
        ["error", "event", string events] => Fault.ErrorEventAfter(int.Parse(events)),
        ["stall", string events] => Fault.StallAfter(int.Parse(events)),
        ["hint", string header, string value] => Fault.Status(value == "2" ? 503 : 429).WithHeader(header.TrimEnd(':'), value),
        ["never", "answer"] => Fault.NeverAnswer(),
        ["finish", "reason"] => Fault.FinishReason(),
        ["delay"] => Fault.Delay(Latency.Constant(TimeSpan.FromMilliseconds(500))),
        ["status", "599"] => Fault.Status(599),
        ["status", "200", ..] => Fault.Response(200, "{}"),
        _ => Faults.Named(name, TimeProvider.System),
    };

    private static void AssertNoneIsWorse(PlainRow[] rows, int least)
    {
        Assert.True(rows.Length >= least, $"{rows.Length} rows.");
        int worse = rows.Count(static row => row.Worse is not null);
        Assert.True(worse == 0, $"{worse} of {rows.Length} rows are worse.\n{string.Join('\n', rows.OrderBy(static row => row.Worse is null))}");
    }

    private static async Task<PlainRow> CompareAsync(PlainCase asked, X509Certificate2? certificate = null, bool isGreeting = false)
    {
        Task<(CallEnd, CallEnd)> plain = AskAsync(asked, certificate, isGreeting, CreatePlain);
        return new(asked, await AskAsync(asked, certificate, isGreeting, CreateOurs), await plain);
    }

    private static async Task<(CallEnd End, CallEnd Next)> AskAsync(PlainCase asked, X509Certificate2? certificate, bool isGreeting, CreateClient create)
    {
        int left = 0;
        await using RawServer server = new(
            exchange => !isGreeting && Interlocked.Decrement(ref left) >= 0 ? asked.Fault.Say(exchange) : RawPair.AnswerWellAsync(exchange),
            certificate,
            isGreeting ? async connection => Interlocked.Decrement(ref left) >= 0 && await SayAsync(asked.Fault, connection) : null);
        return await AskAsync(asked, server.Endpoint, certificate, create, isSpoiled => Volatile.Write(ref left, isSpoiled ? asked.Times : 0));
    }

    private static async Task<bool> SayAsync(WireFault greeting, RawExchange connection)
    {
        await greeting.Say(connection);
        return true;
    }

    private static Task<(CallEnd End, CallEnd Next)> AskAsync(PlainCase asked, SimulatedResource resource, CreateClient create) =>
        AskAsync(asked, resource.Endpoint, null, create, isSpoiled =>
        {
            resource.Faults.Clear();
            if (isSpoiled)
            {
                Fault fault = Named(asked.Fault.Name);
                resource.Faults.Add(asked.Times == Always ? fault : fault.Times(asked.Times));
            }
        });

    private static async Task<(CallEnd End, CallEnd Next)> AskAsync(PlainCase asked, Uri address, X509Certificate2? certificate, CreateClient create, Action<bool> spoil)
    {
        using IChatClient client = create(new Uri(address, asked.IsV1 ? "openai/v1" : ""), asked, certificate);
        if (!asked.IsFresh)
        {
            CallEnd first = await CallEnd.OfAsync(client, asked.Streaming, Longest);
            Assert.True(first.IsAnswered, $"{asked}: {first.Failure}");
        }

        spoil(true);
        CallEnd end = await CallEnd.OfAsync(client, asked.Streaming, Longest);
        spoil(false);
        return (end, await CallEnd.OfAsync(client, asked.Streaming, Longest));
    }

    private static IChatClient CreatePlain(Uri address, in PlainCase asked, X509Certificate2? certificate)
    {
        TimeSpan? timeout = asked.Fault.IsSilent ? Silence : null;
        ApiKeyCredential key = new(RawPair.EastKey);
        HttpClientPipelineTransport? transport = certificate is null ? null : new(Believing(new SocketsHttpHandler()));
        OpenAIClient client = asked.IsV1
            ? new OpenAIClient(key, new OpenAIClientOptions { Endpoint = address, NetworkTimeout = timeout, Transport = transport })
            : new AzureOpenAIClient(address, key, new AzureOpenAIClientOptions { NetworkTimeout = timeout, Transport = transport });
        return client.GetChatClient("gpt-4o").AsIChatClient();
    }

    private static IChatClient CreateOurs(Uri address, in PlainCase asked, X509Certificate2? certificate)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o", MaxWait = MaxWait };
        options.AttemptTimeout = asked.Fault.IsSilent ? Silence : options.AttemptTimeout;
        // The pool's own handler, but for what it believes.
        options.HttpClient = certificate is null ? null : Believing(SdkClients.CreateHandler());
        options.Endpoints.Add(new EndpointOptions { Endpoint = address, ApiKey = RawPair.EastKey });
        return new RoundRobinChatClient(new EndpointPool(ConfigurationResolver.ForPool(options), jitter: static () => 0));
    }

    [SuppressMessage("Security", "CA5359:Do not disable certificate validation", Justification = "The certificate is the test's own.")]
    private static HttpClient Believing(SocketsHttpHandler handler)
    {
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
