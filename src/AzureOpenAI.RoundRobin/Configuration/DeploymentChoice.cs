namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Which deployment of an endpoint answers a call that names no model.</summary>
/// <param name="Name">Null where no source names one, which is allowed for a ready-made client.</param>
/// <param name="IsEndpoints">Whether the endpoint's own temperature and token limit apply to it.</param>
internal readonly record struct DeploymentChoice(string? Name, bool IsEndpoints)
{
    public static DeploymentChoice For(EndpointEntry entry, BaseSettings common)
    {
        string? own = entry.OwnDeployment;
        if (common.Asked is { } asked && entry.Deployments.TryGetValue(asked, out string? mapped))
        {
            return new(mapped, AreSame(mapped, own));
        }

        // The model of a ready-made client is chosen where the client is built.
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
