namespace AzureOpenAI.RoundRobin;

/// <summary>Says whether an endpoint takes calls.</summary>
public enum EndpointState
{
    /// <summary>It takes its share.</summary>
    Fit,

    /// <summary>It was out and takes calls again, more with each that it admits.</summary>
    Returning,

    /// <summary>It was out, and the next call finds out whether it is back.</summary>
    Probing,

    /// <summary>It is left alone for a while.</summary>
    Out,
}
