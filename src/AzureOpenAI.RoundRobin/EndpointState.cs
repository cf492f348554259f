namespace AzureOpenAI.RoundRobin;

/// <summary>Says whether an endpoint takes calls, from <see cref="Healthy"/> to <see cref="Unavailable"/>. The tag <c>state</c> of the metrics has the same words in lower case.</summary>
public enum EndpointState
{
    /// <summary>The endpoint takes its whole share of the calls, or as many as it was found to have room for.</summary>
    Healthy,

    /// <summary>The endpoint takes calls again after a failure: a few at one time, and more with each that it admits. Other systems call it slow start.</summary>
    Recovering,

    /// <summary>The endpoint's cooldown is over, and it takes one call at a time until one is admitted. Other systems call it half-open.</summary>
    Probing,

    /// <summary>The endpoint takes no call until its cooldown is over; see <see cref="EndpointStatus.ReadyIn"/>. Other systems call it ejected, or an open circuit.</summary>
    Unavailable,
}
