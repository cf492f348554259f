using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What a process that makes calls is told, as one line of JSON.</summary>
/// <param name="Client">By name.</param>
/// <param name="Fleet">Where the calls go.</param>
/// <param name="Practice">Where its first calls go, so that it has compiled what it needs when the load begins.</param>
/// <param name="Load">Its part of the load.</param>
/// <param name="Number">Which of the processes it is.</param>
/// <param name="DelaySeconds">By how much it begins after the others, so that their calls are evenly spaced.</param>
/// <param name="Life">How long its clients live.</param>
/// <param name="Redis">Where they share, and null for nowhere.</param>
/// <param name="FleetName">With whom.</param>
/// <param name="PerMinute">The configured limit of each endpoint; null where they are learned.</param>
internal sealed record CallerSpec(
    string Client, IReadOnlyList<Address> Fleet, IReadOnlyList<Address> Practice, LoadPlan Load, int Number, double DelaySeconds, ClientLife Life,
    string? Redis, string FleetName, IReadOnlyList<int>? PerMinute = null);
