using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>Asks the backplane for permits, one request after the other, as long as some are due. It runs after the balancer's lock, and takes it for what is answered.</summary>
internal sealed class PermitLoop : IDisposable
{
    /// <summary>What was granted so long ago is over.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly IPoolBackplane _backplane;
    private readonly PermitAsks _asks;
    private readonly PoolState _state;
    private readonly TimeProvider _time;
    private readonly InFlight _inFlight;
    private readonly PoolLog _log;
    private readonly Instruments _instruments;
    private readonly Settlement _settlement;
    private readonly DeferredWork _deferred;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;
    private readonly TimeSpan _timeout;
    private Task _asking = Task.CompletedTask;
    private int _isAsking;

    public PermitLoop(
        IPoolBackplane backplane, PermitAsks asks, PoolState state, TimeProvider time, InFlight inFlight, PoolLog log, Instruments instruments, Settlement settlement, DeferredWork deferred)
    {
        (_backplane, _asks, _state, _time, _instruments) = (backplane, asks, state, time, instruments);
        (_inFlight, _log, _settlement, _deferred) = (inFlight, log, settlement, deferred);
        _stopped = _stop.Token;
        _timeout = Timestamps.Max(TimeSpan.Zero, Timestamps.Min(backplane.AskTimeout, Longest));
    }

    /// <summary>Begins to ask where permits are due and nobody asks. It returns as soon as the backplane does.</summary>
    public void Run()
    {
        if (_asks.IsDue && !_stopped.IsCancellationRequested && Interlocked.Exchange(ref _isAsking, 1) == 0)
        {
            // It goes on after the call whose thread this is, whose flow it must not keep.
            using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
            _asking = AskAllAsync(_asking);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task AskAllAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        do
        {
            try
            {
                while (Next() is { } ask)
                {
                    Take(ask, await AskAsync(ask).ConfigureAwait(false));
                }
            }
            finally
            {
                Volatile.Write(ref _isAsking, 0);
            }

            // T1 (here) gives the loop free, then looks. T2 notes a wish, then finds the loop taken, or free. One of them asks.
        }
        while (!_stopped.IsCancellationRequested && _asks.IsDue && Interlocked.Exchange(ref _isAsking, 1) == 0);
    }

    private PermitAsk? Next()
    {
        lock (_state.Lock)
        {
            return _inFlight.IsClosed ? null : _asks.Next(_time.GetTimestamp());
        }
    }

    private async ValueTask<PermitReply?> AskAsync(PermitAsk ask)
    {
        try
        {
            ValueTask<PermitReply> asked = _backplane.AskAsync(ask.Request, _stopped);
            if (asked.IsCompletedSuccessfully)
            {
                return asked.Result;
            }

            Task<PermitReply> answer = asked.AsTask();
            await ((Task)answer.WaitAsync(_timeout, _time, _stopped)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!answer.IsCompleted)
            {
                // No call waits any longer, but what is granted is: it takes its place in the line of all processes whether it is used or not.
                Settle(() => _asks.Late(ask, _time.GetTimestamp()));
            }

            return await answer.WaitAsync(Longest - _timeout, _time, _stopped).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A backplane that throws must not keep calls waiting, whatever it throws.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (!_stopped.IsCancellationRequested && exception is not TimeoutException)
            {
                _log.BackplaneFailed(exception);
            }

            return null;
        }
    }

    private void Take(PermitAsk ask, PermitReply? reply)
    {
        (int voided, int alone) = (0, 0);
        long now = _time.GetTimestamp();
        Settle(() =>
        {
            (voided, alone) = ask.Count();
            _asks.Take(ask, reply, now);
        });
        _instruments.Asked(ask.Age(now));
        _instruments.StartPermits("granted", reply?.Permits.Count ?? 0);
        _instruments.StartPermits("void", voided);
        _instruments.StartPermits("alone", alone);
    }

    private void Settle(Action change)
    {
        lock (_state.Lock)
        {
            if (!_inFlight.IsClosed)
            {
                change();
                _state.HasChanged |= _state.Unsettled.Queued.Count > 0;
                _settlement.Settle(_time.GetTimestamp());
            }
        }

        _deferred.Run();
    }
}
