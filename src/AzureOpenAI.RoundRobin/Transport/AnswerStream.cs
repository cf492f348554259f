using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The body of an answer, of which no more is read than an answer can be, and nothing after an error that a stream reports.</summary>
/// <remarks>Counts as it reads and reads nothing ahead, so that what is counted is what came over the wire.</remarks>
/// <param name="body">The body as it comes over the wire.</param>
/// <param name="limit">How much of it is read at most.</param>
/// <param name="received">Where what comes is counted, if it is.</param>
/// <param name="announced">The length that its header names; zero if none.</param>
/// <param name="answer">Whose body it is.</param>
internal sealed class AnswerStream(Stream body, AnswerLimit limit, ReceivedBytes? received = null, long announced = 0, BoundedResponse? answer = null) : Stream
{
    private readonly Stream _body = body;
    private readonly AnswerLimit _limit = limit;
    private readonly ReceivedBytes? _received = received;
    private readonly bool _isTooLong = announced > limit.Most && !limit.PerEvent && !limit.EndsThere;
    private readonly BoundedResponse? _answer = answer;
    private long _length;
    private EventReader _events;
    private InBandError? _error;

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
        return Take(room[.._body.Read(room)], isEnd: !room.IsEmpty);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Memory<byte> room = buffer[..Room(buffer.Length)];
        int count = await _body.ReadAsync(room, cancellationToken).ConfigureAwait(false);
        return Take(room.Span[..count], isEnd: !room.IsEmpty);
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
            _events.LetGo();
        }

        base.Dispose(disposing);
    }

    private int Room(int wanted)
    {
        if (_error is { } error)
        {
            throw Reported(error);
        }

        return _isTooLong ? throw TooLong() : _limit.EndsThere ? (int)Math.Min(wanted, _limit.Most - _length) : wanted;
    }

    /// <param name="bytes">What has been read.</param>
    /// <param name="isEnd">Where that is nothing, the body is at its end.</param>
    private int Take(ReadOnlySpan<byte> bytes, bool isEnd)
    {
        if (!bytes.IsEmpty)
        {
            _received?.Came(bytes.Length);
        }

        if (_limit.PerEvent)
        {
            return TakeEvents(bytes, isEnd);
        }

        _length += bytes.Length;
        return _length > _limit.Most ? throw TooLong() : bytes.Length;
    }

    /// <remarks>What came before an error is passed on first: the caller gets the same however the bytes come in pieces.</remarks>
    private int TakeEvents(ReadOnlySpan<byte> bytes, bool isEnd)
    {
        int well = isEnd || !bytes.IsEmpty ? _events.Read(bytes, out _error) : 0;
        if (_error is { } error && well == 0)
        {
            throw Reported(error);
        }

        return _events.Length > _limit.Most ? throw TooLong() : well;
    }

    private InBandErrorException Reported(InBandError error)
    {
        _body.Dispose();
        return _answer?.ExceptionOf(error) ?? InBandErrorException.Of(error, null, null);
    }

    private AnswerTooLongException TooLong()
    {
        // Dispose here: the SDK leaks a response whose body throws.
        _body.Dispose();
        return new(_limit);
    }
}
