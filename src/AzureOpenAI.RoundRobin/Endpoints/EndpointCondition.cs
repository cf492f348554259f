using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The health of an endpoint at one moment. The default is that of a healthy one.</summary>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why it is not healthy.</param>
/// <param name="IsHearsay">Another process said why.</param>
/// <param name="ReadyIn">The time until it is no longer unavailable.</param>
internal readonly record struct EndpointCondition(EndpointState State, OutcomeKind Reason, bool IsHearsay, TimeSpan ReadyIn);
