namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The rules for the settings of <see cref="RoundRobinOptions"/> that hold for all endpoints; each broken one is a fault.</summary>
internal sealed class PoolRules(RoundRobinOptions options, Findings findings)
{
    /// <param name="canCreateClients">Whether there is a factory that makes named clients.</param>
    public void Check(bool canCreateClients)
    {
        Check(nameof(options.Temperature), NumberRules.Temperature(options.Temperature));
        Check(nameof(options.MaxOutputTokens), NumberRules.AtLeastOne(options.MaxOutputTokens));
        Check(nameof(options.MaxWait), NumberRules.Wait(options.MaxWait));
        Check(nameof(options.MaxWaiting), NumberRules.AtLeastZero(options.MaxWaiting));
        Check(nameof(options.AttemptTimeout), NumberRules.Timeout(options.AttemptTimeout));
        Check(nameof(options.FirstContentTimeout), NumberRules.Timeout(options.FirstContentTimeout));
        Check(nameof(options.MaxAttempts), NumberRules.AtLeastOne(options.MaxAttempts));
        if (!Enum.IsDefined(options.Affinity))
        {
            findings.Fault($"Affinity is {(int)options.Affinity}; it must be {nameof(EndpointAffinity.None)}, {nameof(EndpointAffinity.PromptCache)} or {nameof(EndpointAffinity.Conversation)}.");
        }
        else if (options.AffinityKey is not null && options.Affinity == EndpointAffinity.None)
        {
            findings.Fault("AffinityKey is given, but Affinity is None, so it would never be called; set Affinity to PromptCache, or leave AffinityKey out.");
        }

        if (options.HttpClient is not null && options.HttpClientName is not null)
        {
            findings.Fault("HttpClient and HttpClientName are both given; keep one.");
        }
        else if (options.HttpClientName is not null && !canCreateClients)
        {
            findings.Fault("HttpClientName is given, but there is no IHttpClientFactory to create the client; register it with AddHttpClient in the service collection, or set HttpClient.");
        }
    }

    private void Check(string property, string? fault)
    {
        if (fault is not null)
        {
            findings.Fault($"{property} {fault}");
        }
    }
}
