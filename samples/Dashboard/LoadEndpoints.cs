namespace Dashboard;

/// <summary>The slider.</summary>
internal static class LoadEndpoints
{
    public static void MapLoad(this IEndpointRouteBuilder endpoints, string pattern)
    {
        endpoints.MapGet(pattern, static (LoadSettings load) => new LoadReading(load.CallsPerSecond, load.Most));
        endpoints.MapPut(pattern, static (LoadRequest wanted, LoadSettings load) =>
        {
            load.CallsPerSecond = wanted.CallsPerSecond;
            return new LoadReading(load.CallsPerSecond, load.Most);
        });
    }

    internal sealed record LoadRequest(double CallsPerSecond);

    internal sealed record LoadReading(double CallsPerSecond, double Most);
}
