using System.Diagnostics;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>One deployment at one resource: its client, its health, and what it has done so far.</summary>
[DebuggerDisplay("{Name,nq}")]
internal sealed class Endpoint(EndpointKind kind, Resource resource, HealthState health, string? deployment, EndpointSetup setup)
{
    // Read by calls without a lock: one that comes while it is swapped is made as the configuration said a moment ago.
    private volatile EndpointSetup _setup = setup;
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

    public EndpointKind Kind { get; } = kind;

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

    public ulong Seed => _setup.Seed;

    public int Weight => _setup.Weight;

    public int Priority => _setup.Priority;

    public ConversationOwners? Conversations => _setup.Conversations;

    /// <summary>It is not in the configuration any more: no attempt begins here.</summary>
    public bool IsRetired => _isRetired;

    public ResponseTimes ResponseTimes { get; } = new();

    /// <summary>What it takes, learned from its rejections or configured. Under the dispatcher's lock.</summary>
    public required EndpointCapacity Capacity { get; init; }

    /// <summary>What it says of its limit.</summary>
    public required LimitHints Hints { get; init; }

    /// <summary>The turn is passed over until then, without a new rotation: a pause that is shorter than a rebuild is worth.</summary>
    public long SkippedUntil { get; set; } = long.MinValue;

    /// <summary>Operators were told that it is out, and wait to hear that it is fit again. Under the dispatcher's lock.</summary>
    public bool IsLoggedUnavailable { get; set; }

    /// <summary>Before this nothing is told of requests that may exceed its limit. Under the dispatcher's lock.</summary>
    public long NextSuspectLogAt { get; set; } = long.MinValue;

    /// <summary>The last failure, with its exception; written under the dispatcher's lock.</summary>
    public EndpointAttempt? LastFailure { get; set; }

    /// <summary>How many calls of its group had begun when one of them last risked a probe here. Under the dispatcher's lock.</summary>
    public uint ProbedAtTurn { get; set; }

    /// <summary>While it is taken for silent: the number of the middle one of the calls that waited there then. Under the dispatcher's lock.</summary>
    public uint StalledAtCall { get; set; }

    /// <summary>The calls that wait for an answer there, and the streams that are open. A call that its client answers at once is not among them.</summary>
    public int InFlight => _calls.InFlight;

    public long Answered => _calls.Answered;

    /// <summary>It has answered since its key, address or deployment was set, if only with a refusal of a request: so they are right, and a status that says otherwise may be about one request.</summary>
    public bool HasAnswered => _hasRefusedRequest || Answered > Volatile.Read(ref _answeredBefore);

    public long Failed => Interlocked.Read(ref _failed);

    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>What its answers cost, as they said themselves.</summary>
    public TokenCounts Used => new(Interlocked.Read(ref _inputTokens), Interlocked.Read(ref _outputTokens), Interlocked.Read(ref _cachedInputTokens));

    /// <summary>A success changes nothing of what is known of it.</summary>
    public bool IsClean => Health.IsClean && !Capacity.HoldsBack && !Hints.HasNews;

    /// <summary>One more call may go there, whatever its tokens.</summary>
    public bool HasRoom => Health.CanAcquire && Capacity.HasRoom;

    /// <summary>It takes no call before this timestamp, whatever happens: it stated so itself.</summary>
    public long RetryAfterUntil => Math.Max(Health.RetryAfterUntil, SkippedUntil);

    /// <summary>
    /// Within this an attempt would have been rejected: twice the slowest recent rejection, 250 ms to 2 s. Answers may take a minute, rejections do not.
    /// </summary>
    public TimeSpan RejectionTime => new(Volatile.Read(ref _rejectionTicks));

    /// <summary>Under the dispatcher's lock.</summary>
    public void Become(EndpointSetup setup)
    {
        _setup = setup;
        Capacity.Configure(setup.RequestsPerMinute, setup.TokensPerMinute);
    }

    /// <summary>Under the dispatcher's lock.</summary>
    public void Retire() => _isRetired = true;

    /// <inheritdoc cref="CallCounts.Began"/>
    public int Began() => _calls.Began();

    /// <summary>An attempt has ended.</summary>
    /// <returns>How many answers were counted so far, in the same place as this one; 0 where this gave none.</returns>
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

    /// <summary>Under the dispatcher's lock.</summary>
    public void CountFailure(OutcomeKind kind, TimeSpan took)
    {
        Interlocked.Increment(ref _failed);
        if (kind == OutcomeKind.RateLimited)
        {
            Interlocked.Increment(ref _rejected);
            Volatile.Write(ref _rejectionTicks, Rejection.After(RejectionTime, took).Ticks);
        }
    }

    public PooledClient Pooled() => new(Client!, DeploymentName!, Name);

    public override string ToString() => Name;

    private static class Rejection
    {
        public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(250);
        private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

        /// <summary>Follows a slower rejection at once, and forgets it by an eighth with each quicker one.</summary>
        public static TimeSpan After(TimeSpan before, TimeSpan took)
        {
            TimeSpan twice = 2 * took;
            TimeSpan next = twice > before ? twice : before - ((before - twice) / 8);
            return next < Least ? Least : next > Most ? Most : next;
        }
    }
}
