namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The part of all grants that this process had: of one to two periods, and of at least 16 grants where as many were made in 16 periods.</summary>
internal readonly record struct GrantedShare()
{
    private const long Least = 16;

    /// <summary>1 while nothing is known, as for a process that is alone.</summary>
    public double Of { get; private init; } = 1;

    private Mark Last { get; init; }

    private Mark Before { get; init; }

    /// <summary>Whether counting has begun anew: what was granted before is not known to those who grant.</summary>
    public bool IsAnew(long all) => Last.IsSet && all < Last.All;

    /// <param name="own">What this process was granted so far.</param>
    /// <param name="all">What all were granted so far. If it falls, counting has begun anew, and the share stays until more is known.</param>
    /// <param name="now">The present.</param>
    /// <param name="period">The time for which a grant counts.</param>
    public GrantedShare After(long own, long all, long now, long period)
    {
        if (!Last.IsSet || IsAnew(all))
        {
            Mark first = new(true, now, own, all);
            return this with { Last = first, Before = first };
        }

        double share = all > Before.All ? Math.Clamp((own - Before.Own) / (double)(all - Before.All), 0, 1) : Of;
        bool isOver = now - Last.At >= period && (all - Last.All >= Least || now - Last.At >= Least * period);
        return isOver ? this with { Of = share, Before = Last, Last = new(true, now, own, all) } : this with { Of = share };
    }

    /// <summary>What was granted up to a time.</summary>
    private readonly record struct Mark(bool IsSet, long At, long Own, long All);
}
