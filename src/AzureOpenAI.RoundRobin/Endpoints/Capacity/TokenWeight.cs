namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>What a call weighs where tokens are scarce: its estimated tokens beside those of a usual call, which the first twenty calls are.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class TokenWeight
{
    private const int CallsToKnow = 20;
    private const double Least = 0.02;
    private const double Most = 20;

    /// <summary>Each call moves the mean of the weights by this part.</summary>
    private const double Part = 0.02;

    private int _calls;
    private double _tokens;

    /// <summary>The mean weight of the calls lately.</summary>
    public double Mean { get; private set; } = 1;

    /// <summary>The weight of one more call; 1 where its tokens are not estimated, or the usual ones are not known yet.</summary>
    public double Next(long tokens)
    {
        if (tokens == 0)
        {
            return 1;
        }

        if (_calls < CallsToKnow)
        {
            _calls++;
            _tokens += tokens;
            return 1;
        }

        double weight = Math.Clamp(tokens / (_tokens / CallsToKnow), Least, Most);
        Mean += Part * (weight - Mean);
        return weight;
    }
}
