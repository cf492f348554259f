using Azure.Core;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

public class TokenCacheTests
{
    private static readonly TokenRequestContext Context = new(["scope"]);

    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly FakeCredential _credential;
    private readonly TokenCache _cache;

    public TokenCacheTests()
    {
        _credential = new FakeCredential(_time);
        _cache = new TokenCache(_credential, _time);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AToken_IsFetchedOnceAndRenewedFiveMinutesBeforeItsEnd(bool sync)
    {
        Assert.Equal("token-1", await GetAsync(sync));
        _time.Advance(TimeSpan.FromMinutes(54.9));
        Assert.Equal("token-1", await GetAsync(sync));
        _time.Advance(TimeSpan.FromMinutes(0.1));
        Assert.Equal("token-2", await GetAsync(sync));
        Assert.Equal("token-2", await GetAsync(sync));

        Assert.Equal(2, _credential.Fetched);
        Assert.Equal(["scope"], _credential.LastContext.Scopes);
    }

    [Fact]
    public async Task AToken_WhoseIssuerSaysWhen_IsRenewedThen()
    {
        _credential.RefreshAfter = TimeSpan.FromMinutes(20);

        Assert.Equal("token-1", await GetAsync());
        _time.Advance(TimeSpan.FromMinutes(19));
        Assert.Equal("token-1", await GetAsync());
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("token-2", await GetAsync());
    }

    [Fact]
    public async Task AToken_ThatIsSoonToBeRenewedFromTheFirst_IsNotFetchedForEachCall()
    {
        _credential.Lifetime = TimeSpan.FromMinutes(4);

        Assert.Equal("token-1", await GetAsync());
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal("token-1", await GetAsync());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("token-2", await GetAsync());
    }

    [Fact]
    public async Task AToken_IsNotSentWhereItMayExpireOnItsWay()
    {
        _credential.Lifetime = TimeSpan.FromSeconds(50);
        Assert.Equal("token-1", await GetAsync());
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("token-2", await GetAsync());
    }

    [Fact]
    public async Task Callers_AtOnce_ShareOneFetch()
    {
        TaskCompletionSource<AccessToken> fetch = new();
        _credential.OnFetch = (_, _) => new(fetch.Task);

        Task<string>[] callers = [.. Enumerable.Range(0, 50).Select(_ => Task.Run(() => GetAsync(), Token))];
        await Eventually.TrueAsync(() => _credential.Fetched == 1);
        Assert.All(callers, caller => Assert.False(caller.IsCompleted));
        fetch.SetResult(_credential.Token(1));

        Assert.All(await Task.WhenAll(callers), token => Assert.Equal("token-1", token));
        Assert.Equal(1, _credential.Fetched);
    }

    [Fact]
    public async Task Callers_AtOnce_ShareAFailureToo_AndTheNextOneTriesAgain()
    {
        TaskCompletionSource<AccessToken> fetch = new();
        _credential.OnFetch = (number, _) => number == 1 ? new(fetch.Task) : new(_credential.Token(number));
        Task<string>[] callers = [.. Enumerable.Range(0, 10).Select(_ => GetAsync())];

        InvalidOperationException failure = new("no identity");
        fetch.SetException(failure);

        foreach (Task<string> caller in callers)
        {
            Assert.Same(failure, await Assert.ThrowsAsync<InvalidOperationException>(() => caller));
        }

        Assert.True(CredentialFailure.IsBehind(failure));
        Assert.Equal("token-2", await GetAsync());
    }

    [Fact]
    public async Task ACaller_ThatCancels_LeavesTheFetchToTheOthers()
    {
        using CancellationTokenSource first = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using CancellationTokenSource third = CancellationTokenSource.CreateLinkedTokenSource(Token);
        TaskCompletionSource<AccessToken> fetch = new();
        // The first does not listen to its token.
        _credential.OnFetch = (number, _) => number == 1 ? new(new TaskCompletionSource<AccessToken>().Task) : new(fetch.Task);
        Task<string> one = GetAsync(token: first.Token);
        Task<string> two = GetAsync();
        Task<string> three = GetAsync(token: third.Token);

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        await Eventually.TrueAsync(() => _credential.Fetched == 2);
        await third.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => three);
        fetch.SetResult(_credential.Token(2));

        // Either of the two may have begun the second fetch; if it was the third, the other began one more.
        Assert.Equal("token-2", await two);
        Assert.InRange(_credential.Fetched, 2, 3);
    }

    [Fact]
    public async Task ARenewal_ThatTakesLong_IsWaitedForByOneCallOnly()
    {
        TaskCompletionSource<AccessToken> fetch = new();
        await GetAsync();
        _credential.OnFetch = (_, _) => new(fetch.Task);
        _time.Advance(TimeSpan.FromMinutes(56));

        Task<string> renewing = GetAsync();
        Assert.Equal("token-1", await GetAsync());
        Assert.Equal("token-1", await GetAsync());
        Assert.False(renewing.IsCompleted);
        fetch.SetResult(_credential.Token(2));

        Assert.Equal("token-2", await renewing);
        Assert.Equal("token-2", await GetAsync());
        Assert.Equal(2, _credential.Fetched);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARenewal_ThatFails_IsNotSeenWhileTheOldTokenIsValid(bool sync)
    {
        await GetAsync(sync);
        Func<int, CancellationToken, ValueTask<AccessToken>> works = _credential.OnFetch;
        _credential.OnFetch = (_, _) => throw new InvalidOperationException("down");
        _time.Advance(TimeSpan.FromMinutes(56));

        Assert.Equal("token-1", await GetAsync(sync));
        Assert.Equal("token-1", await GetAsync(sync));
        Assert.Equal(2, _credential.Fetched);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("token-1", await GetAsync(sync));
        Assert.Equal(3, _credential.Fetched);

        _time.Advance(TimeSpan.FromMinutes(4));
        await Assert.ThrowsAsync<InvalidOperationException>(() => GetAsync(sync));
        _credential.OnFetch = works;
        Assert.Equal("token-5", await GetAsync(sync));
    }

    [Fact]
    public async Task AnotherScope_AndAClaim_AreAnotherToken()
    {
        await GetAsync();

        Assert.Equal("token-2", (await _cache.GetTokenAsync(new(["other"]), Token)).Token);
        Assert.Equal("token-3", (await _cache.GetTokenAsync(new(["other"], claims: "{}"), Token)).Token);
    }

    [Fact]
    public async Task ACredential_ThatIsCancelledByItself_Fails()
    {
        OperationCanceledException failure = new();
        _credential.OnFetch = (_, _) => throw failure;

        Assert.Same(failure, await Assert.ThrowsAsync<OperationCanceledException>(() => GetAsync()));
        Assert.True(CredentialFailure.IsBehind(failure));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "R16")]
    public async Task ATokenThatIsRefused_IsDropped_AtMostOnceIn30Seconds(bool sync)
    {
        await GetAsync(sync);

        Assert.True(_cache.TryDrop("token-1", "{}"));
        Assert.Equal("token-2", await GetAsync(sync));
        Assert.Equal("{}", _credential.LastContext.Claims);
        Assert.True(_cache.TryDrop("token-1", null));
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(_cache.TryDrop("token-2", null));
        Assert.Equal("token-2", await GetAsync(sync));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_cache.TryDrop("token-2", null));
        Assert.Equal("token-3", await GetAsync(sync));
        Assert.Null(_credential.LastContext.Claims);
    }

    [Fact]
    [Trait("Rule", "R16")]
    public async Task Claims_OfARenewalThatFails_AreAskedForAgain()
    {
        await GetAsync();
        Func<int, CancellationToken, ValueTask<AccessToken>> works = _credential.OnFetch;
        _credential.OnFetch = (_, _) => throw new InvalidOperationException("down");
        _cache.TryDrop("token-1", "{}");

        await Assert.ThrowsAsync<InvalidOperationException>(() => GetAsync());
        _credential.OnFetch = works;
        Assert.Equal("token-3", await GetAsync());

        Assert.Equal("{}", _credential.LastContext.Claims);
    }

    private async Task<string> GetAsync(bool sync = false, CancellationToken? token = null) => sync
        ? _cache.GetToken(Context, token ?? Token).Token
        : (await _cache.GetTokenAsync(Context, token ?? Token)).Token;
}
