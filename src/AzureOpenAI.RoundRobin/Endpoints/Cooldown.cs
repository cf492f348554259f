using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The length of a cooldown where the endpoint stated no time. A pure function of the outcome and the history.</summary>
internal static class Cooldown
{
    /// <summary>Each 30 s without a failure take back one step of growth.</summary>
    public static readonly TimeSpan ForgivenAfter = TimeSpan.FromSeconds(30);

    /// <summary>The cooldown after a second, different request was asked to wait for more than 5 minutes.</summary>
    public static readonly TimeSpan AfterLongHint = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRateLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestFault = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestSlow = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan[] Configuration = [TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5)];

    /// <param name="kind">What happened.</param>
    /// <param name="strikes">The number of ejections before, less those forgiven.</param>
    /// <param name="outFor">The time that the endpoint was unavailable in all, less what is forgiven.</param>
    /// <param name="cost">How long the failed attempt took.</param>
    public static TimeSpan For(OutcomeKind kind, int strikes, TimeSpan outFor, TimeSpan cost) => kind switch
    {
        OutcomeKind.Cut => Doubled(2 * Second, strikes, LongestRateLimit),
        OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment => Configuration[Math.Min(strikes, Configuration.Length - 1)],
        OutcomeKind.TimedOut or OutcomeKind.Stalled => Clamp(Timestamps.Max(Fault(outFor), 4 * cost), Second, LongestSlow),
        _ => Fault(outFor),
    };

    private static TimeSpan Fault(TimeSpan outFor) => Clamp(outFor / 4, Second, LongestFault);

    private static TimeSpan Doubled(TimeSpan first, int strikes, TimeSpan longest) =>
        Clamp(first * (1 << Math.Min(strikes, 10)), first, longest);

    private static TimeSpan Clamp(TimeSpan value, TimeSpan least, TimeSpan most) => value < least ? least : value > most ? most : value;
}
