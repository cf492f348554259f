namespace AzureOpenAI.Simulator;

/// <summary>One limit as a request left it: what the x-ratelimit headers say.</summary>
internal readonly record struct LimitReading(long Limit, long Remaining, TimeSpan UntilReset);
