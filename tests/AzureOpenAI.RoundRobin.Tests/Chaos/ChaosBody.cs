using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Server-sent events that come in their time; null is the end of the connection, and one that is never due a hang.</summary>
internal sealed class ChaosBody(ChaosTime time, IEnumerable<(double After, string? Event)> script, Action onEnd) : Stream
{
    private readonly IEnumerator<(double After, string? Event)> _script = script.GetEnumerator();
    private ReadOnlyMemory<byte> _rest;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_rest.IsEmpty)
        {
            if (!_script.MoveNext())
            {
                return 0;
            }

            (double after, string? data) = _script.Current;
            if (after > 0)
            {
                try
                {
                    await time.WaitAsync(after, cancellationToken);
                }
                catch (OperationCanceledException)
                {
                    // The SDK does not dispose a body whose reading throws.
                    onEnd();
                    throw;
                }
            }

            if (data is null)
            {
                throw new IOException("reset", new SocketException((int)SocketError.ConnectionReset));
            }

            _rest = Encoding.UTF8.GetBytes($"data: {data}\n\n");
        }

        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        onEnd();
        base.Dispose(disposing);
    }
}
