using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>
/// A prompt as the cache sees it: for each whole 128 tokens of its text, a digest of everything up to there.
/// </summary>
internal sealed class PromptBlocks
{
    public const int TokensPerBlock = 128;
    public const int FirstCachedBlock = (1024 / TokensPerBlock) - 1;

    private const int CharactersPerBlock = TokensPerBlock * TokenEstimate.CharactersPerToken;

    private readonly List<UInt128> _digests = [];
    private readonly ArrayBufferWriter<byte> _block = new(2048);
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

        var blocks = new PromptBlocks();
        blocks.AddAround(request.Body, "prompt_cache_key"u8);
        blocks.AddAround(request.Body, "tools"u8);
        blocks.AddAround(request.Body, "response_format"u8);
        int index = 0;
        foreach (var message in request.Body.GetProperty("messages"u8).EnumerateArray())
        {
            blocks.AddMessage(message, request.Messages[index++]);
        }

        return blocks._digests;
    }

    private void AddMessage(JsonElement message, RequestMessage read)
    {
        AddMark(MemoryMarshal.AsBytes(read.Role.AsSpan()));
        AddAround(message, "tool_call_id"u8);
        AddAround(message, "tool_calls"u8);
        if (!message.TryRead("content"u8, JsonValueKind.Array, out var parts))
        {
            AddText(read.Text);
        }
        else
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

    private void AddMark(ReadOnlySpan<byte> bytes)
    {
        BeginPiece('m', bytes.Length);
        _block.Write(bytes);
    }

    private void AddText(ReadOnlySpan<char> text)
    {
        while (text.Length >= _room)
        {
            AddSlice(text[.._room]);
            text = text[_room..];
            _room = CharactersPerBlock;
            EndBlock();
        }

        AddSlice(text);
        _room -= text.Length;
    }

    /// <summary>Text is mostly ASCII, which at one byte a character takes half the time to digest.</summary>
    private void AddSlice(ReadOnlySpan<char> text)
    {
        if (Ascii.IsValid(text))
        {
            BeginPiece('a', text.Length);
            Ascii.FromUtf16(text, _block.GetSpan(text.Length), out int written);
            _block.Advance(written);
        }
        else
        {
            BeginPiece('u', text.Length);
            _block.Write(MemoryMarshal.AsBytes(text));
        }
    }

    /// <summary>Each piece says what it is and how long, so that none can pass for another.</summary>
    private void BeginPiece(char kind, int length)
    {
        var head = _block.GetSpan(5);
        head[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(head[1..], length);
        _block.Advance(5);
    }

    /// <summary>Each digest is taken over the one before and the block, so that equal digests mean equal prefixes.</summary>
    private void EndBlock()
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(_block.WrittenSpan, digest);
        _digests.Add(BinaryPrimitives.ReadUInt128LittleEndian(digest));
        _block.ResetWrittenCount();
        _block.Write(digest);
    }
}
