using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>
/// What a call and a stream cost over HTTP while 512 callers ask at once: the processor time of the process and the bytes, ours beside the SDK's own clients, in turn in one
/// process. The servers are a process of their own, so that what is measured is the client's; processor time and bytes hold on a machine that is busy with other work too.
/// </summary>
internal static class HttpLoad
{
    private const int Callers = 512;
    private const int Servers = 3;

    /// <summary>What the others are compared with.</summary>
    private const string Reference = "rotation by hand";

    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];
    private static readonly string[] Names = ["plain", Reference, "ordered failover", "round robin"];

    /// <summary>A rotation by hand that makes a call over fakes before each of its own: what the code of such a call costs where the SDK's own code runs in between, with no part in the call over HTTP.</summary>
    private static readonly string[] Besides = ["rotation, and a fake", "rotation, and the pool over fakes"];

    /// <summary>In the process of the servers: tells where they are, and serves until its input ends.</summary>
    public static void Serve()
    {
        CannedServer[] servers = [.. Enumerable.Range(0, Servers).Select(static _ => new CannedServer(hasServiceHeaders: true))];
        Console.WriteLine(string.Join(' ', servers.Select(static server => server.Address)));
        Console.In.ReadToEnd();
        Array.ForEach(servers, static server => server.Dispose());
    }

    /// <param name="quick">Fewer and shorter rounds.</param>
    /// <param name="path">Where the table goes; null for the console only.</param>
    public static async Task MeasureAsync(bool quick, string? path)
    {
        Stopwatch taken = Stopwatch.StartNew();
        using Process server = SelfStart.Of("serve");
        Uri[] addresses = Array.ConvertAll((await server.StandardOutput.ReadLineAsync())!.Split(' '), static address => new Uri(address));
        IChatClient[] clients = [.. Names.Concat(Besides).Select(name => Create(name, addresses))];
        List<string> table = ["| what | client | CPU, median | CPU, best round | bytes | CPU beside the rotation | bytes beside it |", "|---|---|--:|--:|--:|--:|--:|"];
        foreach (bool streams in (bool[])[false, true])
        {
            table.AddRange(await RowsAsync(streams ? clients[..Names.Length] : clients, streams, rounds: quick ? 8 : 24, calls: streams ? 6_000 : 12_000));
        }

        Array.ForEach(clients, static client => client.Dispose());
        server.StandardInput.Close();
        await server.WaitForExitAsync();
        table.ForEach(Console.WriteLine);
        await ResultPage.WriteAsync(path, $"Over HTTP with {Callers} callers", quick ? "http --quick" : "http", taken.Elapsed, table);
    }

    private static IChatClient Create(string name, Uri[] addresses) => name switch
    {
        "plain" => Plain(addresses[0]),
        Reference => Peers.Rotation(Array.ConvertAll(addresses, Plain)),
        "ordered failover" => new OrderedFailoverChatClient(Array.ConvertAll(addresses, Plain)),
        "round robin" => Pool(addresses),
        _ => new Beside(Peers.Rotation(Array.ConvertAll(addresses, Plain)), Peers.Create(name == Besides[0] ? "fake" : "round robin", isAsynchronous: true)),
    };

    private static IChatClient Plain(Uri address) => new AzureOpenAIClient(address, new ApiKeyCredential("key")).GetChatClient("gpt").AsIChatClient();

    private static RoundRobinChatClient Pool(Uri[] addresses)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt" };
        foreach (Uri address in addresses)
        {
            options.Endpoints.Add(new() { Endpoint = address, ApiKey = "key" });
        }

        return new(new EndpointPool(options));
    }

    private static async Task<IEnumerable<string>> RowsAsync(IChatClient[] clients, bool streams, int rounds, int calls)
    {
        List<(double Cpu, double Bytes)>[] figures = Array.ConvertAll(clients, static _ => new List<(double, double)>());
        for (int round = 0; round < rounds + (rounds / 2); round++)
        {
            for (int i = 0; i < clients.Length; i++)
            {
                // Each is as often the first as the last.
                int client = (round + i) % clients.Length;
                (double Cpu, double Bytes) figure = await OnceAsync(clients[client], streams, calls);

                // The first rounds warm up.
                if (round >= rounds / 2)
                {
                    figures[client].Add(figure);
                }
            }
        }

        List<(double Cpu, double Bytes)> reference = figures[Array.IndexOf(Names, Reference)];
        return figures.Select((figure, i) => string.Create(
            CultureInfo.InvariantCulture,
            $"| {(streams ? "a stream" : "a call")} | {(i < Names.Length ? Names[i] : Besides[i - Names.Length])} | {Median(figure.Select(static one => one.Cpu)):0.0} us | {figure.Min(static one => one.Cpu):0.0} us | {Median(figure.Select(static one => one.Bytes)):N0} B "
            + $"| {Percent(Median(figure.Zip(reference, static (one, other) => one.Cpu / other.Cpu)))} | {Percent(Median(figure.Zip(reference, static (one, other) => one.Bytes / other.Bytes)))} |"));
    }

    private static async Task<(double Cpu, double Bytes)> OnceAsync(IChatClient client, bool streams, int calls)
    {
        GC.Collect();
        using Process own = Process.GetCurrentProcess();
        (int left, TimeSpan cpu, long bytes) = (calls, own.TotalProcessorTime, GC.GetTotalAllocatedBytes(precise: true));
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await (streams ? (Task)client.GetStreamingResponseAsync(Messages).CountContentsAsync() : client.GetResponseAsync(Messages)).ConfigureAwait(false);
            }
        }));
        own.Refresh();
        return ((own.TotalProcessorTime - cpu).TotalMicroseconds / calls, (GC.GetTotalAllocatedBytes(precise: true) - bytes) / (double)calls);
    }

    private static double Median(IEnumerable<double> figures) => figures.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : default;

    private static string Percent(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{100 * (ratio - 1):+0.0;-0.0;0.0} %");

    /// <summary>Makes a call of another client before each of its own.</summary>
    private sealed class Beside(IChatClient inner, IChatClient other) : DelegatingChatClient(inner)
    {
        public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            await other.GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
            return await base.GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
        }
    }
}
