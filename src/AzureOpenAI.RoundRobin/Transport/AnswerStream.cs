using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The body of an answer, limited in length.</summary>
/// <remarks>Counts the bytes as they are read, and buffers none.</remarks>
/// <param name="body">The body from the wire.</param>
/// <param name="limit">The maximum length.</param>
/// <param name="received">Where the bytes are counted; null if they are not.</param>
/// <param name="announced">The length in its header; zero if there is none.</param>
internal sealed class AnswerStream(Stream body, AnswerLimit limit, StrongBox<long>? received = null, long announced = 0) : Stream
{
    private const byte CarriageReturn = (byte)'\r';
    private const byte LineFeed = (byte)'\n';

    private readonly Stream _body = body;
    private readonly AnswerLimit _limit = limit;
    private readonly StrongBox<long>? _received = received;
    private readonly bool _isTooLong = announced > limit.Most && !limit.PerEvent && !limit.EndsThere;
    private long _length;
    private byte _last;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        Span<byte> room = buffer[..Room(buffer.Length)];
        return Take(room[.._body.Read(room)]);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Memory<byte> room = buffer[..Room(buffer.Length)];
        int count = await _body.ReadAsync(room, cancellationToken).ConfigureAwait(false);
        return Take(room.Span[..count]);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await _body.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Room(int wanted) => _isTooLong ? throw TooLong() : _limit.EndsThere ? (int)Math.Min(wanted, _limit.Most - _length) : wanted;

    private int Take(ReadOnlySpan<byte> bytes)
    {
        _received?.Value += bytes.Length;
        _length = _limit.PerEvent ? SinceLastEvent(bytes) : _length + bytes.Length;
        if (_length > _limit.Most)
        {
            throw TooLong();
        }

        return bytes.Length;
    }

    private AnswerTooLongException TooLong()
    {
        // Dispose here: the SDK leaks a response whose body throws.
        _body.Dispose();
        return new(_limit);
    }

    /// <summary>An event ends with a blank line; line ends of all three kinds may be mixed.</summary>
    private long SinceLastEvent(ReadOnlySpan<byte> bytes)
    {
        long length = _length;
        while (bytes.IndexOfAny(CarriageReturn, LineFeed) is >= 0 and int at)
        {
            byte last = at > 0 ? (byte)0 : _last;
            bool isBlank = last is CarriageReturn or LineFeed && !(last == CarriageReturn && bytes[at] == LineFeed);
            length = isBlank ? 0 : length + at + 1;
            _last = bytes[at];
            bytes = bytes[(at + 1)..];
        }

        _last = bytes.IsEmpty ? _last : (byte)0;
        return length + bytes.Length;
    }
}
