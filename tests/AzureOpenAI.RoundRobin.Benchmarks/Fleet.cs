using AzureOpenAI.RoundRobin.Balancing;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>A pool of which some endpoints are out for longer than a benchmark takes, so that something is due to return all the time.</summary>
internal sealed class Fleet : IDisposable
{
    private readonly RoundRobinChatClient _client;

    private Fleet(RoundRobinChatClient client) => _client = client;

    public Picker Picker => _client.Pool.DefaultPicker;

    /// <param name="size">Endpoints, and how many of them are out, as in 3/2.</param>
    public static async Task<Fleet> CreateAsync(string size)
    {
        int[] parts = [.. size.Split('/').Select(int.Parse)];
        (int endpoints, int @out) = (parts[0], parts[1]);
        IChatClient[] clients = [.. Enumerable.Range(0, endpoints).Select(i => IsOut(i, @out, endpoints) ? new RefusingClient() : (IChatClient)new FakeClient(false))];
        RoundRobinChatClient client = new(clients);
        Picker group = client.Pool.DefaultPicker;
        for (int i = 0; i < 20 * endpoints && group.Rotation.Count != endpoints - @out; i++)
        {
            await client.GetResponseAsync("question");
        }

        return group.Rotation.Count == endpoints - @out
            ? new(client)
            : throw new InvalidOperationException($"{group.Rotation.Count} endpoints are in the rotation, which is not what is measured.");
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Spreads those that are out over the others.</summary>
    private static bool IsOut(int index, int @out, int endpoints) => index * @out / endpoints != (index + 1) * @out / endpoints;
}
