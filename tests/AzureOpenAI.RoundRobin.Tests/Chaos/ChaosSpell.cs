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
}

/// <summary>A time of trouble that meets so large a part of the calls.</summary>
internal sealed record ChaosSpell(double From, double To, Trouble Trouble, double Share)
{
    public bool Covers(double second) => From <= second && second < To;
}
