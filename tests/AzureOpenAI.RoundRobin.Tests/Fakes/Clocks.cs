namespace AzureOpenAI.RoundRobin.Tests.Fakes;

internal static class Clocks
{
    /// <summary>Where every fake clock starts.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
}
