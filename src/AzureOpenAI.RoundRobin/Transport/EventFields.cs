namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Reads the fields of one event of a stream.</summary>
internal static class EventFields
{
    private const byte LineFeed = (byte)'\n';

    public static LineEnumerator Lines(ReadOnlySpan<byte> text) => new(text);

    /// <summary>Without the space that may stand before it.</summary>
    public static bool IsData(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> data)
    {
        bool isData = line.StartsWith("data:"u8);
        data = isData ? line[5..].TrimStart(" \t"u8) : default;
        return isData;
    }

    public static bool IsErrorName(ReadOnlySpan<byte> line) => line.StartsWith("event:"u8) && line[6..].Trim(" \t"u8).SequenceEqual("error"u8);

    /// <summary>It is named an error.</summary>
    public static bool IsError(ReadOnlySpan<byte> text)
    {
        foreach (Range line in Lines(text))
        {
            if (IsErrorName(text[line]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>All its data, whose lines belong together.</summary>
    public static ReadOnlySpan<byte> DataOf(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> all = default;
        int lines = 0;
        foreach (Range line in Lines(text))
        {
            if (IsData(text[line], out ReadOnlySpan<byte> data))
            {
                all = lines++ == 0 ? data : (byte[])[.. all, LineFeed, .. data];
            }
        }

        return all;
    }

    /// <summary>The lines of an event; line ends of all three kinds may be mixed.</summary>
    public ref struct LineEnumerator(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _next;

        public Range Current { get; private set; }

        public readonly LineEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_next >= _text.Length)
            {
                return false;
            }

            int length = _text[_next..].IndexOfAny((byte)'\r', LineFeed);
            int end = length < 0 ? _text.Length : _next + length;
            Current = _next..end;
            _next = end + 1;
            return true;
        }
    }
}
