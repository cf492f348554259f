using System.Globalization;
using AzureOpenAI.RoundRobin.Redis.Facts;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Permits;

/// <summary>A request for permits as the script reads it, and the script's reply as a pool reads it.</summary>
internal static class PermitMessage
{
    private static readonly PermitPace Unknown = new() { Version = 0 };

    public static RedisKey[] KeysOf(PermitRequest request, FleetKeys keys) => [.. request.Limits.SelectMany(limit => new[] { keys.CallsOf(limit.Id), keys.TokensOf(limit.Id), keys.PaceOf(limit.Id) }), keys.Lock];

    /// <summary>Whether the server was busy with another request, or came to this one too late, and answered none.</summary>
    public static bool IsBusy(string[] reply, PermitRequest request) => reply.Length == 1 && request.Limits.Count > 0;

    /// <param name="request">What is asked.</param>
    /// <param name="isKnown">Whether the server must hold something of a deployment, since it has granted something lately.</param>
    /// <param name="until">The server's time in milliseconds at which the answer is of no use any more; null while its time is not known.</param>
    public static RedisValue[] NumbersOf(PermitRequest request, Func<EndpointId, bool> isKnown, long? until = null)
    {
        List<RedisValue> numbers = [1000 * (until ?? 0), request.Limits.Count];
        foreach (PermitLimit limit in request.Limits)
        {
            numbers.AddRange(
                limit.Requests, Microseconds(limit.RequestPeriod), limit.Tokens, Microseconds(limit.TokenPeriod), limit.Priority, Microseconds(limit.NotBefore), limit.TakenRequests,
                limit.TakenTokens, isKnown(limit.Id) ? 1 : 0);
            PermitPace pace = limit.Pace ?? Unknown;
            numbers.AddRange(
                limit.Pace is null ? 0 : 1, pace.Version, limit.IsPaceChanged ? 1 : 0, Millionths(limit.Recent), pace.PerSecond > 0 ? Millionths(pace.Plateau) : 0, Millionths(pace.Cut), Millionths(pace.Along),
                Microseconds(pace.Back), pace.IsConfirmed ? 1 : 0, pace.FirstsRejected, Microseconds(pace.LastUnstated), Microseconds(pace.In), limit.Rejected,
                pace.TestPhase, Millionths(pace.TestTop), Millionths(pace.TestLow), Millionths(pace.TestShare), pace.TestFailed, Microseconds(pace.TestAgain), pace.TestCalls, pace.TestRejected);
        }

        foreach (PermitWish wish in request.Wishes)
        {
            numbers.AddRange(wish.Count, wish.Tokens, Microseconds(wish.Within), Microseconds(wish.Hold), wish.IsAhead ? 1 : 0, wish.Of.Count);
            numbers.AddRange(wish.Of.Select(static place => (RedisValue)place));
        }

        return [.. numbers];
    }

    /// <param name="reply">What the server said.</param>
    /// <param name="limits">The number of limits that were asked about.</param>
    /// <param name="age">How long ago, from the server's time in microseconds.</param>
    /// <param name="hasLost">Whether the server has lost what it had granted.</param>
    /// <exception cref="InvalidDataException">Something else answers, and not our script.</exception>
    public static PermitReply Read(string[] reply, int limits, Func<long, TimeSpan> age, out bool hasLost)
    {
        int states = 1 + (limits * PermitScript.StatesOfLimit);
        if (reply.Length < states || (reply.Length - states) % PermitScript.NumbersOfPermit != 0)
        {
            throw new InvalidDataException();
        }

        long[] numbers = Array.ConvertAll(reply, static text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : throw new InvalidDataException());
        TimeSpan passed = age(numbers[0]);
        long[][] ofLimits = [.. numbers[1..states].Chunk(PermitScript.StatesOfLimit)];
        hasLost = Array.Exists(ofLimits, static state => state[2] == 1);
        return new()
        {
            NextIn = Array.ConvertAll(ofLimits, state => Span(state[0]) - passed),
            Granted = Array.ConvertAll(ofLimits, static state => state[1]),
            Paces = Array.ConvertAll(ofLimits, state => PaceOf(state, passed)),
            Permits = [.. numbers[states..].Chunk(PermitScript.NumbersOfPermit).Select(permit => new StartPermit
            {
                Limit = (int)permit[0],
                In = Span(permit[1]) - passed,
                For = Span(permit[2]),
                Tokens = permit[3],
                Place = permit[4] / 1e6,
            })],
        };
    }

    /// <summary>Null where none was asked for.</summary>
    private static PermitPace? PaceOf(long[] state, TimeSpan passed) => state[3] == 0 ? null : new()
    {
        Version = state[4],
        PerSecond = state[5] / 1e6,
        Plateau = state[6] / 1e6,
        Cut = state[7] / 1e6,
        Along = state[8] / 1e6,
        Back = Span(state[9]),
        IsConfirmed = state[10] == 1,
        FirstsRejected = Small(state[11]),
        LastUnstated = Span(state[12]),
        In = Span(state[13]) - passed,
        Position = state[14] / 1e6,
        TestPhase = Small(state[15]),
        TestTop = state[16] / 1e6,
        TestLow = state[17] / 1e6,
        TestShare = state[18] / 1e6,
        TestFailed = Small(state[19]),
        TestAgain = Span(state[20]),
        TestCalls = Small(state[21]),
        TestRejected = Small(state[22]),
    };

    private static int Small(long number) => (int)Math.Clamp(number, -1, int.MaxValue);

    private static TimeSpan Span(long microseconds) => TimeSpan.FromTicks(Math.Clamp(microseconds, -TimeSpan.MicrosecondsPerDay, TimeSpan.MicrosecondsPerDay) * TimeSpan.TicksPerMicrosecond);

    private static long Millionths(double number) => (long)Math.Round(number * 1e6);

    private static long Microseconds(TimeSpan span) => (long)span.TotalMicroseconds;
}
