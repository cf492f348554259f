using System.Collections.Frozen;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The pickers of the calls of one service tier. The endpoints of each tier are objects of their own, which share their resource's health and nothing else.</summary>
/// <param name="Default">For calls that name no model, or one that no endpoint maps.</param>
/// <param name="ByModel">For calls that name a model.</param>
/// <param name="ByOwner">For calls of a conversation that one endpoint keeps: a picker of that endpoint alone.</param>
internal sealed record TierPickers(Picker Default, FrozenDictionary<string, Picker> ByModel, FrozenDictionary<Endpoint, Picker> ByOwner);
