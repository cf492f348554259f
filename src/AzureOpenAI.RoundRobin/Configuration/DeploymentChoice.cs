namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Which deployment of an endpoint answers a call that names no model.</summary>
/// <param name="Name">Null where nothing gives one; for a ready-made client that is its own affair.</param>
/// <param name="IsEndpoints">Whether it is the deployment that the endpoint's own temperature and token limit were meant for.</param>
internal readonly record struct DeploymentChoice(string? Name, bool IsEndpoints)
{
    public static DeploymentChoice For(EndpointEntry entry, BaseSettings common)
    {
        string? own = entry.OwnDeployment;
        if (common.Asked is { } asked && entry.Deployments.TryGetValue(asked, out string? mapped))
        {
            return new(mapped, AreSame(mapped, own));
        }

        // Whoever built a ready-made client chose its model.
        if (entry.Kind == EndpointKind.ReadyMade)
        {
            return new(own, IsEndpoints: true);
        }

        if (common is { Asked: { } insisted, Insists: true })
        {
            return new(insisted, AreSame(insisted, own));
        }

        if ((own ?? common.Asked) is { } name)
        {
            return new(name, IsEndpoints: true);
        }

        return common.LastResort is { } last && entry.Deployments.TryGetValue(last, out mapped)
            ? new(mapped, IsEndpoints: false)
            : new(common.LastResort, IsEndpoints: true);
    }

    private static bool AreSame(string deployment, string? own) => string.Equals(deployment, own, StringComparison.OrdinalIgnoreCase);
}
