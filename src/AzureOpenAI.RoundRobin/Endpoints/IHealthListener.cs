namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Told of each change of a health state, right after it. Under the balancer's lock.</summary>
internal interface IHealthListener
{
    void Changed(HealthState health);
}
