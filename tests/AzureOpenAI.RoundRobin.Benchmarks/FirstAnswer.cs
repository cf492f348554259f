using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>
/// The time from the start of a process to the first answer over HTTP on loopback, ours beside the SDK's own client. Each time a process of its own, in turn.
/// </summary>
internal static class FirstAnswer
{
    private const int Rounds = 15;

    private static readonly string[] Clients = ["plain", "round robin"];

    /// <summary>In the process that is measured.</summary>
    public static async Task AskAsync(string client, Uri server)
    {
        using IChatClient chat = client == Clients[0]
            ? new AzureOpenAIClient(new Uri(server, "east"), new ApiKeyCredential("key")).GetChatClient("gpt").AsIChatClient()
            : new RoundRobinChatClient(new EndpointPool(new RoundRobinOptions
            {
                DeploymentName = "gpt",
                Endpoints = { new() { Endpoint = new Uri(server, "east"), ApiKey = "key" }, new() { Endpoint = new Uri(server, "west"), ApiKey = "key" } },
            }));
        await chat.GetResponseAsync("question");
        Console.WriteLine((DateTime.Now - Process.GetCurrentProcess().StartTime).TotalMilliseconds.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Starts the processes.</summary>
    public static async Task MeasureAsync()
    {
        using CannedServer server = new();
        List<double>[] times = [[], []];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < Clients.Length; i++)
            {
                // The program itself, or `dotnet` with the program.
                string[] program = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
                using Process asking = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. program, "ask", Clients[i], server.Address.ToString()]) { RedirectStandardOutput = true })!;
                times[i].Add(double.Parse(await asking.StandardOutput.ReadToEndAsync(), CultureInfo.InvariantCulture));
                await asking.WaitForExitAsync();
            }
        }

        foreach ((string what, int place) in (ReadOnlySpan<(string, int)>)[("median", Rounds / 2), ("quickest", 0)])
        {
            double[] taken = [.. times.Select(all => all.Order().ElementAt(place))];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: plain {taken[0]:0} ms, round robin {taken[1]:0} ms, {taken[1] - taken[0]:+0;-0} ms"));
        }
    }
}
