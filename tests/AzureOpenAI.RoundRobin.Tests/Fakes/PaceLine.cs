namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>The line of one pace as a server keeps it: places in calls, of which it reaches as many a second as the pace allows, and none during a pause. Times are in microseconds.</summary>
internal sealed class PaceLine
{
    private const int MostSteps = 64, Tried = 2;

    private const long Young = 2_000_000, Minute = 60_000_000, QuietMinutes = 5;
    private const double Slack = 0.002, LongestDoubling = 5, Micro = 1e6;

    private long _version;
    private double _plateau;
    private double _cut;
    private double _along;
    private double _back = 1;
    private bool _isConfirmed;
    private int _firsts;
    private TimeSpan _unstated;
    private long _movesAt;
    private double _position;
    private double _last;
    private long _bornVersion;
    private long _bornAt;
    private double _joined;
    private long _minuteAt;
    private long _inMinute;
    private long _quiet;
    private double _untested;
    private (int Phase, double Top, double Low, double Share, int Failed) _test;
    private long _againAt;
    private (int Calls, int Rejected) _tested;

    public long Total { get; private set; }

    private double Rate => Math.Clamp(_plateau * (1 + ((_along < 1 ? _cut : 1) * (_along - 1) * (_along - 1) * (_along - 1))), 0.01, 1e6);

    /// <summary>Takes what a process says, before anything is granted.</summary>
    public void Open(PermitLimit limit, long now)
    {
        Advance(now);
        Grow();
        PermitPace told = limit.Pace!;
        long pause = (long)told.In.TotalMicroseconds;
        bool isPaced = told.PerSecond > 0;
        if (told.Version > _version)
        {
            // What was known here is lost, or old.
            (_version, _bornVersion, _bornAt) = (told.Version, told.Version, 0);
            (_position, _last, _untested, _minuteAt, _inMinute, _quiet, _movesAt) = (0, 0, 0, now, 0, 0, now);
            Take(told, now);
            _tested = (told.TestCalls, told.TestRejected);
            if (limit.IsPaceChanged && isPaced)
            {
                _version++;
                Pause(now, pause);
            }
        }
        else if (limit.IsPaceChanged && isPaced && told.Version == _version)
        {
            bool isFirst = _plateau == 0;
            _version++;
            Take(told, now);
            _tested = told.TestCalls == 0 ? default : _tested;
            if (isFirst)
            {
                _plateau += now - _bornAt < Young ? _joined : 0;
                (_bornVersion, _bornAt, _position, _movesAt, _untested) = (_version, now, _last, now, 0);
                (_minuteAt, _inMinute, _quiet) = (now, 0, 0);
            }

            Pause(now, pause);
        }
        else
        {
            if (limit.Recent > 0 && _plateau == 0)
            {
                (_joined, _bornAt) = ((now - _bornAt < Young ? _joined : 0) + limit.Recent, now);
            }
            else if (limit.Recent > 0 && told.Version < _bornVersion && now - _bornAt < Young)
            {
                _plateau += limit.Recent;
            }

            if (limit.IsPaceChanged && isPaced && _plateau > 0)
            {
                _movesAt = Math.Max(_movesAt, now + pause);
            }
        }

        _tested.Rejected += (told.TestPhase, told.TestTop) == (_test.Phase, _test.Top) ? limit.Rejected : 0;
        // They may be of the past, whose places nobody had, and delay nobody by more than a call.
        int taken = Math.Min(1000, limit.TakenRequests);
        double upTo = _plateau == 0 ? _last + taken : Math.Max(_last, Math.Min(_last + taken, _position + 1));
        (_last, Total, _inMinute, _tested.Calls) = (upTo, Total + taken, _inMinute + taken, _tested.Calls + taken);
        _position = _plateau == 0 ? _last : _position;
    }

    /// <summary>When the next place is reached.</summary>
    public long StartFor(long now) => _plateau == 0 ? now : _movesAt + (long)(Micro * Math.Max(0, Next - _position) / (_test.Phase == Tried ? Math.Min(Rate, _test.Low) : Rate));

    /// <summary>The line has had no use for a call.</summary>
    public bool IsLeft(long now) => _plateau == 0 || (_movesAt <= now && _position - _last >= Math.Max(1, Rate / 4));

    /// <param name="isAhead">It is of what the line has had no use for, in the last half second.</param>
    /// <returns>The place.</returns>
    public double Push(bool isAhead)
    {
        double place = isAhead && _plateau > 0 ? Math.Max(_last + 1, _position - (0.5 * Rate)) : Next;
        _untested += _plateau > 0 && _position <= _last + 1 + Math.Max(0.1, Slack * Rate) ? 1 : 0;
        _last = place;
        _position = _plateau == 0 ? place : _position;
        Total++;
        _inMinute++;
        _tested.Calls++;
        return place;
    }

    /// <summary>After all is granted.</summary>
    public PermitPace Close(long now)
    {
        if (_plateau > 0 && now - _minuteAt >= Minute)
        {
            bool isQuiet = _inMinute < 0.5 * Rate * (now - _minuteAt) / Micro;
            _quiet = isQuiet ? _quiet + Math.Min(QuietMinutes, (now - _minuteAt) / Minute) : 0;
            (_minuteAt, _inMinute) = (now, 0);
            if (_quiet >= QuietMinutes)
            {
                (_version, _plateau, _joined) = (_version + 1, 0, 0);
            }
        }

        return new()
        {
            Version = _version,
            PerSecond = _plateau == 0 ? 0 : Rate,
            Plateau = _plateau,
            Cut = _cut,
            Along = _along,
            Back = TimeSpan.FromSeconds(_back),
            IsConfirmed = _isConfirmed,
            FirstsRejected = _firsts,
            LastUnstated = _unstated,
            TestPhase = _test.Phase,
            TestTop = _test.Top,
            TestLow = _test.Low,
            TestShare = _test.Share,
            TestFailed = _test.Failed,
            TestAgain = TimeSpan.FromMicroseconds(Math.Max(0, _againAt - now)),
            TestCalls = _tested.Calls,
            TestRejected = _tested.Rejected,
            Position = _position,
            In = TimeSpan.FromMicroseconds(_plateau == 0 ? 0 : _movesAt - now),
        };
    }

    private double Next => _plateau == 0 ? _last + 1 : Math.Max(_last + 1, _position - (Slack * Rate));

    private void Take(PermitPace told, long now)
    {
        _test = (told.TestPhase, told.TestTop, told.TestLow, told.TestShare, told.TestFailed);
        _againAt = now + (long)told.TestAgain.TotalMicroseconds;
        (_plateau, _cut, _along, _back, _isConfirmed, _firsts, _unstated) =
            (told.PerSecond == 0 ? 0 : told.Plateau, told.Cut, told.Along, Math.Max(1, told.Back.TotalSeconds), told.IsConfirmed, told.FirstsRejected, told.LastUnstated);
    }

    /// <summary>The line stops. At the end of a pause that is longer than the time of a call one call goes at once.</summary>
    private void Pause(long now, long pause)
    {
        _position += Math.Min(1, Rate * pause / Micro);
        _movesAt = Math.Max(_movesAt, now + pause);
    }

    /// <summary>The pace grows by the places that were waited for and are reached now.</summary>
    private void Grow()
    {
        double reached = _untested - Math.Max(0, _last - _position);
        if (_plateau > 0 && reached > 0)
        {
            _untested -= reached;
            _along = Math.Min(1000, _along + (reached / Rate / (_along < 1 ? _back : Math.Min(_back, LongestDoubling))));
        }
    }

    private void Advance(long now)
    {
        if (_plateau == 0 || now <= _movesAt)
        {
            return;
        }

        double seconds = (now - _movesAt) / Micro;
        for (int i = 0; i < MostSteps && _untested > 0 && seconds > 0; i++)
        {
            double step = Math.Min(seconds, _back / (MostSteps / 2));
            (_position, seconds) = (_position + (Rate * step), seconds - step);
            Grow();
        }

        (_position, _movesAt) = (_position + (Rate * seconds), now);
    }
}
