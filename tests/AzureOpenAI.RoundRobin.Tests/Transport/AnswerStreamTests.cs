using System.Text;
using AzureOpenAI.RoundRobin.Transport;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>What is let through of an answer: all of it up to a limit, whatever the pieces it comes in.</summary>
public class AnswerStreamTests
{
    private static readonly AnswerLimit Whole = new("an answer", 100);
    private static readonly AnswerLimit Event = new("an event", 100, PerEvent: true);
    private static readonly AnswerLimit Error = new("an error", 100, EndsThere: true);

    [Theory]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public async Task Read_Answer_IsReadUpToItsLimit_AndThenDisposed(int length, bool passes)
    {
        string text = new('x', length);
        foreach (bool synchronously in new[] { true, false })
        {
            Pieces pieces = new(text, 7);
            if (passes)
            {
                Assert.Equal(text, await ReadAsync(pieces, Whole, synchronously));
                continue;
            }

            await Assert.ThrowsAsync<AnswerTooLongException>(() => ReadAsync(pieces, Whole, synchronously));
            Assert.True(pieces.IsDisposed);
        }
    }

    [Fact]
    public async Task Read_ContentLengthBeyondTheLimit_IsDisposedUnread()
    {
        foreach (bool synchronously in new[] { true, false })
        {
            Pieces pieces = new("short", 7);

            await Assert.ThrowsAsync<AnswerTooLongException>(() => ReadAsync(pieces, Whole, synchronously, announced: 101));

            Assert.True(pieces.IsDisposed);
            Assert.False(pieces.IsRead);
            Assert.Equal("short", await ReadAsync(new Pieces("short", 7), Whole, synchronously, announced: 100));
            Assert.Equal("short", await ReadAsync(new Pieces("short", 7), Event, synchronously, announced: 101));
            Assert.Equal("short", await ReadAsync(new Pieces("short", 7), Error, synchronously, announced: 101));
        }
    }

    [Fact]
    public async Task Read_Error_EndsAtItsLimit()
    {
        Assert.Equal(new string('x', 100), await ReadAsync(new Pieces(new string('x', 1000), 7), Error));
        Assert.Equal(new string('x', 100), await ReadAsync(new Pieces(new string('x', 1000), 7), Error, synchronously: true));
        Assert.Equal("short", await ReadAsync(new Pieces("short", 7), Error));
    }

    [Theory]
    [InlineData("\n\n", true)]
    [InlineData("\r\n\r\n", true)]
    [InlineData("\r\r", true)]
    [InlineData("\n\r\n", true)]
    [InlineData("\r\n\n", true)]
    [InlineData("\n", false)]
    [InlineData("\r", false)]
    [InlineData("\r\n", false)]
    public async Task Read_Event_EndsWithABlankLine_WhereverItIsSplit(string end, bool isEnd)
    {
        string text = string.Concat(Enumerable.Repeat(new string('x', 40) + end, 50));
        for (int size = 1; size < 50; size++)
        {
            if (isEnd)
            {
                Assert.Equal(text, await ReadAsync(new Pieces(text, size), Event));
            }
            else
            {
                await Assert.ThrowsAsync<AnswerTooLongException>(() => ReadAsync(new Pieces(text, size), Event));
            }
        }
    }

    [Fact]
    public async Task Read_EventBeyondItsLimit_IsFound_WhateverCameBefore() =>
        await Gen.Select(Gen.OneOf("\n\n", "\r\n\r\n", "\r\r"), Gen.Int[0, 98].Array[0, 20], Gen.Int[0, 150], Gen.Int[1, 64]).SampleAsync(async (end, before, last, size) =>
        {
            string text = string.Concat(before.Select(length => new string('x', Math.Max(0, length - end.Length)) + end)) + new string('y', last);

            // Half of a line end may be counted with what follows it.
            if (last < 100)
            {
                Assert.Equal(text, await ReadAsync(new Pieces(text, size), Event));
            }
            else if (last > 100)
            {
                await Assert.ThrowsAsync<AnswerTooLongException>(() => ReadAsync(new Pieces(text, size), Event));
            }
        }, iter: 500);

    [Fact]
    public async Task Read_CountsWhatIsReceived()
    {
        ReceivedBytes received = new(TimeProvider.System);

        await ReadAsync(new Pieces(string.Concat(Enumerable.Repeat("data: 1\n\n", 30)), 7), Event, received: received);

        Assert.Equal(270, received.Value);
    }

    [Fact]
    [Trait("Rule", "R11")]
    public async Task Read_ErrorEvent_EndsTheStream_AfterWhatCameBeforeIt()
    {
        const string Well = "data: {\"id\":\"1\"}\n\n";
        foreach (bool synchronously in new[] { true, false })
        {
            foreach (int size in new[] { 1, 7, 1000 })
            {
                Pieces pieces = new($"{Well}data: {{\"error\":{{\"code\":\"503\",\"message\":\"no\"}}}}\n\n{Well}", size);
                await using AnswerStream stream = new(pieces, AnswerLimit.Event);
                byte[] buffer = new byte[Well.Length];
                await stream.ReadExactlyAsync(buffer, TestContext.Current.CancellationToken);
                Assert.Equal(Well, Encoding.UTF8.GetString(buffer));

                InBandErrorException exception = await Assert.ThrowsAsync<InBandErrorException>(() => RestAsync(stream, synchronously));

                Assert.Equal(503, exception.Status);
                Assert.True(pieces.IsDisposed);
                await Assert.ThrowsAsync<InBandErrorException>(() => RestAsync(stream, synchronously));
            }
        }
    }

    [Fact]
    [Trait("Rule", "R11")]
    public async Task Read_NothingAskedFor_IsNotTheEnd()
    {
        await using AnswerStream stream = new(new Pieces("event: error\ndata: no", 1000), AnswerLimit.Event);
        byte[] buffer = new byte[100];
        Assert.NotEqual(0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken));

        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InBandErrorException>(() => RestAsync(stream, synchronously: false));
    }

    private static async Task RestAsync(Stream stream, bool synchronously)
    {
        if (synchronously)
        {
            stream.CopyTo(Stream.Null);
        }
        else
        {
            await stream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<string> ReadAsync(Pieces body, AnswerLimit limit, bool synchronously = false, ReceivedBytes? received = null, long announced = 0)
    {
        await using AnswerStream stream = new(body, limit, received, announced);
        using MemoryStream read = new();
        if (synchronously)
        {
            stream.CopyTo(read);
        }
        else
        {
            await stream.CopyToAsync(read, TestContext.Current.CancellationToken);
        }

        return Encoding.UTF8.GetString(read.ToArray());
    }

    /// <summary>Gives out so many bytes at a time.</summary>
    private sealed class Pieces(string text, int size) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public bool IsDisposed { get; private set; }

        public bool IsRead { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            IsRead = true;
            return base.Read(buffer[..Math.Min(buffer.Length, size)]);
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            IsRead = true;
            return base.ReadAsync(buffer[..Math.Min(buffer.Length, size)], cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}
