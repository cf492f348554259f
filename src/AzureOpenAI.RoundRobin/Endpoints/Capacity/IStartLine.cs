namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>What this process may start at one deployment within what all processes share, by permits that it has in hand: configured limits, or a learned pace.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal interface IStartLine
{
    /// <summary>The most permits in hand for calls to come.</summary>
    const int MostAhead = 16;

    /// <summary>A permit that no call waits for is kept for so long.</summary>
    static readonly TimeSpan AheadHold = TimeSpan.FromMilliseconds(100);

    /// <summary>After nothing was granted ahead the next such wish waits for this time.</summary>
    static readonly TimeSpan AheadAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>An answer is expected within this time.</summary>
    static readonly TimeSpan Trip = TimeSpan.FromMilliseconds(5);

    /// <summary>So long after its end a permit is used all the same: the process was busy. The others are told of it as of a start without one, if no call waited for it.</summary>
    static readonly TimeSpan Late = TimeSpan.FromMilliseconds(200);

    /// <summary>When the next permit would start, by the last reply; in the past where nothing is known.</summary>
    long NextAt { get; }

    /// <summary>Nobody grants permits: the process keeps its share by itself, until it is time to ask again.</summary>
    bool IsAlone { get; }

    /// <summary>For how long a permit is kept that a call waits for.</summary>
    TimeSpan Hold { get; }

    /// <summary>Noted by who was told that permits are wanted.</summary>
    bool IsWanted { get; set; }

    /// <summary>The others are to be told, or asked, something even where no permit is wanted.</summary>
    bool HasNews => false;

    /// <summary>By the last answer all processes keep another pace because of what this one has told.</summary>
    bool IsChanged => false;

    /// <summary>The tokens of a permit for a call to come.</summary>
    long TokensAhead => 0;

    /// <summary>How many permits to ask for because calls are to come.</summary>
    int WantedAhead(long now, int least = 0);

    /// <summary>The permits in hand that may be used after a time.</summary>
    int HeldAfter(long from);

    /// <summary>Whether the permits in hand that may be used after a time have the tokens for a call.</summary>
    bool HoldsFor(long tokens, long from);

    /// <summary>The permits that nobody used and the starts without one, since the last call of this.</summary>
    (int Voided, int Alone) Count();

    /// <summary>What the others are told and asked.</summary>
    PermitLimit ToRequest(int priority, TimeSpan notBefore);

    /// <summary>The pace of an answer, before its permits.</summary>
    /// <returns>Whether it will do.</returns>
    bool TryHear(PermitPace? pace, long at) => true;

    /// <summary>Before <see cref="Add"/>: where those who grant have lost what they had granted, the permits in hand are void.</summary>
    void Compare(long granted);

    /// <summary>A permit was granted.</summary>
    void Add(StartPermit permit, long start, long end, bool isAhead);

    /// <summary>The others have answered. After <see cref="Add"/> of all that they have granted.</summary>
    void Answered(long nextAt, long granted, bool isRefusedAhead, long now);

    /// <summary>Nobody grants permits until then. Those in hand stay good.</summary>
    void GoAlone(long until);
}
