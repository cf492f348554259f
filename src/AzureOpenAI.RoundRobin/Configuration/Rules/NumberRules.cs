namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The ranges of numbers and times. Each rule returns the fault, or null.</summary>
internal static class NumberRules
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    public static string? Weight(int weight) => weight is >= 1 and <= 100 ? null : $"is {weight}; it must be 1 to 100.";

    public static string? Priority(int priority) => priority is >= 0 and <= 100 ? null : $"is {priority}; it must be 0 to 100.";

    public static string? Temperature(float? temperature) =>
        temperature is null or (>= 0 and <= 2) ? null : FormattableString.Invariant($"is {temperature}; it must be 0 to 2.");

    public static string? AtLeastOne(int? number) => number is null or >= 1 ? null : $"is {number}; it must be 1 or more.";

    public static string? AtLeastZero(int number) => number >= 0 ? null : $"is {number}; it must be 0 or more.";

    public static string? Wait(TimeSpan wait) =>
        wait >= TimeSpan.Zero && wait <= LongestWait ? null : $"is {wait}; it must be from zero to {LongestWait}.";

    public static string? Timeout(TimeSpan? timeout) =>
        timeout is null || timeout == System.Threading.Timeout.InfiniteTimeSpan || (timeout > TimeSpan.Zero && timeout <= LongestTimeout) ? null
        : $"is {timeout}; it must be more than zero and at most {LongestTimeout}, or Timeout.InfiniteTimeSpan.";
}
