namespace AzureOpenAI.Simulator;

/// <summary>
/// What the rejections of a limit say of when to come back. Safe for concurrent use.
/// </summary>
public sealed class RetryHint
{
    private readonly Func<TimeSpan?, RetryHeaders> _headers;

    private RetryHint(Func<TimeSpan?, RetryHeaders> headers) => _headers = headers;

    /// <summary>Gets the hint that is true: <c>retry-after-ms</c> in milliseconds, and <c>Retry-After</c> in whole seconds, both rounded up, as the service does.</summary>
    public static RetryHint Exact { get; } = OfTime(RetryHeaders.Of);

    /// <summary>Gets the hint that is <c>Retry-After</c> alone, in whole seconds, rounded up.</summary>
    public static RetryHint WholeSeconds { get; } = OfTime(wait => RetryHeaders.Of(wait) with { Milliseconds = null });

    /// <summary>Gets the hint that is none: no header, and no time in the body.</summary>
    public static RetryHint None { get; } = new(_ => default);

    /// <summary>Creates a hint that is wrong by a factor: <c>retry-after-ms</c> alone, in milliseconds, rounded up.</summary>
    /// <param name="factor">What the true time is multiplied by: 0.5 is too short by half, 2 twice too long.</param>
    /// <returns>The hint.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> is not between 0 and 100.</exception>
    public static RetryHint Times(double factor) => factor is >= 0 and <= 100
        ? OfTime(wait => RetryHeaders.Of(wait * factor) with { Seconds = null })
        : throw new ArgumentOutOfRangeException(nameof(factor), factor, "A factor must be between 0 and 100.");

    /// <summary>Creates a hint that is always the same, also where the time is not known: <c>Retry-After</c> alone, in whole seconds, rounded up.</summary>
    /// <param name="wait">The time that every rejection states.</param>
    /// <returns>The hint.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="wait"/> is negative or more than a day.</exception>
    public static RetryHint Constant(TimeSpan wait) => wait >= TimeSpan.Zero && wait <= TimeSpan.FromDays(1)
        ? new(_ => RetryHeaders.Of(wait) with { Milliseconds = null })
        : throw new ArgumentOutOfRangeException(nameof(wait), wait, "A hint must be between zero and one day.");

    /// <summary>Creates a hint that takes another form from one rejection to the next.</summary>
    /// <param name="hints">The forms, in turn.</param>
    /// <returns>The hint.</returns>
    /// <exception cref="ArgumentNullException">A form is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">There is no form.</exception>
    public static RetryHint InTurn(params IReadOnlyList<RetryHint> hints)
    {
        ArgumentNullException.ThrowIfNull(hints);
        RetryHint[] forms = [.. hints];
        foreach (var form in forms)
        {
            ArgumentNullException.ThrowIfNull(form, nameof(hints));
        }

        if (forms.Length == 0)
        {
            throw new ArgumentException("Give at least one hint.", nameof(hints));
        }

        int turn = -1;
        return new(wait => forms[(uint)Interlocked.Increment(ref turn) % forms.Length].For(wait));
    }

    /// <summary>The headers of a rejection.</summary>
    /// <param name="wait">How long until room; <see langword="null"/> where one of the running requests must end first, of which nobody knows when.</param>
    internal RetryHeaders For(TimeSpan? wait) => _headers(wait);

    private static RetryHint OfTime(Func<TimeSpan, RetryHeaders> headers) => new(wait => wait is { } time ? headers(time) : default);
}
