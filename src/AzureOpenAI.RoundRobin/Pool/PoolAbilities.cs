using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>Checks that every endpoint of a new configuration can do what the pool is used for.</summary>
internal static class PoolAbilities
{
    /// <exception cref="OptionsValidationException">Some cannot.</exception>
    public static void Check(PoolMembers members, bool answersChat, bool makesEmbeddings)
    {
        IEnumerable<EndpointSetup> withoutChat = members.Setups.Values.Where(setup => answersChat && setup.ChatClient is null);
        IEnumerable<EndpointSetup> withoutEmbeddings = members.Setups.Values.Where(setup => makesEmbeddings && setup.EmbeddingGenerator is null);
        string[] faults =
        [
            .. withoutChat.Select(static setup => $"Endpoint '{setup.Name}' is a ready-made embedding generator, but a chat client uses the pool; set its ChatClient as well, or give it an address."),
            .. withoutEmbeddings.Select(static setup => $"Endpoint '{setup.Name}' is a ready-made chat client, but an embedding generator uses the pool; set its EmbeddingGenerator as well, or give it an address."),
        ];
        if (faults.Length > 0)
        {
            throw new OptionsValidationException("", typeof(RoundRobinOptions), faults);
        }
    }
}
