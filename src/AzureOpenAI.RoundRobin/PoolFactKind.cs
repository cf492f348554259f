using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Says what has become of an endpoint.</summary>
[Experimental("AOAIRR001")]
public enum PoolFactKind
{
    /// <summary>It takes no calls for a time.</summary>
    Ejected,

    /// <summary>It has admitted a call again.</summary>
    Recovered,
}
