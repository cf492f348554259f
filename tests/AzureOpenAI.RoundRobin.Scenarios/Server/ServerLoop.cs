using System.Collections.Concurrent;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>The server process: does what the lines on its standard input say, until that ends.</summary>
internal static class ServerLoop
{
    private static readonly ConcurrentDictionary<int, Fleet> Fleets = new();

    public static async Task RunAsync()
    {
        TextWriter answers = TextWriter.Synchronized(Console.Out);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            Command command = JsonSerializer.Deserialize<Command>(line, Messages.Json)!;
            _ = Task.Run(async () => answers.WriteLine(JsonSerializer.Serialize(await DoAsync(command), Messages.Json)));
        }
    }

    private static async Task<Reply> DoAsync(Command command)
    {
        try
        {
            switch (command.Verb)
            {
                case Verb.Start:
                    Fleet started = await Fleet.StartAsync(command.Fleet!);
                    Fleets[command.Cell] = started;
                    return new Reply(command.Id) { Addresses = started.Addresses };
                case Verb.Begin:
                    await Fleets[command.Cell].BeginAsync();
                    return new Reply(command.Id);
                default:
                    Fleets.TryRemove(command.Cell, out Fleet? ended);
                    IReadOnlyList<ResourceReport> ledger = ended!.Report();
                    _ = Task.Run(async () => await ended.DisposeAsync());
                    return new Reply(command.Id) { Ledger = ledger };
            }
        }
#pragma warning disable CA1031 // The other process is told, and stops.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return new Reply(command.Id) { Error = exception.ToString() };
        }
    }
}
