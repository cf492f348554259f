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

    /// <summary>It holds calls for longer than answers take, too few for one pool to know that it hangs. It is of use for a moment only, and never kept.</summary>
    Silent,

    /// <summary>It has answered a call that began <see cref="PoolFact.For"/> ago, though others hold it to be silent. As short-lived.</summary>
    Answering,

    /// <summary>One pool probes it, so the others leave it alone until they hear what came of it, for <see cref="PoolFact.For"/> at most. As short-lived.</summary>
    Probing,

    /// <summary>It has rejected a call, and all processes together keep a pace there. Who hears it asks the backplane for the pace before its next call.</summary>
    Paced,
}
