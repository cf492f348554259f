using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>One endpoint's windows, and the calls that it takes and rejects.</summary>
public abstract class LearnedWindowsFixture
{
    private protected static readonly TimeSpan RejectionTime = TimeSpan.FromMilliseconds(250);

    private protected readonly FakeTimeProvider _time = new(Clocks.Start);

    private protected readonly LearnedWindows _windows;

    protected LearnedWindowsFixture()
    {
        _time.Advance(TimeSpan.FromHours(1));
        _windows = new(_time);
    }

    private protected long Now => _time.GetTimestamp();

    /// <summary>Has it learned and confirmed that so many calls are taken in such a time, in which it is now open and untouched.</summary>
    private protected void Learn(int limit, double period)
    {
        _windows.Rejected(Now, taken: limit + 1);
        ReopenIn(period);
        for (int i = 0; i <= limit; i++)
        {
            _windows.Take(Now);
        }

        Reject();
        Assert.True(ReopenIn(period));
        Assert.Equal((limit, true), (_windows.Limit, _windows.IsConfirmed));
    }

    private protected void Reject() => _windows.Rejected(Now, taken: 0);

    private protected bool ReopenIn(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return _windows.Reopen(Now, stated: true);
    }

    private protected void Wait(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        _windows.Advance(Now, RejectionTime, drained: false);
    }

    private protected int TakeUpTo(int most)
    {
        int taken = 0;
        for (; taken < most && _windows.HasRoom; taken++)
        {
            _windows.Take(Now);
        }

        return taken;
    }

    /// <summary>Takes all it may for three quarters of a second of a window, its looks included.</summary>
    private protected void TakeWithLooks(int most)
    {
        for (int taken = TakeUpTo(most), quarter = 0; quarter < 3; quarter++)
        {
            Wait(0.25);
            taken += TakeUpTo(most - taken);
        }
    }

    /// <summary>How many calls each of the next windows takes at its opening.</summary>
    private protected int[] TakeWindows(int count, double period, int most = int.MaxValue)
    {
        int[] windows = new int[count];
        for (int i = 0; i < count; i++)
        {
            windows[i] = TakeUpTo(Math.Min(most, 10_000));
            if (i < count - 1)
            {
                Wait(period);
            }
        }

        return windows;
    }
}
