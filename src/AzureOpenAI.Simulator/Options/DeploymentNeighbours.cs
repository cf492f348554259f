namespace AzureOpenAI.Simulator;

/// <summary>What a deployment may refer to by name: quota pools of the simulator, standard deployments of its resource.</summary>
internal sealed record DeploymentNeighbours(Func<string, bool> HasPool, Func<string, bool> IsStandard)
{
    public static DeploymentNeighbours Of(ResourceOptions resource, HashSet<string> pools) => new(
        pools.Contains,
        name => resource.Deployments.Any(deployment =>
            string.Equals(deployment.Name, name, StringComparison.OrdinalIgnoreCase) && deployment.ProvisionedTokensPerMinute is null));
}
