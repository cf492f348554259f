namespace AzureOpenAI.Simulator;

/// <summary>
/// A distribution of times that are never negative. Immutable.
/// </summary>
public abstract class Latency
{
    private protected Latency()
    {
    }

    /// <summary>Gets the latency that is always zero.</summary>
    public static Latency None { get; } = new ConstantLatency(TimeSpan.Zero);

    /// <summary>Creates a latency that is always the same.</summary>
    /// <param name="value">The time.</param>
    /// <returns>The latency.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="value"/> is negative or more than a day.</exception>
    public static Latency Constant(TimeSpan value) => new ConstantLatency(RequireTime(value, nameof(value)));

    /// <summary>Creates a latency that is evenly spread between two times.</summary>
    /// <param name="minimum">The shortest time.</param>
    /// <param name="maximum">The longest time.</param>
    /// <returns>The latency.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A time is negative or more than a day, or <paramref name="maximum"/> is less than <paramref name="minimum"/>.</exception>
    public static Latency Uniform(TimeSpan minimum, TimeSpan maximum)
    {
        RequireTime(minimum, nameof(minimum));
        RequireTime(maximum, nameof(maximum));
        ArgumentOutOfRangeException.ThrowIfLessThan(maximum, minimum);
        return new UniformLatency(minimum, maximum);
    }

    /// <summary>Creates a log-normal latency, the usual form of a service's: most times near the median, a long tail above.</summary>
    /// <param name="median">The time that half of the samples are under.</param>
    /// <param name="sigma">The standard deviation of the natural logarithm: 0.35 is a quiet service, 1 a model under mixed load.</param>
    /// <returns>The latency. Samples are cut at one day.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="median"/> is negative or more than a day, or <paramref name="sigma"/> is not between 0 and 5.</exception>
    public static Latency LogNormal(TimeSpan median, double sigma)
    {
        RequireTime(median, nameof(median));
        return sigma is >= 0 and <= 5
            ? new LogNormalLatency(median, sigma)
            : throw new ArgumentOutOfRangeException(nameof(sigma), sigma, "Sigma must be between 0 and 5.");
    }

    /// <summary>Creates a latency that follows <paramref name="rare"/> with the given probability, else <paramref name="usual"/>.</summary>
    /// <param name="usual">The latency of most calls.</param>
    /// <param name="rare">The latency of the rest.</param>
    /// <param name="probability">The share of calls that follow <paramref name="rare"/>, from 0 to 1.</param>
    /// <returns>The latency.</returns>
    /// <exception cref="ArgumentNullException">A latency is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not between 0 and 1.</exception>
    public static Latency Mixture(Latency usual, Latency rare, double probability)
    {
        ArgumentNullException.ThrowIfNull(usual);
        ArgumentNullException.ThrowIfNull(rare);
        return probability is >= 0 and <= 1
            ? new MixtureLatency(usual, rare, probability)
            : throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability must be between 0 and 1.");
    }

    /// <summary>Draws one time.</summary>
    /// <param name="random">The source of randomness; not used concurrently by this method.</param>
    /// <returns>A time from zero to one day.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="random"/> is <see langword="null"/>.</exception>
    public abstract TimeSpan Sample(Random random);

    private static TimeSpan RequireTime(TimeSpan value, string name) =>
        value >= TimeSpan.Zero && value <= TimeSpan.FromDays(1)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "A latency must be between zero and one day.");
}
