namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>What a call holds that was let to an endpoint while its deployment or its resource was not healthy: it is one of the few that may run there.</summary>
internal readonly record struct Permit(bool OfDeployment, bool OfResource)
{
    public bool IsHeld => OfDeployment || OfResource;
}
