namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>A state, made anew for each round, and what is measured in it.</summary>
/// <param name="Steps">How often the step is made.</param>
/// <param name="Step">What is measured, by its number.</param>
/// <param name="End">What is done after it, and not measured.</param>
internal sealed record Round(int Steps, Action<int> Step, Action End)
{
    /// <summary>The slowest step counts, and not the mean of all.</summary>
    public bool IsWorst { get; init; }

    /// <summary>How many calls a step is about, where that is not one: what it takes is divided by them, and what all threads allocate counts.</summary>
    public int? Calls { get; init; }
}

/// <summary>A line of the table.</summary>
/// <param name="State">The state, in the words of the table.</param>
/// <param name="Size">How large it is.</param>
/// <param name="Client">Which client is measured.</param>
/// <param name="Begin">Makes the state.</param>
internal sealed record Row(string State, string Size, string Client, Func<Round> Begin);

/// <summary>What a step took.</summary>
/// <param name="Nanoseconds">Its time: the median of the rounds.</param>
/// <param name="Least">That of the quickest round.</param>
/// <param name="Bytes">What it allocated on its thread.</param>
internal readonly record struct Figure(double Nanoseconds, double Least, double Bytes);
