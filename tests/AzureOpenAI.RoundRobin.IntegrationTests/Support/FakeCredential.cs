using Azure.Core;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Hands out one token, or one and then another, and counts how often it is asked.</summary>
internal sealed class FakeCredential(string token) : TokenCredential
{
    private int _fetched;

    public int Fetched => _fetched;

    /// <summary>What it hands out from the second time on; null for the same.</summary>
    public string? Renewed { get; set; }

    public Exception? Failure { get; set; }

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        string next = Interlocked.Increment(ref _fetched) > 1 && Renewed is not null ? Renewed : token;
        return Failure is null ? new AccessToken(next, DateTimeOffset.UtcNow.AddHours(1)) : throw Failure;
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        new(GetToken(requestContext, cancellationToken));
}
