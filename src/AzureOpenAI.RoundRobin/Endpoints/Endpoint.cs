using System.Diagnostics;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>One deployment at one resource: its client, its health, its capacity and its counts.</summary>
[DebuggerDisplay("{Name,nq}")]
internal sealed class Endpoint(EndpointKind kind, Resource resource, HealthState health, string? deployment, EndpointSetup setup)
{
    // Read by calls without a lock: a call during a swap is made with the configuration of a moment ago.
    private volatile EndpointSetup _setup = setup;
    private volatile bool _isClosed;
    private volatile bool _isRetired;
    private volatile bool _hasRefusedRequest;
    private long _answeredBefore;
    private CallCounts _calls;
    private long _failed;
    private long _rejected;
    private long _inputTokens;
    private long _outputTokens;
    private long _cachedInputTokens;
    private long _rejectionTicks = Rejection.Least.Ticks;
    private int _placeByRest = -1;
    private RecentCalls _recent;

    public EndpointKind Kind { get; } = kind;

    /// <summary>What chat calls speak there.</summary>
    public EndpointApi Api { get; init; }

    /// <summary>The service tier of its calls; null for the standard one. Each tier of a deployment is an endpoint of its own.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>What ids of things that it keeps are marked with; null for one that keeps none, or whose address is not known.</summary>
    public EndpointMark? Mark { get; init; }

    public bool IsSdkBacked => Kind != EndpointKind.ReadyMade;

    public Resource Resource { get; } = resource;

    public EndpointHealth Health { get; } = new(health, resource.Health);

    /// <summary>Null for a ready-made client that names none.</summary>
    public string? DeploymentName { get; } = deployment;

    public EndpointSetup Setup => _setup;

    public string Name => _setup.Name;

    public IChatClient? ChatClient => _setup.ChatClient;

    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator => _setup.EmbeddingGenerator;

    public OpenAIClient? Client => _setup.Client;

    public float? Temperature => _setup.Temperature;

    public int? MaxOutputTokens => _setup.MaxOutputTokens;

    /// <summary>The seed of its draws in rendezvous orders. Set under the balancer's lock, and only in a pool whose calls have an affinity.</summary>
    public ulong Seed { get; set; }

    public int Weight => _setup.Weight;

    public int Priority => _setup.Priority;

    public ConversationOwners? Conversations => _setup.Conversations;

    /// <summary>No attempt begins here: it has left the configuration, or the pool is disposed.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>It has left the configuration.</summary>
    public bool IsRetired => _isRetired;

    public ResponseTimes ResponseTimes { get; } = new();

    /// <summary>The limits of the endpoint, learned from its rejections or configured. Under the balancer's lock.</summary>
    public required EndpointCapacity Capacity { get; init; }

    /// <summary>The rate-limit headers of its answers.</summary>
    public required LimitHints Hints { get; init; }

    /// <summary>Where it is among those that are near their limit; less than 0 where it is not. Under the balancer's lock.</summary>
    public ref int PlaceByRest => ref _placeByRest;

    /// <summary>The log has an entry that it is unavailable, so its recovery is logged too. Under the balancer's lock.</summary>
    public bool IsLoggedUnavailable { get; set; }

    /// <summary>Requests that may exceed its limit are not logged before this timestamp. Under the balancer's lock.</summary>
    public long NextSuspectLogAt { get; set; } = long.MinValue;

    /// <summary>The last failure, with its exception; written under the balancer's lock.</summary>
    public EndpointAttempt? LastFailure { get; set; }

    /// <summary>The number of calls that its picker had begun at the last optional probe here. Under the balancer's lock.</summary>
    public uint ProbedAtTurn { get; set; }

    /// <summary>While it is ejected as stalled: the number of the median one of the calls that waited there. Under the balancer's lock.</summary>
    public uint StalledAtCall { get; set; }

    /// <summary>Its answers when a call was relocated last because of its age; -1 before. Under the balancer's lock.</summary>
    public int AnswersAtAgedCall { get; set; } = -1;

    /// <summary>The calls that wait for an answer, and the open streams. Calls that complete synchronously are not included.</summary>
    public int InFlight => _calls.InFlight;

    public long Answered => _calls.Answered;

    /// <summary>It has answered since its key, address or deployment was set, if only with a refusal of a request: so they are right, and a status that says otherwise may be about one request.</summary>
    public bool HasAnswered => _hasRefusedRequest || Answered > Volatile.Read(ref _answeredBefore);

    /// <summary>Waiting does not help: it is misconfigured, or nothing has ever come from it and its name is not known. Under the balancer's lock.</summary>
    public bool IsHopeless => Health.IsMisconfigured || (LastFailure is { IsNameUnknown: true } && !HasAnswered && Rejected == 0 && !Health.IsAvailable);

    public long Failed => Interlocked.Read(ref _failed);

    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>The tokens that its answers reported.</summary>
    public TokenCounts Used => new(Interlocked.Read(ref _inputTokens), Interlocked.Read(ref _outputTokens), Interlocked.Read(ref _cachedInputTokens));

    /// <summary>Rises with each change of what decides whether it has turns; wraps. Under the balancer's lock.</summary>
    public uint Version => unchecked(Health.Deployment.Version + Health.Resource.Version + Hints.Version);

    /// <summary>A success would change none of its state.</summary>
    public bool IsClean => Health.IsClean && !Hints.HasNews;

    /// <summary>It has room for one more call, whatever its tokens.</summary>
    public bool HasRoom(long now) => Health.CanAcquire && Capacity.HasRoom(InFlight, now);

    /// <summary>When it will have room for one more call; see <see cref="EndpointCapacity.RoomAt"/>.</summary>
    public long RoomAt(long now) => Capacity.RoomAt(InFlight, now);

    /// <summary>It takes no call before this timestamp, whatever happens: it stated the time itself.</summary>
    public long RetryAfterUntil => Math.Max(Health.RetryAfterUntil, Capacity.StatedUntil);

    /// <summary>
    /// The time within which the endpoint would have rejected an attempt: twice its slowest recent rejection, 250 ms to 2 s.
    /// </summary>
    public TimeSpan RejectionTime => new(Volatile.Read(ref _rejectionTicks));

    /// <summary>Counts one more of its calls that run. Under the balancer's lock.</summary>
    /// <param name="round">The number of the count.</param>
    /// <param name="isUnanswered">Whether it began within the rejection time, and is not answered.</param>
    /// <param name="isOfLastSecond">Whether it began within the last second.</param>
    public void CountRecent(int round, bool isUnanswered, bool isOfLastSecond)
    {
        RecentCalls before = RecentIn(round);
        _recent = new(round, before.Unanswered + (isUnanswered ? 1 : 0), before.OfLastSecond + (isOfLastSecond ? 1 : 0));
    }

    /// <summary>Its calls that were counted in this round. Under the balancer's lock.</summary>
    public RecentCalls RecentIn(int round) => _recent.Round == round ? _recent : default;

    /// <summary>Under the balancer's lock.</summary>
    public void Become(EndpointSetup setup)
    {
        _setup = setup;
        Capacity.Configured.Configure(setup.RequestsPerMinute, setup.TokensPerMinute);
    }

    /// <summary>Under the balancer's lock.</summary>
    public void Close() => _isClosed = true;

    /// <summary>Under the balancer's lock.</summary>
    public void Retire()
    {
        _isRetired = true;
        Close();
    }

    /// <inheritdoc cref="CallCounts.Began"/>
    public int Began() => _calls.Began();

    /// <summary>An attempt has ended.</summary>
    /// <returns>The answers so far in the count that took this one; 0 where it was not answered.</returns>
    public long Ended(ICallOwner owner, bool answered, bool counted) =>
        counted ? _calls.Ended(answered) : answered ? _calls.AnsweredSynchronously(owner) : 0;

    /// <summary>It has refused a request for what the request says, which proves its key and deployment.</summary>
    public void NoteRefusedRequest() => _hasRefusedRequest = true;

    /// <summary>It is asked with another key or in another way from here on.</summary>
    public void ForgetAnswers()
    {
        Volatile.Write(ref _answeredBefore, Answered);
        _hasRefusedRequest = false;
    }

    public void CountUsage(in TokenCounts tokens)
    {
        Interlocked.Add(ref _inputTokens, tokens.Input);
        Interlocked.Add(ref _outputTokens, tokens.Output);
        Interlocked.Add(ref _cachedInputTokens, tokens.CachedInput);
    }

    /// <summary>Under the balancer's lock.</summary>
    public void CountFailure(OutcomeKind kind, TimeSpan took)
    {
        Interlocked.Increment(ref _failed);
        if (kind == OutcomeKind.RateLimited)
        {
            Interlocked.Increment(ref _rejected);
            Volatile.Write(ref _rejectionTicks, Rejection.After(RejectionTime, took).Ticks);
        }
    }

    public PooledClient Pooled() => new(Client!, DeploymentName!, Name, Mark);

    public override string ToString() => Name;

    private static class Rejection
    {
        public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(250);
        private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

        /// <summary>Grows to a slower rejection at once, and shrinks by an eighth of the difference with each quicker one.</summary>
        public static TimeSpan After(TimeSpan before, TimeSpan took)
        {
            TimeSpan twice = 2 * took;
            TimeSpan next = twice > before ? twice : before - ((before - twice) / 8);
            return next < Least ? Least : next > Most ? Most : next;
        }
    }
}

/// <summary>The calls of an endpoint that run, by one count of all.</summary>
/// <param name="Round">The number of the count.</param>
/// <param name="Unanswered">Those that began within the endpoint's rejection time, and are not answered.</param>
/// <param name="OfLastSecond">Those that began within the last second.</param>
internal readonly record struct RecentCalls(int Round, int Unanswered, int OfLastSecond);
