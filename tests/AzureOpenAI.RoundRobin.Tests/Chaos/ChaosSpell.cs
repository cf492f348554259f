namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What can be wrong with an endpoint, or with one of its answers.</summary>
internal enum Trouble
{
    None,
    ThrottlesForATime,
    ThrottlesWithoutATime,
    ThrottlesForMilliseconds,
    ThrottlesForHours,
    IsUnavailableForATime,
    Errs,
    Refuses,
    IsGone,
    Resets,
    Hangs,
    HangsInTheMiddle,
    Cuts,
    FailsBeforeContent,
    IsBroken,
    RefusesTheKey,
    IsMissing,
    IsSlow,
    IsNearItsLimit,
    SaysNonsense,

    /// <summary>Another deployment of its resource answers for it.</summary>
    SpillsOver,

    /// <summary>That one has no room either, so the first says what it had to say, and that.</summary>
    SpillsOverInVain,

    /// <summary>Its error comes inside an answer of status 200: as its body, or as an event before or after content.</summary>
    ErrsInItsAnswer,

    /// <summary>The head of its answer comes, and then nothing more.</summary>
    FallsSilent,

    /// <summary>It refuses what others answer, with a status of the request's kind.</summary>
    RefusesTheRequest,

    /// <summary>An answer that the SDK did not foresee, or the exception of an SDK that nobody knows.</summary>
    IsUnforeseen,

    /// <summary>It states a pause in one of the many ways in which that may be said, with one of many statuses.</summary>
    StatesAPause,
}

/// <summary>A time of trouble that meets so large a part of the calls.</summary>
internal sealed record ChaosSpell(double From, double To, Trouble Trouble, double Share)
{
    public bool Covers(double second) => From <= second && second < To;
}
