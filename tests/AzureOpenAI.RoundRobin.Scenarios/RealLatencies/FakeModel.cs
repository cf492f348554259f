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
    private int _tokensUsed;

    public string Name { get; } = name;

    /// <summary>When each attempt came.</summary>
    public IReadOnlyList<double> Arrivals => _arrivals;

    /// <summary>When those came that were answered in full, by the number of their call.</summary>
    public Dictionary<int, double> Answered { get; } = [];

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        string prompt = messages.Single().Text;
        await AskAsync(prompt, options?.MaxOutputTokens ?? 0, cancellationToken);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, prompt)) { FinishReason = ChatFinishReason.Stop };
    }

    /// <summary>Answers with the prompt itself, or throws as the SDK would.</summary>
    /// <returns>What the limits were when the call came.</returns>
    public async Task<LimitReading> AskAsync(string prompt, int tokens, CancellationToken cancellationToken)
    {
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

        LimitReading reading = Count(tokens);
        if (reading.RejectedFor is { } wait)
        {
            await WaitAsync(ToFail, cancellationToken);
            throw new ClientResultException("HTTP 429", new FakeResponse(429, [.. Hints(wait - ToFail), .. reading.Headers]));
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
        return reading;
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
    private LimitReading Count(int tokens)
    {
        long window = (long)(time.Seconds / spec.WindowSeconds);
        if (window != _window)
        {
            (_window, _used, _tokensUsed) = (window, 0, 0);
        }

        int? limit = spec.Steps.Where(step => step.From <= time.Seconds).Select(step => (int?)step.Limit).LastOrDefault() ?? spec.Limit;
        _used++;
        _tokensUsed += tokens;
        TimeSpan left = TimeSpan.FromSeconds(((window + 1) * spec.WindowSeconds) - time.Seconds);
        return new LimitReading(limit, limit - _used, spec.TokenLimit, spec.TokenLimit - _tokensUsed, spec.WindowSeconds, left);
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
