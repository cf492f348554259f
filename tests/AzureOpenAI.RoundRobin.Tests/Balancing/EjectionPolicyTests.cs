using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What a failure does to its endpoint: outcome by standing.</summary>
public class EjectionPolicyTests
{
    private const string Last = "healthy available last lastResource";
    private const string Alone = $"{Last} alone intermittent";

    private static readonly Gen<OutcomeKind> Kinds = Gen.Int[(int)OutcomeKind.RateLimited, (int)OutcomeKind.Stalled].Select(static kind => (OutcomeKind)kind);

    private static readonly TimeSpan?[] SomeHints =
        [null, TimeSpan.Zero, TimeSpan.FromMilliseconds(99), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(6)];

    private static readonly Gen<TimeSpan?> Hints = Gen.Int[0, SomeHints.Length - 1].Select(static i => SomeHints[i]);

    private static readonly Gen<Standing> Standings = Gen.Int[0, 1023].Select(static bits => new Standing
    {
        IsLate = (bits & 1) > 0,
        IsSuspectRequest = (bits & 2) > 0,
        IsHealthy = (bits & 4) > 0,
        IsAvailable = (bits & 8) > 0,
        IsAlone = (bits & 16) > 0,
        IsLastAvailable = (bits & 32) > 0,
        IsLastAvailableResource = (bits & 64) > 0,
        IsIntermittent = (bits & 128) > 0,
        IsAwaited = (bits & 256) > 0,
        HasAnswered = (bits & 512) > 0,
    });

    [Theory]
    [InlineData("MissingDeployment", "healthy available")]
    [InlineData("CredentialRefused", "healthy available")]
    [InlineData("Unreachable", "healthy available")]
    [InlineData("Failed", "healthy available intermittent")]
    [InlineData("BrokenAnswer", "healthy available intermittent")]
    [InlineData("Cut", "healthy available")]
    [InlineData("TimedOut", "healthy available")]
    [InlineData("Stalled", "healthy available")]
    public void Decide_OthersAreAvailable_Ejects(string kind, string standing) => Assert.Equal(Ejection.Eject, Decide(kind, standing));

    [Theory]
    [InlineData("MissingDeployment")]
    [InlineData("CredentialRefused")]
    [InlineData("Unreachable")]
    [InlineData("Stalled")]
    public void Decide_AllFailAtTheOnlyEndpoint_Ejects(string kind) => Assert.Equal(Ejection.Eject, Decide(kind, Alone));

    [Theory]
    [InlineData("Failed")]
    [InlineData("BrokenAnswer")]
    public void Decide_ErrorOfTheOnlyEndpoint_DoesNothing(string kind) => Assert.Equal(Ejection.None, Decide(kind, Alone));

    [Theory]
    [InlineData("Failed", Alone + " awaited", "Endure")]
    [InlineData("BrokenAnswer", Alone + " awaited", "Endure")]
    [InlineData("Failed", "available alone last lastResource intermittent", "Endure")]
    [InlineData("Failed", "available alone last lastResource", "Eject")]
    [InlineData("Failed", "healthy alone last lastResource intermittent", "Eject")]
    public void Decide_ErrorOfTheOnlyEndpoint_AwaitedOrNotHealthy_IsNoLongerLetGo(string kind, string standing, string expected) => Assert.Equal(expected, Decide(kind, standing).ToString());

    [Theory]
    [InlineData("Failed", Last + " intermittent", "Endure")]
    [InlineData("BrokenAnswer", Last + " intermittent", "Endure")]
    [InlineData("Failed", "healthy available lastResource intermittent", "Endure")]
    [InlineData("Failed", "healthy available last intermittent", "Eject")]
    [InlineData("Failed", Last, "Eject")]
    [InlineData("BrokenAnswer", Last, "Eject")]
    [InlineData("Failed", "last lastResource intermittent", "Eject")]
    [InlineData("Unreachable", Last + " intermittent", "Eject")]
    public void Decide_ErrorOfTheLastAvailableEndpoint_IsEnduredWhileItAnswersBetween(string kind, string standing, string expected) => Assert.Equal(expected, Decide(kind, standing).ToString());

    [Theory]
    [InlineData(Last, "None")]
    [InlineData("available last", "None")]
    [InlineData("healthy available lastResource alone intermittent", "Eject")]
    [InlineData("last lastResource", "Eject")]
    public void Decide_CutStream_IsIgnoredAtTheLastAvailableEndpoint(string standing, string expected) => Assert.Equal(expected, Decide("Cut", standing).ToString());

    [Theory]
    [InlineData("CredentialRefused", Last + " answered", "None")]
    [InlineData("MissingDeployment", Last + " answered", "None")]
    [InlineData("CredentialRefused", Last + " answered awaited", "Eject")]
    [InlineData("MissingDeployment", Last + " answered awaited", "Eject")]
    [InlineData("CredentialRefused", Last, "Eject")]
    [InlineData("CredentialRefused", "healthy available answered", "Eject")]
    public void Decide_StatusOfConfiguration_IsIgnoredAtTheLastAvailableEndpointThatHasAnswered_WhileNoCallIsQueued(string kind, string standing, string expected) =>
        Assert.Equal(expected, Decide(kind, standing).ToString());

    [Theory]
    [InlineData(Alone, "None")]
    [InlineData("available alone", "None")]
    [InlineData(Last + " intermittent", "Eject")]
    [InlineData("alone", "Eject")]
    public void Decide_TimedOut_IsIgnoredAtTheOnlyEndpoint(string standing, string expected) => Assert.Equal(expected, Decide("TimedOut", standing).ToString());

    [Theory]
    [InlineData(null, "healthy available")]
    [InlineData(0, "healthy available")]
    [InlineData(99, "healthy available")]
    [InlineData(100, "healthy available")]
    [InlineData(300_000, "healthy available")]
    [InlineData(1000, "available")]
    [InlineData(1000, "")]
    [InlineData(null, Alone + " awaited")]
    [InlineData(1000, Alone)]
    public void Decide_RateLimited_IsForThePace(int? milliseconds, string standing) =>
        Assert.Equal(Ejection.KeepPace, Decide("RateLimited", standing, milliseconds is { } stated ? TimeSpan.FromMilliseconds(stated) : null));

    [Theory]
    [InlineData("Failed", Alone)]
    [InlineData("BrokenAnswer", Alone + " awaited")]
    [InlineData("Cut", Last)]
    [InlineData("TimedOut", Alone)]
    public void Decide_TimeIsStated_NoGuardHolds(string kind, string standing) => Assert.Equal(Ejection.Eject, Decide(kind, standing, TimeSpan.FromSeconds(1)));

    [Theory]
    [InlineData("late", "TakeLate")]
    [InlineData("late suspect", "TakeLate")]
    [InlineData("suspect healthy available", "NoteRequest")]
    public void Decide_LateOrSuspect_ComesFirst(string standing, string expected) =>
        Assert.Equal(expected, Decide("RateLimited", standing, TimeSpan.FromMinutes(6)).ToString());

    [Fact]
    public void Decide_LongHintASecondTime_Ejects() => Assert.Equal(Ejection.Eject, Decide("RateLimited", "healthy available", TimeSpan.FromMinutes(6)));

    [Fact]
    public void Decide_LateOutcome_NeverEjects() => Gen.Select(Kinds, Hints, Standings).Sample(static (kind, hint, standing) =>
        Assert.Equal(Ejection.TakeLate, EjectionPolicy.Decide(OutcomeOf(kind, hint), standing with { IsLate = true })));

    [Fact]
    public void Decide_StatedTimeOfThePresentEpoch_AlwaysEjectsOrKeepsThePace() => Gen.Select(Kinds, Hints, Standings).Sample(static (kind, hint, standing) =>
    {
        Ejection ejection = EjectionPolicy.Decide(OutcomeOf(kind, hint), standing with { IsLate = false, IsSuspectRequest = false });
        Assert.True(hint is null || hint > AttemptOutcome.LongestHint || ejection is Ejection.Eject or Ejection.KeepPace, $"{kind}, {hint}, {standing}: {ejection}");
        Assert.Equal(kind == OutcomeKind.RateLimited && !(hint > AttemptOutcome.LongestHint), ejection == Ejection.KeepPace);
    });

    [Fact]
    public void Decide_CutStreamWithoutAStatedTime_NeverEjectsTheLastAvailable() => Standings.Sample(static standing =>
        Assert.NotEqual(Ejection.Eject, EjectionPolicy.Decide(OutcomeOf(OutcomeKind.Cut, null), standing with { IsAvailable = true, IsLastAvailable = true })));

    [Fact]
    public void Decide_Anything_SparesOnlyAnAvailableEndpointThatNoOtherCouldStandInFor() => Gen.Select(Kinds, Hints, Standings).Sample(static (kind, hint, standing) =>
    {
        Ejection ejection = EjectionPolicy.Decide(OutcomeOf(kind, hint), standing);
        if (ejection is Ejection.None or Ejection.Endure)
        {
            Assert.True(standing.IsAvailable && (standing.IsAlone || standing.IsLastAvailable || standing.IsLastAvailableResource), $"{kind}, {hint}, {standing}: {ejection}");
            Assert.True(kind is OutcomeKind.Failed or OutcomeKind.BrokenAnswer or OutcomeKind.Cut or OutcomeKind.TimedOut
                || (kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment && standing is { HasAnswered: true, IsLastAvailable: true, IsAwaited: false }));
        }
    });

    private static Ejection Decide(string kind, string standing, TimeSpan? hint = null) => EjectionPolicy.Decide(OutcomeOf(Enum.Parse<OutcomeKind>(kind), hint), StandingOf(standing.Split(' ')));

    private static AttemptOutcome OutcomeOf(OutcomeKind kind, TimeSpan? hint) => BalancerParts.OutcomeOf(kind, hint?.TotalSeconds);

    private static Standing StandingOf(string[] facts)
    {
        Assert.All(facts.Where(static fact => fact.Length > 0), static fact => Assert.Contains(fact, "late suspect healthy available alone last lastResource intermittent awaited answered".Split(' ')));
        return new()
        {
            IsLate = facts.Contains("late"),
            IsSuspectRequest = facts.Contains("suspect"),
            IsHealthy = facts.Contains("healthy"),
            IsAvailable = facts.Contains("available"),
            IsAlone = facts.Contains("alone"),
            IsLastAvailable = facts.Contains("last"),
            IsLastAvailableResource = facts.Contains("lastResource"),
            IsIntermittent = facts.Contains("intermittent"),
            IsAwaited = facts.Contains("awaited"),
            HasAnswered = facts.Contains("answered"),
        };
    }
}
