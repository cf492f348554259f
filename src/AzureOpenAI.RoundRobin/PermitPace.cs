using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents the pace at which all processes together start calls at a deployment, learned from its rejections: a rate that was rejected, and how far it has come back to it. Each start has a place in a
/// line that moves on at that rate, and not at all during a pause; so a new pace shifts the starts that were granted already.
/// </summary>
/// <remarks>A rejection makes a new version. The rate is <c>Plateau × (1 + a × (Along - 1)³)</c>, where a is <see cref="Cut"/> below the plateau and 1 beyond it.</remarks>
[Experimental("AOAIRR001")]
public sealed record PermitPace
{
    internal const double LeastRate = 0.01;
    private const double MostRate = 1e6;
    private const long Last = 1L << 53;

    /// <summary>Gets the number of this pace among those of the deployment, from 1; 0 where no pace was ever known.</summary>
    public required long Version { get; init; }

    /// <summary>Gets the calls a second at which the line moves on, from 0.01 to a million; 0 where the deployment takes every call.</summary>
    public double PerSecond { get; init; }

    /// <summary>Gets the calls a second that were rejected last.</summary>
    public double Plateau { get; init; }

    /// <summary>Gets the part of them that the rejection has taken off, from 0 to 0.5.</summary>
    public double Cut { get; init; }

    /// <summary>Gets how far the rate has come back: 0 after the rejection, 1 at the plateau, more beyond it. A backplane lets it grow with each start that somebody waited for, as its place is reached.</summary>
    public double Along { get; init; }

    /// <summary>Gets the time that the way back takes while somebody waits for each start, from 1 to 30 s. Beyond the plateau it is at most 5 s.</summary>
    public TimeSpan Back { get; init; }

    /// <summary>Gets whether the rate was rejected since it was first guessed.</summary>
    public bool IsConfirmed { get; init; }

    /// <summary>Gets how many calls in a row were rejected as the first ones after a pause. A backplane keeps it as it is.</summary>
    public int FirstsRejected { get; init; }

    /// <summary>Gets the last pause that nobody stated; zero where the last one was stated. A backplane keeps it as it is.</summary>
    public TimeSpan LastUnstated { get; init; }

    /// <summary>Gets the phase, from 0 to 3, of the test whether rejections depend on the rate at all. A backplane keeps it as it is.</summary>
    public int TestPhase { get; init; }

    /// <summary>Gets the calls a second before the cuts that are tested. A backplane keeps it as it is.</summary>
    public double TestTop { get; init; }

    /// <summary>Gets the calls a second to which a failed trial of a higher rate goes back. A backplane keeps it as it is.</summary>
    public double TestLow { get; init; }

    /// <summary>Gets the part of the calls, from 0 to 1, that was rejected at the lower rate. A backplane keeps it as it is.</summary>
    public double TestShare { get; init; }

    /// <summary>Gets how many trials of a higher rate have failed, at most 16. A backplane keeps it as it is.</summary>
    public int TestFailed { get; init; }

    /// <summary>Gets the time from now before which no higher rate is tried, at most 10 minutes. A backplane keeps when that is.</summary>
    public TimeSpan TestAgain { get; init; }

    /// <summary>Gets how many calls have started since this phase began; 0 in a request that begins it. A backplane adds each that it grants or hears of.</summary>
    public int TestCalls { get; init; }

    /// <summary>Gets how many of them were rejected. A backplane adds <see cref="PermitLimit.Rejected"/> of a request in the same phase with the same <see cref="TestTop"/>.</summary>
    public int TestRejected { get; init; }

    /// <summary>Gets the place that the line has reached, in calls. In a request it has no meaning.</summary>
    public double Position { get; init; }

    /// <summary>
    /// Gets the time from now at which the line is at <see cref="Position"/>, and moves on from there: in an answer the time from its arrival, less than zero where it lies in the past; in a request the rest of the pause after the rejection.
    /// </summary>
    public TimeSpan In { get; init; }

    /// <summary>Gets whether its values can be.</summary>
    internal bool IsInRange =>
        Version is >= 0 and <= Last && Position is >= 0 and <= Last && In >= -TimeSpan.FromSeconds(1) && In <= TimeSpan.FromMinutes(6)
        && (PerSecond == 0
            || (PerSecond is >= LeastRate and <= MostRate && Plateau is >= LeastRate and <= MostRate && Cut is >= 0 and <= 0.5 && Along is >= 0 and <= 1000
                && Back >= TimeSpan.FromSeconds(1) && Back <= TimeSpan.FromSeconds(30) && FirstsRejected is >= 0 and <= 16 && LastUnstated >= TimeSpan.Zero && LastUnstated <= TimeSpan.FromSeconds(30)
                && TestPhase is >= 0 and <= 3 && TestTop is >= 0 and <= MostRate && TestLow <= MostRate && TestLow >= (TestPhase < 2 ? 0 : LeastRate) && TestFailed is >= 0 and <= 16
                && TestAgain >= TimeSpan.Zero && TestAgain <= TimeSpan.FromMinutes(11) && TestShare is >= 0 and <= 1 && TestCalls >= 0 && TestRejected >= 0));
}
