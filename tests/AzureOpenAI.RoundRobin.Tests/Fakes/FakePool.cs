using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A pool of fakes on a clock of its own, that starts at its first endpoint and adds no jitter.</summary>
internal sealed class FakePool : IDisposable
{
    public FakePool(int count, Action<RoundRobinOptions>? configure = null, Action<int, EndpointOptions>? endpoint = null, ILoggerFactory? loggerFactory = null)
    {
        Clients = [.. Enumerable.Range(0, count).Select(i => new FakeChatClient(((char)('a' + i)).ToString()))];
        RoundRobinOptions options = new();
        for (int i = 0; i < count; i++)
        {
            EndpointOptions entry = new() { Name = Clients[i].Name, ChatClient = Clients[i] };
            endpoint?.Invoke(i, entry);
            options.Endpoints.Add(entry);
        }

        configure?.Invoke(options);
        Pool = new EndpointPool(ConfigurationResolver.ForPool(options), loggerFactory, Time, start: uint.MaxValue, jitter: () => 0);
        Client = new RoundRobinChatClient(Pool);
    }

    public FakeTimeProvider Time { get; } = new();

    public FakeChatClient[] Clients { get; }

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    /// <summary>Makes a call of either kind and returns the answer's text.</summary>
    public async Task<string> AskAsync(bool streaming = false, ChatOptions? options = null, string prompt = "hi", CancellationToken token = default)
    {
        if (!streaming)
        {
            return (await Client.GetResponseAsync(prompt, options, token)).Text;
        }

        return string.Concat((await Client.GetStreamingResponseAsync(prompt, options, token).ToListAsync(token)).Select(update => update.Text));
    }

    public EndpointStatus StatusOf(int index) => Pool.GetStatus()[index];

    public void Dispose() => Client.Dispose();
}
