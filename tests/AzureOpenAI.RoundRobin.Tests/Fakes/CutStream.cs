using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A body that is reset after so much, or that stays silent then.</summary>
internal sealed class CutStream(string text, bool isSilent = false) : MemoryStream(Encoding.UTF8.GetBytes(text))
{
    public override bool CanSeek => false;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = Read(buffer.Span);
        if (count == 0 && isSilent)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        return count > 0 ? count : throw new IOException("reset", new SocketException((int)SocketError.ConnectionReset));
    }
}
