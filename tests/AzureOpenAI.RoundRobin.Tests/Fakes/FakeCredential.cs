using Azure.Core;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Hands out tokens that are numbered, and counts.</summary>
internal sealed class FakeCredential : TokenCredential
{
    private readonly TimeProvider _time;
    private int _fetched;

    public FakeCredential(TimeProvider time)
    {
        _time = time;
        OnFetch = (number, _) => ValueTask.FromResult(Token(number));
    }

    public int Fetched => Volatile.Read(ref _fetched);

    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    public TimeSpan? RefreshAfter { get; set; }

    public TokenRequestContext LastContext { get; private set; }

    public Func<int, CancellationToken, ValueTask<AccessToken>> OnFetch { get; set; }

    public AccessToken Token(int number)
    {
        DateTimeOffset now = _time.GetUtcNow();
        return RefreshAfter is { } after ? new($"token-{number}", now + Lifetime, now + after) : new($"token-{number}", now + Lifetime);
    }

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        Task<AccessToken> fetch = GetTokenAsync(requestContext, cancellationToken).AsTask();
        Assert.True(fetch.IsCompleted);
        return fetch.GetAwaiter().GetResult();
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        LastContext = requestContext;
        return OnFetch(Interlocked.Increment(ref _fetched), cancellationToken);
    }
}
