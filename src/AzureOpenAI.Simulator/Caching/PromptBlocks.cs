using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>
/// A prompt as the cache sees it: for each whole 128 tokens of its text, a digest of everything up to there.
/// </summary>
internal sealed class PromptBlocks : IDisposable
{
    public const int TokensPerBlock = 128;
    public const int FirstCachedBlock = (1024 / TokensPerBlock) - 1;

    private const int CharactersPerBlock = TokensPerBlock * TokenEstimate.CharactersPerToken;

    private readonly List<UInt128> _digests = [];
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _room = CharactersPerBlock;

    private PromptBlocks()
    {
    }

    /// <summary>Reads the digests, shortest prefix first. None, if the prompt is too short to be cached.</summary>
    public static IReadOnlyList<UInt128> Of(ChatRequest request)
    {
        if (request.PromptCharacters < CharactersPerBlock * (FirstCachedBlock + 1))
        {
            return [];
        }

        using var blocks = new PromptBlocks();
        blocks.AddAround(request.Body, "prompt_cache_key"u8);
        blocks.AddAround(request.Body, "tools"u8);
        blocks.AddAround(request.Body, "response_format"u8);
        foreach (var message in request.Body.GetProperty("messages"u8).EnumerateArray())
        {
            blocks.AddMessage(message);
        }

        return blocks._digests;
    }

    public void Dispose() => _hash.Dispose();

    private void AddMessage(JsonElement message)
    {
        AddMark(message.ReadString("role"u8));
        AddAround(message, "tool_call_id"u8);
        AddAround(message, "tool_calls"u8);
        if (message.ReadString("content"u8) is { } text)
        {
            AddText(text);
        }
        else if (message.TryRead("content"u8, JsonValueKind.Array, out var parts))
        {
            foreach (var part in parts.EnumerateArray())
            {
                AddPart(part);
            }
        }
    }

    private void AddPart(JsonElement part)
    {
        if (part.ReadString("text"u8) is { } text)
        {
            AddText(text);
        }
        else
        {
            AddMark(JsonMarshal.GetRawUtf8Value(part));
        }
    }

    /// <summary>Adds what must be the same but is not counted as tokens.</summary>
    private void AddAround(JsonElement element, ReadOnlySpan<byte> name)
    {
        if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
        {
            AddMark(name);
            AddMark(JsonMarshal.GetRawUtf8Value(value));
        }
    }

    private void AddMark(string? text) => AddMark(MemoryMarshal.AsBytes(text.AsSpan()));

    /// <summary>Marks begin with half a surrogate pair, which no text of JSON holds, so no text can pass for one.</summary>
    private void AddMark(ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[6];
        BinaryPrimitives.WriteUInt16LittleEndian(head, 0xDC00);
        BinaryPrimitives.WriteInt32LittleEndian(head[2..], bytes.Length);
        _hash.AppendData(head);
        _hash.AppendData(bytes);
    }

    private void AddText(ReadOnlySpan<char> text)
    {
        while (text.Length >= _room)
        {
            _hash.AppendData(MemoryMarshal.AsBytes(text[.._room]));
            text = text[_room..];
            _room = CharactersPerBlock;
            EndBlock();
        }

        _hash.AppendData(MemoryMarshal.AsBytes(text));
        _room -= text.Length;
    }

    private void EndBlock()
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetCurrentHash(digest);
        _digests.Add(BinaryPrimitives.ReadUInt128LittleEndian(digest));
    }
}
