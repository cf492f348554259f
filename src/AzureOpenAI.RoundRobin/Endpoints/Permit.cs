namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Held by a call at an endpoint whose deployment or resource was not healthy when it was picked; only a few are granted at one time.</summary>
internal readonly record struct Permit(bool OfDeployment, bool OfResource)
{
    public bool IsHeld => OfDeployment || OfResource;
}
