using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>For how long an endpoint that named no time itself stays out. A pure function of the outcome and of what came before it.</summary>
internal static class Cooldown
{
    /// <summary>Growth is forgotten one step at a time, each for so long without a failure.</summary>
    public static readonly TimeSpan ForgivenAfter = TimeSpan.FromSeconds(30);

    /// <summary>A suspect request is believed to be the endpoint's fault once a different one got the same answer there.</summary>
    public static readonly TimeSpan AfterLongHint = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRateLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestFault = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestSlow = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan[] Configuration = [TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5)];

    /// <param name="kind">What happened.</param>
    /// <param name="strikes">How often it happened before and is not yet forgiven.</param>
    /// <param name="outFor">How long the endpoint has been out, all in all, and not yet forgiven.</param>
    /// <param name="cost">What this attempt cost its caller.</param>
    public static TimeSpan For(OutcomeKind kind, int strikes, TimeSpan outFor, TimeSpan cost) => kind switch
    {
        OutcomeKind.RateLimited => Doubled(Second, strikes, LongestRateLimit),
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
