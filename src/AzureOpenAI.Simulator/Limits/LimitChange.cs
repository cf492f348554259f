using System.Globalization;

namespace AzureOpenAI.Simulator;

/// <summary>One entry of a script of limits: what holds from a time on. What is <see langword="null"/> stays as it was.</summary>
internal readonly record struct LimitChange(TimeSpan After, int? RequestsPerMinute, int? TokensPerMinute, int? ProvisionedTokensPerMinute)
{
    /// <summary>The part of requests and tokens that a neighbour takes from then on.</summary>
    public double? NeighbourShare { get; init; }

    public static LimitChange OfNeighbour(TimeSpan after, double share) => new(after, null, null, null) { NeighbourShare = share };

    /// <summary>What is wrong with it, in words that follow the name of what it is for; <see langword="null"/> if nothing is.</summary>
    /// <param name="rules">The windows that limits are judged over.</param>
    /// <param name="isProvisioned">Whether it is for a deployment with provisioned throughput.</param>
    public string? FaultFor(LimitRules rules, bool isProvisioned)
    {
        if (After < TimeSpan.Zero)
        {
            return $"a change of limits is due after {After}. Use zero or more.";
        }

        if (NeighbourShare is { } share)
        {
            return isProvisioned ? "it has a neighbour, which only requests and tokens per minute are shared with. Leave ProvisionedTokensPerMinute, or the neighbour."
                : share is >= 0 and < 1 ? null
                : string.Create(CultureInfo.InvariantCulture, $"a neighbour takes {share} of the limits. Use 0 or more and less than 1.");
        }

        if (RequestsPerMinute is null && TokensPerMinute is null && ProvisionedTokensPerMinute is null)
        {
            return "a change of limits changes nothing. Give it a limit.";
        }

        if (RequestsPerMinute <= 0 || TokensPerMinute <= 0 || ProvisionedTokensPerMinute <= 0)
        {
            return "a change of limits sets one that is not positive. To take a limit away, set a large one.";
        }

        if (isProvisioned ? RequestsPerMinute is not null || TokensPerMinute is not null : ProvisionedTokensPerMinute is not null)
        {
            return "a change of limits is for a provisioned deployment and this is a standard one, or the other way round. Change what the deployment has.";
        }

        return RequestsPerMinute is { } requests && Limiter.PerWindow(requests, rules.RequestWindow) < 1 ? $"RequestsPerMinute {requests} admits no request in a RequestWindow of {rules.RequestWindow}. Raise it, or lengthen the window."
            : TokensPerMinute is { } tokens && Limiter.PerWindow(tokens, rules.TokenWindow) < 1 ? $"TokensPerMinute {tokens} admits no token in a TokenWindow of {rules.TokenWindow}. Raise it, or lengthen the window."
            : null;
    }
}
