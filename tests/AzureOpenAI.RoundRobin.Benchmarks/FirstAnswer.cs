using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime;
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
        double milliseconds = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalMilliseconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{milliseconds} {JitInfo.GetCompiledMethodCount()} {JitInfo.GetCompilationTime().TotalMilliseconds}"));
    }

    /// <summary>Starts the processes.</summary>
    public static async Task MeasureAsync()
    {
        using CannedServer server = new();
        List<double[]>[] figures = [[], []];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < Clients.Length; i++)
            {
                using Process asking = SelfStart.Of("ask", Clients[i], server.Address.ToString());
                string[] told = (await asking.StandardOutput.ReadToEndAsync()).Split(' ');
                figures[i].Add(Array.ConvertAll(told, static figure => double.Parse(figure, CultureInfo.InvariantCulture)));
                await asking.WaitForExitAsync();
            }
        }

        foreach ((string what, int figure) in (ReadOnlySpan<(string, int)>)[("ms to the first answer", 0), ("methods compiled", 1), ("ms of compiling", 2)])
        {
            double[] medians = [.. figures.Select(rounds => rounds.Select(round => round[figure]).Order().ElementAt(Rounds / 2))];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: plain {medians[0]:0}, round robin {medians[1]:0}, {medians[1] - medians[0]:+0;-0}"));
        }
    }
}
