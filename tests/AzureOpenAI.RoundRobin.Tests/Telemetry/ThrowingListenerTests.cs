using System.Diagnostics;
using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Telemetry;

/// <summary>Whoever listens runs in the middle of a call, and what they throw is not the call's affair.</summary>
[Collection(typeof(Listening))]
public sealed class ThrowingListenerTests : IDisposable
{
    private readonly FakeMeters _meters = new();
    private int _thrown;

    public static TheoryData<string, bool> Listeners
    {
        get
        {
            TheoryData<string, bool> all = [];
            foreach (string listener in (string[])["measurement", "shown", "sample", "started", "stopped"])
            {
                all.Add(listener, false);
                all.Add(listener, true);
            }

            return all;
        }
    }

    public void Dispose() => _meters.Dispose();

    [Theory]
    [MemberData(nameof(Listeners))]
    public async Task AListener_ThatThrows_ChangesNothing(string kind, bool streaming)
    {
        using MeterListener meters = new();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == _meters.Factory)
            {
                listener.EnableMeasurementEvents(instrument);
                Throw(kind == "shown");
            }
        };
        meters.SetMeasurementEventCallback<double>((_, _, _, _) => Throw(kind == "measurement"));
        meters.SetMeasurementEventCallback<int>((_, _, _, _) => Throw(kind == "measurement"));
        meters.SetMeasurementEventCallback<long>((_, _, _, _) => Throw(kind == "measurement"));
        meters.Start();
        using FakeSpans spans = new(listener =>
        {
            listener.ActivityStarted = _ => Throw(kind == "started");
            listener.ActivityStopped = _ => Throw(kind == "stopped");
            if (kind == "sample")
            {
                listener.Sample = (ref ActivityCreationOptions<ActivityContext> _) => throw new InvalidOperationException($"no sample {++_thrown}");
            }
        });
        using FakePool pool = new(3, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        pool.Clients[1].Plays(FakeFailure.Refused());
        List<Activity?> around = [];
        pool.Clients[2].OnCall = (_, _, _) =>
        {
            around.Add(Activity.Current);
            return Task.FromResult(WithUsage(FakeChatClient.Answer("c")));
        };
        pool.Clients[2].OnStream = (_, _, token) =>
        {
            around.Add(Activity.Current);
            return FakeChatClient.Updates(token, "c");
        };

        Assert.Equal("ccc", await pool.AskManyAsync(3, streaming));
        Exception bad = FakeFailure.Status(400);
        pool.Clients[2].Fails = bad;
        Assert.Same(bad, await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming)));

        Assert.True(_thrown > 0);
        Assert.Same(spans.Caller, Activity.Current);
        Assert.All(around, span => Assert.Equal(kind is "sample" or "started" ? "caller" : "attempt c", span?.DisplayName));
        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(status => status.State));
        Assert.Equal((0, 3L), (pool.InFlight, pool.StatusOf(2).Answered));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AListener_ThatThrowsAtAWait_LeavesTheCallItsPlaceInTheQueue(bool streaming)
    {
        using MetricCollector<double> waits = _meters.Collect<double>("wait.duration");
        using MeterListener meters = new();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == _meters.Factory)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<double>((instrument, _, _, _) => Throw(instrument.Name.EndsWith("wait.duration", StringComparison.Ordinal)));
        meters.Start();
        using FakePool pool = new(1, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();
        await pool.AdvanceAsync(5);

        Assert.Equal("a", await call);
        Assert.Equal(1, _thrown);
    }

    [Fact]
    public async Task AListener_ThatCallsThePool_DoesNotHang()
    {
        FakePool? pool = null;
        List<string> asked = [];
        using MeterListener meters = new();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == _meters.Factory)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<double>((instrument, _, _, _) => asked.Add($"{instrument.Name} {pool!.Pool.GetStatus().Count}"));
        meters.SetMeasurementEventCallback<long>((instrument, _, _, _) => asked.Add($"{instrument.Name} {pool!.Pool.GetStatus().Count}"));
        meters.Start();
        using (pool = new(2, meterFactory: _meters.Factory))
        {
            pool.Clients[0].Plays(FakeFailure.Status(401));

            Assert.Equal("b", await pool.AskAsync());
        }

        Assert.Equal(["attempt.duration 2", "attempt.duration 2", "cooldowns 2"], asked.Select(name => name.Replace("azure_openai.round_robin.", "", StringComparison.Ordinal)).Order());
    }

    private static ChatResponse WithUsage(ChatResponse answer)
    {
        answer.Usage = new() { InputTokenCount = 2, OutputTokenCount = 1 };
        return answer;
    }

    private void Throw(bool does)
    {
        if (does)
        {
            _thrown++;
            throw new InvalidOperationException("The exporter is gone.");
        }
    }
}
