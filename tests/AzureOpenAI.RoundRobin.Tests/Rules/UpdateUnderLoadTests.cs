using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Many threads call while one configuration follows the other.</summary>
[Trait("Rule", "2")]
public class UpdateUnderLoadTests
{
    private const int Updates = 400;
    private const int Callers = 8;

    [Theory]
    [InlineData(false, EndpointAffinity.None)]
    [InlineData(true, EndpointAffinity.None)]
    [InlineData(false, EndpointAffinity.PromptCache)]
    [InlineData(true, EndpointAffinity.PromptCache)]
    public async Task NoCallIsLost_AndNoneGoesToAnEndpointThatLeft(bool streaming, EndpointAffinity affinity)
    {
        Departures departures = new();
        using LoggerFactory factory = new([departures]);
        using FakePool pool = new(5, options => options.Affinity = affinity, loggerFactory: factory);
        ConcurrentQueue<string> strays = [];
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = async (messages, _, token) =>
            {
                Note(client);
                await Task.Yield();
                return FakeChatClient.Answer(messages.Single().Text);
            };
            client.OnStream = (messages, _, token) =>
            {
                Note(client);
                return EchoAsync(messages.Single().Text, token);
            };
        }

        using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task<int>[] callers = [.. Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            int calls = 0;
            for (; !done.IsCancellationRequested; calls++)
            {
                string prompt = $"{caller}/{calls}";
                Assert.Equal(prompt, await pool.AskAsync(streaming, prompt: prompt));
            }

            return calls;
        }))];
        Random random = new(7);
        string before = "abcde";
        for (int i = 0; i < Updates; i++)
        {
            string names = string.Concat("abcde".Where(_ => random.Next(2) == 0).DefaultIfEmpty('a'));
            foreach (char name in names.Except(before))
            {
                // Else it could not be told which of the two has left.
                await Eventually.TrueAsync(() => departures.HasLeft.TryRemove($"{name}", out _));
            }

            before = names;

            pool.Update(names, options => options.Affinity = affinity, (_, entry) => (entry.Weight, entry.Priority) = (random.Next(1, 4), random.Next(2)));
            int made = pool.Calls.Sum();
            await Eventually.TrueAsync(() => pool.Calls.Sum() > made || callers.Any(caller => caller.IsCompleted));
        }

        await done.CancelAsync();
        int[] calls = await Task.WhenAll(callers);

        Assert.Empty(strays);
        Assert.Equal(pool.Calls.Sum(), calls.Sum());
        Assert.Equal((0, 0), (pool.InFlight, pool.Waiting));
        Assert.True(departures.Count > Updates / 4);

        void Note(FakeChatClient client)
        {
            if (departures.HasLeft.ContainsKey(client.Name))
            {
                strays.Enqueue(client.Name);
            }
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> EchoAsync(string text, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        await Task.Yield();
        yield return new ChatResponseUpdate(ChatRole.Assistant, text[..1]);
        await Task.Yield();
        token.ThrowIfCancellationRequested();
        yield return new ChatResponseUpdate(ChatRole.Assistant, text[1..]);
    }

    /// <summary>Who has left, as the pool tells its operators: out of the configuration, and its last call has ended.</summary>
    private sealed class Departures : ILoggerProvider, ILogger
    {
        private int _count;

        public ConcurrentDictionary<string, bool> HasLeft { get; } = [];

        public int Count => Volatile.Read(ref _count);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 11 && state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                HasLeft[(string)values.First(value => value.Key == "Endpoint").Value!] = true;
                Interlocked.Increment(ref _count);
            }
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }
    }
}
