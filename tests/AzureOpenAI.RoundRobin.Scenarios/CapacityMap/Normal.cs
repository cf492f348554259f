namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>Numbers of the standard normal distribution.</summary>
internal static class Normal
{
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
    public static double Next(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
#pragma warning restore CA5394
}
