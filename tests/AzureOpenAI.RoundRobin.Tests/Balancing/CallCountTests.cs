using AzureOpenAI.RoundRobin.Balancing;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>The number of calls that a pool has begun, counted by its pickers.</summary>
public class CallCountTests
{
    private readonly CallCount _calls = new();

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(100)]
    public void Of_Pickers_IsWhatTheyHaveBegun(int count)
    {
        Picker[] pickers = Pickers(count);
        Assert.Equal(0u, _calls.Of(pickers));

        pickers[0].Advance();
        pickers[^1].CountPreferred();
        Assert.Equal(2u, _calls.Of(pickers));
        Assert.Equal(2u, _calls.Of(pickers));
        pickers[^1].Advance();

        Assert.Equal(3u, _calls.Of(pickers));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    public void Of_PickersThatHaveLeft_GoesOn(int count)
    {
        Picker[] before = Pickers(count);
        Array.ForEach(before, static picker => picker.Advance());
        _calls.Collect();
        Picker[] after = [before[0], .. Pickers(20)];

        Assert.Equal((uint)count, _calls.Of(after));
        after[^1].Advance();
        after[0].Advance();
        Assert.Equal((uint)count + 2, _calls.Of(after));
    }

    /// <summary>A call that begins while its picker is taken out of the list is in the count, or puts the picker back.</summary>
    [Fact]
    public async Task Of_CallsBeginMeanwhile_NoneIsLost()
    {
        const int Each = 20_000;
        Picker[] pickers = Pickers(20);
        Task[] callers = [.. Enumerable.Range(0, 4).Select(caller => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                pickers[(i + caller) % pickers.Length].Advance();
            }
        }))];
        uint last = 0;
        while (!Task.WhenAll(callers).IsCompleted)
        {
            uint now = _calls.Of(pickers);
            Assert.True(now >= last);
            last = now;
        }

        await Task.WhenAll(callers);
        Assert.Equal(4u * Each, _calls.Of(pickers));
    }

    private Picker[] Pickers(int count) => [.. Enumerable.Range(0, count).Select(i => new Picker(TimeProvider.System, (uint)i * 1_000_000_007, _calls))];
}
