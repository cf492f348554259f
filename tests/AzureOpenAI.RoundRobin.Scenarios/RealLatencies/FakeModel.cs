using System.ClientModel;
using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A deployment in simulated time: takes as long as the call says, within limits, with spells of trouble. Not for streams.</summary>
internal sealed class FakeModel(string name, FakeModelSpec spec, VirtualTime time) : IChatClient
{
    private static readonly TimeSpan ToFail = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ToVanish = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ToTimeOut = TimeSpan.FromSeconds(60);

    private readonly List<double> _arrivals = [];
    private long _window = -1;
    private int _used;

    public string Name { get; } = name;

    /// <summary>When each attempt came.</summary>
    public IReadOnlyList<double> Arrivals => _arrivals;

    /// <summary>When those came that were answered in full, by the number of their call.</summary>
    public Dictionary<int, double> Answered { get; } = [];

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        string prompt = messages.Single().Text;
        (int call, TimeSpan own) = Prompt.Read(prompt);
        double arrived = time.Seconds;
        _arrivals.Add(arrived);
        switch (spec.Spells.FirstOrDefault(spell => spell.Covers(arrived))?.Trouble)
        {
            case Trouble.Refuses:
                await WaitAsync(TimeSpan.FromMilliseconds(1), cancellationToken);
                throw Failure(HttpRequestError.ConnectionError, SocketError.ConnectionRefused);
            case Trouble.Vanished:
                await WaitAsync(ToVanish, cancellationToken);
                throw Failure(HttpRequestError.ConnectionError, SocketError.TimedOut);
            case Trouble.Hangs or Trouble.Freezes:
                await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
                break;
            case Trouble.Breaks:
                await WaitAsync(ToFail, cancellationToken);
                throw new ClientResultException("HTTP 500", new FakeResponse(500));
            case Trouble.TimesOut:
                await WaitAsync(ToTimeOut, cancellationToken);
                throw new ClientResultException("HTTP 504", new FakeResponse(504));
            default:
                break;
        }

        if (RejectedFor() is { } wait)
        {
            await WaitAsync(ToFail, cancellationToken);
            throw new ClientResultException("HTTP 429", new FakeResponse(429, Hints(wait - ToFail)));
        }

        Spell? interruption = spec.Spells.FirstOrDefault(spell => spell.From > arrived && spell.From < arrived + own.TotalSeconds);
        if (interruption is { Trouble: Trouble.Refuses })
        {
            await WaitAsync(TimeSpan.FromSeconds(interruption.From - arrived), cancellationToken);
            throw Failure(HttpRequestError.Unknown, SocketError.ConnectionReset);
        }

        if (interruption is { Trouble: Trouble.Freezes })
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
        }

        await WaitAsync(own, cancellationToken);
        Answered[call] = arrived;
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, prompt)) { FinishReason = ChatFinishReason.Stop };
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private static ClientResultException Failure(HttpRequestError error, SocketError socket) =>
        new(socket.ToString(), null, new HttpRequestException(error, socket.ToString(), new SocketException((int)socket)));

    private Task WaitAsync(TimeSpan duration, CancellationToken cancellationToken) => Task.Delay(duration, time, cancellationToken);

    /// <summary>Fixed windows from the start of time, in which rejected requests count too.</summary>
    private TimeSpan? RejectedFor()
    {
        if (spec.Limit is not { } limit)
        {
            return null;
        }

        long window = (long)(time.Seconds / spec.WindowSeconds);
        _used = window == _window ? _used + 1 : 1;
        _window = window;
        return _used <= limit ? null : TimeSpan.FromSeconds(((window + 1) * spec.WindowSeconds) - time.Seconds);
    }

    private (string Name, string Value)[] Hints(TimeSpan wait)
    {
        (string, string) seconds = ("Retry-After", Math.Ceiling(Math.Max(1, wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture));
        (string, string) milliseconds = ("retry-after-ms", Math.Ceiling(Math.Max(1, wait.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture));
        return spec.Hint switch
        {
            Hint.Exact => [milliseconds, seconds],
            Hint.Rounded => [seconds],
            _ => [],
        };
    }
}
