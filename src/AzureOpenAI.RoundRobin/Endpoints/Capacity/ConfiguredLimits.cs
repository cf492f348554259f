namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The configured limits of a deployment, and what has been taken of them, by the calls of all its service tiers.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class ConfiguredLimits(TimeProvider time)
{
    private readonly TimeProvider _time = time;
    private (int? Requests, int? Tokens) _perMinute;

    public Quota? Requests { get; private set; }

    public Quota? Tokens { get; private set; }

    public bool Any => Requests is not null || Tokens is not null;

    /// <summary>Applies the configuration. Calls before count against the new limits as they did against the old ones.</summary>
    public void Configure(int? requestsPerMinute, int? tokensPerMinute)
    {
        if (requestsPerMinute != _perMinute.Requests)
        {
            Requests = requestsPerMinute is { } requests ? Quota.OfRequests(_time, requests, Requests) : null;
        }

        if (tokensPerMinute != _perMinute.Tokens)
        {
            Tokens = tokensPerMinute is { } tokens ? Quota.OfTokens(_time, tokens, Tokens) : null;
        }

        _perMinute = (requestsPerMinute, tokensPerMinute);
    }
}
