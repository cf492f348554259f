using Microsoft.Agents.AI;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

internal static class AgentAsking
{
    /// <summary>Asks an agent in its session, by a call or by a stream, for the whole text.</summary>
    public static async Task<string> AskAsync(this AIAgent agent, AgentSession session, string question, bool streaming, CancellationToken cancellationToken)
    {
        if (!streaming)
        {
            return (await agent.RunAsync(question, session, cancellationToken: cancellationToken)).Text;
        }

        string text = "";
        await foreach (AgentResponseUpdate update in agent.RunStreamingAsync(question, session, cancellationToken: cancellationToken))
        {
            text += update.Text;
        }

        return text;
    }
}
