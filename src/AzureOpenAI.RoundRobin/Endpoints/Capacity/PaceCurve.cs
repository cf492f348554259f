namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>How a rate that is used comes back after a rejection, and goes beyond the rate that was rejected. It is flat about that, the plateau.</summary>
/// <param name="Plateau">Calls a second.</param>
/// <param name="Cut">The part of it that the rejection took.</param>
/// <param name="Along">How far the rate has come: 0 after the rejection, and 1 at the plateau.</param>
/// <param name="Back">The seconds of the way back.</param>
internal readonly record struct PaceCurve(double Plateau, double Cut, double Along, double Back)
{
    /// <summary>Beyond the plateau the rate doubles within this many seconds, or the time of the way back where that is shorter.</summary>
    private const double LongestDoubling = 5;

    private const int MostSteps = 30;

    private const double Exact = 1e-6;

    public double PerSecond => Math.Max(PermitPace.LeastRate, Plateau * (1 + (Part * Beyond * Beyond * Beyond)));

    private double Beyond => Along - 1;

    private double Part => Along < 1 ? Cut : 1;

    /// <summary>The seconds of the way back, or beyond it of a doubling.</summary>
    private double Length => Along < 1 ? Back : Math.Min(Back, LongestDoubling);

    /// <summary>After the rate was used for so long.</summary>
    public PaceCurve After(double seconds) => this with { Along = Along + (seconds / Length) };

    /// <summary>How many seconds so many calls take, which follow each other at the rate.</summary>
    public double SecondsOf(double calls)
    {
        double untilPlateau = Along < 1 ? CallsWithin(Back * (1 - Along)) : 0;
        return untilPlateau <= 0 || calls <= untilPlateau ? SecondsOnThisSide(calls) : (Back * (1 - Along)) + (this with { Along = 1 }).SecondsOnThisSide(calls - untilPlateau);
    }

    /// <summary>The integral of the rate, up to the plateau or beyond it.</summary>
    private double CallsWithin(double seconds)
    {
        double beyond = Beyond + (seconds / Length);
        return Plateau * (seconds + (Part * Length / 4 * ((beyond * beyond * beyond * beyond) - (Beyond * Beyond * Beyond * Beyond))));
    }

    private double SecondsOnThisSide(double calls)
    {
        // The rate grows, so Newton's steps come from above and meet at the time. Both first guesses are too late.
        double seconds = calls / PerSecond;
        seconds = Along < 1 ? seconds : Math.Min(seconds, Length * Math.Sqrt(Math.Sqrt(4 * calls / (Plateau * Length))));
        for (int i = 0; i < MostSteps; i++)
        {
            double step = (CallsWithin(seconds) - calls) / After(seconds).PerSecond;
            seconds -= step;
            if (Math.Abs(step) < Exact)
            {
                break;
            }
        }

        return Math.Max(0, seconds);
    }
}
