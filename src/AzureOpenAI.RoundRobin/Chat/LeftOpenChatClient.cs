using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>A ready-made client while the switch is off: it stays its owner's, though a container disposes whatever it hands out.</summary>
internal sealed class LeftOpenChatClient(IChatClient client) : DelegatingChatClient(client)
{
    protected override void Dispose(bool disposing) => base.Dispose(disposing: false);
}
