using System.Buffers;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Finds the events in the bytes of a stream, in whatever pieces they come, and the first that is an error.</summary>
/// <remarks>An event that comes in one piece is looked at where it is. Of one that comes in several the pieces are kept, up to the longest that an error is.</remarks>
internal struct EventReader
{
    private const byte CarriageReturn = (byte)'\r';
    private const byte LineFeed = (byte)'\n';
    private const int LeastKept = 1024;
    private const int TooLong = -1;

    private byte[]? _kept;
    private int _count;
    private byte _last;

    /// <summary>How many bytes have come since the last event ended.</summary>
    public long Length { get; private set; }

    /// <param name="bytes">What has come; nothing at the end of the stream.</param>
    /// <param name="error">The error that it holds.</param>
    /// <returns>How much of it comes before the error; all where there is none.</returns>
    public int Read(ReadOnlySpan<byte> bytes, out InBandError? error)
    {
        if (bytes.IsEmpty)
        {
            error = Look(bytes, isWhole: true);
            return 0;
        }

        int from = 0;
        while (from < bytes.Length)
        {
            int end = EndOf(bytes[from..]);
            ReadOnlySpan<byte> piece = end < 0 ? bytes[from..] : bytes.Slice(from, end);
            bool isStart = _count == 0;
            error = Look(piece, isWhole: end >= 0);
            if (error is not null)
            {
                // The line feed of a carriage return still belongs to what was before: a parser waits for it.
                return isStart ? from + piece.IndexOfAnyExcept(CarriageReturn, LineFeed) : from;
            }

            Length = end < 0 ? Length + piece.Length : 0;
            from += piece.Length;
        }

        error = null;
        return bytes.Length;
    }

    /// <remarks>Whoever reads may still do so on another thread: what it has taken out then, it does not give back.</remarks>
    public void LetGo()
    {
        if (Interlocked.Exchange(ref _kept, null) is { } kept)
        {
            ArrayPool<byte>.Shared.Return(kept);
        }
    }

    /// <summary>An event ends with a blank line; line ends of all three kinds may be mixed.</summary>
    /// <returns>Where the next begins; -1 where it has not ended.</returns>
    private int EndOf(ReadOnlySpan<byte> bytes)
    {
        int from = 0;
        while (bytes[from..].IndexOfAny(CarriageReturn, LineFeed) is >= 0 and int next)
        {
            int at = from + next;
            byte last = next > 0 ? (byte)0 : _last;
            bool isBlank = last is CarriageReturn or LineFeed && !(last == CarriageReturn && bytes[at] == LineFeed);
            _last = bytes[at];
            from = at + 1;
            if (isBlank)
            {
                return from;
            }
        }

        _last = from == bytes.Length ? _last : (byte)0;
        return -1;
    }

    /// <summary>Of an event that goes on is kept what there is; one whose JSON is complete may be all that ever comes.</summary>
    private InBandError? Look(ReadOnlySpan<byte> piece, bool isWhole)
    {
        if (_count == 0)
        {
            piece = piece.TrimStart("\r\n"u8);
            if (isWhole || piece.IsEmpty)
            {
                return InBandError.Find(piece, isWhole);
            }
        }

        byte[]? kept = Keep(piece);
        ReadOnlySpan<byte> text = kept.AsSpan(0, Math.Max(_count, 0));
        InBandError? error = isWhole || EndsWell(text) ? InBandError.Find(text, isWhole) : null;
        _count = isWhole ? 0 : _count;
        Volatile.Write(ref _kept, kept);
        return error;
    }

    /// <returns>All that is kept; null where it is too long for an error.</returns>
    private byte[]? Keep(ReadOnlySpan<byte> piece)
    {
        byte[]? kept = Interlocked.Exchange(ref _kept, null);
        if (_count < 0 || _count + piece.Length > InBandError.Longest || (_count > 0 && kept is null))
        {
            _count = TooLong;
            return kept;
        }

        kept ??= ArrayPool<byte>.Shared.Rent(Math.Max(LeastKept, piece.Length));
        if (kept.Length < _count + piece.Length)
        {
            byte[] longer = ArrayPool<byte>.Shared.Rent(Math.Max(2 * kept.Length, _count + piece.Length));
            kept.AsSpan(0, _count).CopyTo(longer);
            ArrayPool<byte>.Shared.Return(kept);
            kept = longer;
        }

        piece.CopyTo(kept.AsSpan(_count));
        _count += piece.Length;
        return kept;
    }

    private static bool EndsWell(ReadOnlySpan<byte> text) => text.TrimEnd(" \t\r\n"u8) is [.., (byte)'}'];
}
