using System.ClientModel;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A deployment in simulated time: takes as long as the call says, within limits, with spells of trouble. Of a stream the first quarter of the time passes before its first content.</summary>
internal sealed class FakeModel(string name, FakeModelSpec spec, VirtualTime time) : IChatClient, ITransportModel
{
    private const int TokensPerSecond = 40;
    private const int Updates = 4;
    private const int CutsEach = 4;

    /// <summary>Below the 100 s after which clients give up.</summary>
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(95);

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
        (string prompt, int call, TimeSpan own) = Arrive(messages.Single().Text);
        await AskAsync(call, own, options?.MaxOutputTokens ?? 0, cancellationToken);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, prompt)) { FinishReason = ChatFinishReason.Stop, Usage = UsageOf(own) };
    }

    public async Task<TransportAnswer> AnswerAsync(string prompt, int tokens, CancellationToken cancellationToken)
    {
        (_, int call, TimeSpan own) = Arrive(prompt);
        return new TransportAnswer(tokens, (await AskAsync(call, own, tokens, cancellationToken)).Headers);
    }

    /// <returns>What the limits were when the call came.</returns>
    private async Task<LimitReading> AskAsync(int call, TimeSpan own, int tokens, CancellationToken cancellationToken)
    {
        double arrived = time.Seconds;
        Trouble? trouble = await TroubleAsync(arrived, cancellationToken);
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
            await NeverAsync(cancellationToken);
        }

        await WaitAsync(trouble == Trouble.Crawls ? 10 * own : own, cancellationToken);
        Answered[call] = arrived;
        return reading;
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        (string prompt, int call, TimeSpan own) = Arrive(messages.Single().Text);
        double arrived = time.Seconds;
        Trouble? trouble = await TroubleAsync(arrived, cancellationToken);
        TimeSpan part = (trouble == Trouble.Crawls ? 10 * own : own) / Updates;
        await WaitAsync(ToFail, cancellationToken);
        yield return new ChatResponseUpdate(ChatRole.Assistant, []);
        await (trouble == Trouble.HangsBeforeContent ? NeverAsync(cancellationToken) : WaitAsync(part, cancellationToken));
        yield return new ChatResponseUpdate(ChatRole.Assistant, prompt);
        if (trouble == Trouble.Cuts && call % CutsEach == 0)
        {
            throw new IOException("The response ended prematurely.");
        }

        for (int i = 1; i < Updates; i++)
        {
            await (trouble == Trouble.HangsAfterContent ? NeverAsync(cancellationToken) : WaitAsync(part, cancellationToken));
            yield return new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(UsageOf(own))]);
        }

        Answered[call] = arrived;
        yield return new ChatResponseUpdate { FinishReason = ChatFinishReason.Stop };
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private static UsageDetails UsageOf(TimeSpan own) => new() { OutputTokenCount = Math.Max(1, (long)(own.TotalSeconds * TokensPerSecond)) };

    private (string Prompt, int Call, TimeSpan Own) Arrive(string prompt)
    {
        (int call, TimeSpan own) = Prompt.Read(prompt);
        _arrivals.Add(time.Seconds);
        return (prompt, call, own < LongestAnswer / spec.Times ? spec.Times * own : LongestAnswer);
    }

    /// <summary>What fails or hangs before anything is answered does so here.</summary>
    private async Task<Trouble?> TroubleAsync(double arrived, CancellationToken cancellationToken)
    {
        Trouble? trouble = spec.Spells.FirstOrDefault(spell => spell.Covers(arrived))?.Trouble;
        switch (trouble)
        {
            case Trouble.Refuses:
                await WaitAsync(TimeSpan.FromMilliseconds(1), cancellationToken);
                throw Failure(HttpRequestError.ConnectionError, SocketError.ConnectionRefused);
            case Trouble.Vanished:
                await WaitAsync(ToVanish, cancellationToken);
                throw Failure(HttpRequestError.ConnectionError, SocketError.TimedOut);
            case Trouble.Hangs or Trouble.Freezes:
                await NeverAsync(cancellationToken);
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

        return trouble;
    }

    private Task NeverAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);

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
