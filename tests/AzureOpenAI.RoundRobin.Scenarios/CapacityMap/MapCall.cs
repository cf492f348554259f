namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>One call and what became of it. All times are seconds.</summary>
internal sealed class MapCall(double due, double own, CallSize size)
{
    /// <summary>When the caller makes it.</summary>
    public double Due { get; set; } = due;

    /// <summary>How long its answer takes, at any endpoint.</summary>
    public double Own { get; } = own;

    public CallSize Size { get; } = size;

    public int Attempts { get; set; }

    /// <summary>When the last attempt that was admitted came; not a number where none was.</summary>
    public double Admitted { get; set; } = double.NaN;

    public bool Answered { get; set; }

    public double Ended { get; set; }

    /// <summary>From the call to the attempt that was answered.</summary>
    public double Wait => Admitted - Due;
}
