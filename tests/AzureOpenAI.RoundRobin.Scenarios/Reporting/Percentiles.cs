namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

internal static class Percentiles
{
    /// <summary>The smallest value that the given share of all does not exceed; not a number where there is none.</summary>
    public static double Of(double[] sorted, double share) =>
        sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
}
