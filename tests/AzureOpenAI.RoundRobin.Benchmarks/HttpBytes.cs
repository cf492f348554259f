using System.Globalization;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>
/// What a call and a stream allocate over HTTP, ours and the SDK's own client in turn in one process. A benchmark of each in a process of its own says less: what the runtime's pools
/// hold at a moment differs by a tenth from one process to the next.
/// </summary>
internal static class HttpBytes
{
    private const int Rounds = 15;
    private const int Times = 5000;

    public static async Task CountAsync()
    {
        foreach (bool streams in (bool[])[false, true])
        {
            HttpBenchmarks[] clients = [new() { Client = "plain" }, new() { Client = "round robin" }];
            List<double>[] bytes = [[], []];
            Array.ForEach(clients, static client => client.Setup());
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < clients.Length; i++)
                {
                    long before = GC.GetTotalAllocatedBytes(precise: true);
                    for (int n = 0; n < Times; n++)
                    {
                        await (streams ? (Task)clients[i].Stream() : clients[i].Call());
                    }

                    // The first rounds warm up.
                    if (round >= Rounds / 3)
                    {
                        bytes[i].Add((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Times);
                    }
                }
            }

            Array.ForEach(clients, static client => client.Cleanup());
            double[] medians = [.. bytes.Select(static rounds => rounds.Order().ElementAt(rounds.Count / 2))];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{(streams ? "stream" : "call"),6}: plain {medians[0]:0} B, round robin {medians[1]:0} B, {100 * ((medians[1] / medians[0]) - 1):+0.0;-0.0} %"));
        }
    }
}
