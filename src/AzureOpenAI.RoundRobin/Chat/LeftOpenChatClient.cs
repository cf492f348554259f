using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>A ready-made client while the switch is off. Its owner disposes it, and not the container, which disposes every object that it creates.</summary>
internal sealed class LeftOpenChatClient(IChatClient client) : DelegatingChatClient(client)
{
    protected override void Dispose(bool disposing) => base.Dispose(disposing: false);
}
