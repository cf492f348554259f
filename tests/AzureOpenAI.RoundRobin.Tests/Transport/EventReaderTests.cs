using System.Text;
using AzureOpenAI.RoundRobin.Transport;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>Errors among the events of a stream, in whatever pieces they come.</summary>
[Trait("Rule", "R11")]
public class EventReaderTests
{
    private const string Error = """{"error":{"code":"500","message":"it broke"}}""";

    private static readonly string[] Ends = ["\n\n", "\r\n\r\n", "\r\r"];

    [Fact]
    public void Read_WellEvents_WhateverTheySayAndHoweverTheyAreCut_AreAllPassedOn() =>
        Gen.Select(InBandErrorTests.Contents.Array[0, 6], Gen.OneOf(Ends), Gen.Int[1, 300].Array[1, 20]).Sample(
            static (contents, end, sizes) =>
            {
                byte[] text = Encoding.UTF8.GetBytes(string.Concat(contents.Select(content => $": \"error\"{end}data: {InBandErrorTests.Well(content)}{end}")) + $"data: [DONE]{end}");

                Assert.Equal((text.Length, null), Read(text, sizes));
            },
            iter: 1000);

    [Fact]
    public void Read_WellEvents_SplitAtEveryByte_AreAllPassedOn()
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Ends.Select(static end => $"data: {InBandErrorTests.Well($"{Error} \n\nevent: error")}{end}data: {InBandErrorTests.Well("error")}{end}")));
        for (int at = 1; at < text.Length; at++)
        {
            Assert.Equal((text.Length, null), Read(text, at, text.Length));
        }

        Assert.Equal((text.Length, null), Read(text, 1));
    }

    [Fact]
    public void Read_Error_SplitAtEveryByte_IsFound_AndWhatCameBeforeIsPassedOn()
    {
        string well = $"data: {InBandErrorTests.Well(Error)}";
        foreach (string end in Ends)
        {
            foreach (string error in new[] { $"data: {Error}", $"event: error\ndata: {Error}", "event: error\ndata: it broke", Error })
            {
                byte[] text = Encoding.UTF8.GetBytes(well + end + error + end + well + end);
                int before = Encoding.UTF8.GetByteCount(well + end);
                for (int at = 1; at < text.Length; at++)
                {
                    (int passed, InBandError? found) = Read(text, at, text.Length);

                    Assert.Equal("it broke", found?.Message);
                    // A piece that ends within the error goes on to the parser, which can do nothing with it.
                    Assert.InRange(passed, before, Math.Max(before, Math.Min(at, before + error.Length + end.Length)));
                }

                Assert.Equal("it broke", Read(text, 1).Error?.Message);
                Assert.Equal((before, "it broke"), (Read(text, text.Length).Passed, Read(text, text.Length).Error?.Message));
            }
        }
    }

    [Theory]
    [InlineData("data: " + Error)]
    [InlineData("data: " + Error + "\n")]
    [InlineData("event: error\r\ndata: " + Error + "\r\n")]
    [InlineData(Error)]
    [InlineData("\uFEFF\n" + Error + "\n")]
    public void Read_ErrorThatIsAllThatEverComes_IsFound(string text)
    {
        foreach (int size in new[] { 1, 3, 1000 })
        {
            Assert.Equal("it broke", Read(Encoding.UTF8.GetBytes(text), [size], ends: false).Error?.Message);
        }
    }

    [Theory]
    [InlineData("event: error\ndata: it broke")]
    [InlineData("event: error\ndata: it broke\n")]
    public void Read_ErrorInPlainWords_IsFoundAtTheEnd(string text)
    {
        Assert.Null(Read(Encoding.UTF8.GetBytes(text), [5], ends: false).Error);
        Assert.Equal("it broke", Read(Encoding.UTF8.GetBytes(text), 5).Error?.Message);
    }

    [Fact]
    public void Read_AfterAnEventTooLongForAnError_FindsTheNext()
    {
        byte[] text = Encoding.UTF8.GetBytes($"data: {InBandErrorTests.Well(new string('x', 3 * InBandError.Longest))}\n\ndata: {Error}\n\n");
        foreach (int size in new[] { 100, 1000, text.Length })
        {
            Assert.Equal("it broke", Read(text, size).Error?.Message);
        }
    }

    [Fact]
    public void Read_EventsThatComeWhole_AllocateAndKeepNothing()
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"data: {InBandErrorTests.Well(Error)}\n\n", 20)));
        EventReader reader = default;
        reader.Read(text, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            reader.Read(text, out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Read_AfterItWasLetGo_FindsNothingInWhatIsLeft()
    {
        EventReader reader = default;
        byte[] text = Encoding.UTF8.GetBytes($"data: {Error}");
        reader.Read(text.AsSpan(0, 20), out _);
        reader.LetGo();

        Assert.Equal(text.Length - 20, reader.Read(text.AsSpan(20), out InBandError? error));
        Assert.Null(error);
    }

    private static (int Passed, InBandError? Error) Read(byte[] text, params int[] sizes) => Read(text, sizes, ends: true);

    private static (int Passed, InBandError? Error) Read(byte[] text, int[] sizes, bool ends)
    {
        EventReader reader = default;
        int passed = 0;
        for (int i = 0; passed < text.Length; i++)
        {
            ReadOnlySpan<byte> piece = text.AsSpan(passed, Math.Min(sizes[i % sizes.Length], text.Length - passed));
            passed += reader.Read(piece, out InBandError? error);
            if (error is not null)
            {
                return (passed, error);
            }
        }

        InBandError? last = null;
        if (ends)
        {
            reader.Read([], out last);
        }

        reader.LetGo();
        return (passed, last);
    }
}
