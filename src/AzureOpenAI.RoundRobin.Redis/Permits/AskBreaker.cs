namespace AzureOpenAI.RoundRobin.Redis.Permits;

/// <summary>Says when nobody waits for Redis: while 3 of the last 10 requests had no answer, for 1, 2, 4 and up to 30 s, until one that no call waits for is answered.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class AskBreaker(TimeProvider time)
{
    private const int Looked = 10, MostMissing = 3;

    private static readonly TimeSpan First = TimeSpan.FromSeconds(1), Longest = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Queue<bool> _missing = new();
    private TimeSpan _pause;
    private long _until;
    private bool _isOpen;
    private bool _isTried;

    /// <summary>Whether a request may be sent for which calls wait.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock)
            {
                return _isOpen;
            }
        }
    }

    /// <summary>Whether one is due for which no call waits. The caller sends it, and says how it went.</summary>
    public bool TakeTrial()
    {
        lock (_lock)
        {
            bool isDue = _isOpen && !_isTried && time.GetTimestamp() >= _until;
            _isTried |= isDue;
            return isDue;
        }
    }

    /// <returns>Whether nobody waits for Redis from now on.</returns>
    public bool Answered(bool isMissing)
    {
        lock (_lock)
        {
            _missing.Enqueue(isMissing);
            if (_missing.Count > Looked)
            {
                _missing.Dequeue();
            }

            if (_isOpen || _missing.Count(static missing => missing) < MostMissing)
            {
                return false;
            }

            Open(First);
            return true;
        }
    }

    public void Tried(bool isMissing)
    {
        lock (_lock)
        {
            _isTried = false;
            if (isMissing)
            {
                Open(2 * _pause < Longest ? 2 * _pause : Longest);
            }
            else
            {
                (_isOpen, _pause) = (false, TimeSpan.Zero);
                _missing.Clear();
            }
        }
    }

    private void Open(TimeSpan pause)
    {
        (_isOpen, _pause) = (true, pause);
        _until = time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
    }
}
