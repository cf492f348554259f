namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>One simulated deployment. Times are seconds of simulated time.</summary>
internal sealed record FakeModelSpec
{
    /// <summary>Requests per window; null for no limit.</summary>
    public int? Limit { get; init; }

    /// <summary>Tokens per window, by what a call asks for; null for no limit.</summary>
    public int? TokenLimit { get; init; }

    public double WindowSeconds { get; init; } = 1;

    /// <summary>Changes of <see cref="Limit"/>: from when on, and to how many.</summary>
    public IReadOnlyList<(double From, int Limit)> Steps { get; init; } = [];

    public Hint Hint { get; init; }

    /// <summary>Its answers are so many times as long as asked for; it has all the long conversations.</summary>
    public double Times { get; init; } = 1;

    public IReadOnlyList<Spell> Spells { get; init; } = [];
}

/// <summary>What a rejection says of when to come back.</summary>
internal enum Hint
{
    /// <summary>Milliseconds, and seconds rounded up, as the service does.</summary>
    Exact,

    /// <summary>Only seconds, rounded up.</summary>
    Rounded,

    None,
}

/// <summary>A time during which a deployment misbehaves.</summary>
internal sealed record Spell(double From, double To, Trouble Trouble)
{
    public bool Covers(double second) => second >= From && second < To;
}

internal enum Trouble
{
    /// <summary>Connections are refused at once; those that are open when it begins are reset.</summary>
    Refuses,

    /// <summary>Connecting takes 5 seconds and fails.</summary>
    Vanished,

    /// <summary>Takes calls and never answers; what it took before is answered.</summary>
    Hangs,

    /// <summary>The same, and what it took before is not answered either.</summary>
    Freezes,

    /// <summary>Streams: gives the first update, which has no content, and then nothing.</summary>
    HangsBeforeContent,

    /// <summary>Streams: gives the first content, and then nothing.</summary>
    HangsAfterContent,

    /// <summary>Streams: gives the first content of one in four, and breaks off.</summary>
    Cuts,

    /// <summary>Takes ten times as long for every token.</summary>
    Crawls,

    /// <summary>Answers 500.</summary>
    Breaks,

    /// <summary>Answers 504, after a minute.</summary>
    TimesOut,
}
