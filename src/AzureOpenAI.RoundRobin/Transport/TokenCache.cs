using System.Runtime.ExceptionServices;
using Azure.Core;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// Caches an endpoint's token. One call fetches it for all that need it, once for its lifetime, and renews it before it expires. The SDK's classic client caches tokens less
/// strictly, and its v1 client does not.
/// </summary>
/// <remarks>
/// A fetch belongs to the call that began it, and is cancelled with it; then one of the waiting calls begins another, so no call fails because another was cancelled. While the
/// old token is valid only the call that renews it waits, and if the renewal fails, all calls use the old token.
/// </remarks>
internal sealed class TokenCache(TokenCredential credential, TimeProvider time) : TokenCredential
{
    /// <summary>A token is not used this close to its expiry, since it may expire on the way.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    /// <summary>A token whose issuer states no time of renewal is renewed this long before it expires.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);

    /// <summary>The pause before the next renewal, where one failed or brought a token that is due for renewal already.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private readonly TokenCredential _credential = credential;
    private readonly TimeProvider _time = time;
    private readonly Lock _gate = new();
    private Held? _held;
    private TaskCompletionSource<Fetched>? _fetch;
    private DateTimeOffset _mayDropAt = DateTimeOffset.MinValue;
    private string? _claims;

    /// <remarks>Only a user's own operation calls this synchronous method. It does not wait for the fetch of another call.</remarks>
    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        if (Find(requestContext) is { } held && held.IsFresh(_time.GetUtcNow()))
        {
            return held.Token;
        }

        Fetched fetched;
        try
        {
            fetched = Keep(requestContext, _credential.GetToken(WithClaims(requestContext), cancellationToken));
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            fetched = Instead(requestContext, exception);
        }

        return TokenOf(fetched)!.Value;
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        Find(requestContext) is { } held && held.IsFresh(_time.GetUtcNow()) ? new(held.Token) : WaitAsync(requestContext, cancellationToken);

    /// <summary>
    /// The service has refused a token before its end, as after a change of roles, of keys or of the network. It is dropped, for all who would send it, and the next
    /// fetch asks for what the service claims.
    /// </summary>
    /// <param name="token">The token that was sent.</param>
    /// <param name="claims">What the service wants the next one to have; null where it says nothing.</param>
    /// <returns>Whether another is worth a fetch; not so soon after the last was dropped.</returns>
    public bool TryDrop(string token, string? claims)
    {
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (_held is not { } held || held.Token.Token != token)
            {
                // Another call was refused the same, and has it renewed or is about to.
                return true;
            }

            if (now < _mayDropAt)
            {
                return false;
            }

            (_mayDropAt, _claims) = (now + Pause, claims);
            Volatile.Write(ref _held, null);
            return true;
        }
    }

    private async ValueTask<AccessToken> WaitAsync(TokenRequestContext context, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TaskCompletionSource<Fetched>? own = null;
            Task<Fetched> fetch;
            lock (_gate)
            {
                DateTimeOffset now = _time.GetUtcNow();
                if (Find(context) is { } held && (held.IsFresh(now) || (held.IsValid(now) && _fetch is not null)))
                {
                    return held.Token;
                }

                _fetch ??= own = new(TaskCreationOptions.RunContinuationsAsynchronously);
                fetch = _fetch.Task;
            }

            Fetched fetched = own is null
                ? await fetch.WaitAsync(cancellationToken).ConfigureAwait(false)
                : await FetchAsync(own, context, cancellationToken).ConfigureAwait(false);
            if (TokenOf(fetched) is { } token)
            {
                return token;
            }
        }
    }

    private async Task<Fetched> FetchAsync(TaskCompletionSource<Fetched> own, TokenRequestContext context, CancellationToken cancellationToken)
    {
        Fetched fetched = default;
        try
        {
            // Not all credentials listen to their token.
            fetched = Keep(context, await _credential.GetTokenAsync(WithClaims(context), cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false));
        }
#pragma warning disable CA1031 // All calls that wait for the token get the exception.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            fetched = cancellationToken.IsCancellationRequested ? default : Instead(context, exception);
        }

        lock (_gate)
        {
            _fetch = null;
        }

        own.SetResult(fetched);
        return fetched;
    }

    /// <returns>Null where the call that fetched was cancelled.</returns>
    private static AccessToken? TokenOf(in Fetched fetched)
    {
        if (fetched.Failure is { } failure)
        {
            CredentialFailure.Note(failure);
            ExceptionDispatchInfo.Throw(failure);
        }

        return fetched.Token;
    }

    /// <summary>The cached token, if it is for the same scopes. A client always asks for one scope.</summary>
    private Held? Find(TokenRequestContext context) =>
        Volatile.Read(ref _held) is { } held && context.Claims is null && held.Scopes.AsSpan().SequenceEqual(context.Scopes) ? held : null;

    private TokenRequestContext WithClaims(TokenRequestContext context) => Volatile.Read(ref _claims) is { } claims && context.Claims is null
        ? new(context.Scopes, context.ParentRequestId, claims, context.TenantId, context.IsCaeEnabled)
        : context;

    private Fetched Keep(TokenRequestContext context, AccessToken token)
    {
        Volatile.Write(ref _claims, null);
        DateTimeOffset renewAt = token.RefreshOn ?? token.ExpiresOn - Ahead;
        DateTimeOffset soonest = _time.GetUtcNow() + Pause;
        Volatile.Write(ref _held, new Held(context.Scopes, token, renewAt > soonest ? renewAt : soonest));
        return new(token, null);
    }

    /// <summary>The result of a fetch that failed: the old token while it is valid, and a renewal later.</summary>
    private Fetched Instead(TokenRequestContext context, Exception failure)
    {
        DateTimeOffset now = _time.GetUtcNow();
        if (Find(context) is not { } held || !held.IsValid(now))
        {
            return new(null, failure);
        }

        Volatile.Write(ref _held, held with { RenewAt = now + Pause });
        return new(held.Token, null);
    }

    private sealed record Held(string[] Scopes, AccessToken Token, DateTimeOffset RenewAt)
    {
        public bool IsValid(DateTimeOffset now) => now < Token.ExpiresOn - Margin;

        public bool IsFresh(DateTimeOffset now) => IsValid(now) && now < RenewAt;

        /// <summary>A record prints its members.</summary>
        public override string ToString() => nameof(Held);
    }

    /// <summary>A token or a failure; neither where the call that fetched was cancelled.</summary>
    private readonly record struct Fetched(AccessToken? Token, Exception? Failure)
    {
        public override string ToString() => nameof(Fetched);
    }
}
