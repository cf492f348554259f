using Azure.Core;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Hands out one token, and counts how often it is asked.</summary>
internal sealed class FakeCredential(string token) : TokenCredential
{
    private int _fetched;

    public int Fetched => _fetched;

    public Exception? Failure { get; set; }

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _fetched);
        return Failure is null ? new AccessToken(token, DateTimeOffset.UtcNow.AddHours(1)) : throw Failure;
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        new(GetToken(requestContext, cancellationToken));
}
