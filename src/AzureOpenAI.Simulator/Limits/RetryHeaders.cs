namespace AzureOpenAI.Simulator;

/// <summary>What a rejection says of when to come back; a header that is <see langword="null"/> is not sent.</summary>
/// <param name="Seconds">Of <c>Retry-After</c>.</param>
/// <param name="Milliseconds">Of <c>retry-after-ms</c>.</param>
internal readonly record struct RetryHeaders(long? Seconds, long? Milliseconds)
{
    public static RetryHeaders Of(TimeSpan wait) => new((long)Math.Ceiling(wait.TotalSeconds), (long)Math.Ceiling(wait.TotalMilliseconds));
}
