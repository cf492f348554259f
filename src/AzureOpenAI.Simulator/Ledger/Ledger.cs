namespace AzureOpenAI.Simulator;

/// <summary>
/// The record of every attempt that reached a resource. An attempt is recorded as ended before its last byte is sent, so a client that has its answer finds it here.
/// </summary>
/// <remarks>Safe for concurrent use. Connections that were refused are not recorded: no request arrived.</remarks>
public sealed class Ledger
{
    private readonly Lock _lock = new();
    private readonly SimulatorClock _clock;
    private readonly int _capacity;
    private readonly Queue<Attempt> _attempts = new();
    private readonly Dictionary<string, LedgerTally> _tallies = new(StringComparer.OrdinalIgnoreCase);
    private readonly string[] _resources;
    private long _sequence;
    private TaskCompletionSource? _changed;

    internal Ledger(IEnumerable<string> resources, int capacity, SimulatorClock clock)
    {
        _clock = clock;
        _capacity = capacity;
        _resources = [.. resources];
        ResetTallies();
    }

    /// <summary>Reads all entries, in order of arrival.</summary>
    /// <returns>A consistent reading that does not change afterwards.</returns>
    public IReadOnlyList<LedgerEntry> Snapshot()
    {
        lock (_lock)
        {
            return [.. _attempts.Select(attempt => new LedgerEntry(attempt))];
        }
    }

    /// <summary>Reads the entries of one resource, in order of arrival.</summary>
    /// <param name="resource">The name of the resource.</param>
    /// <returns>A consistent reading that does not change afterwards.</returns>
    /// <exception cref="ArgumentException">There is no such resource.</exception>
    public IReadOnlyList<LedgerEntry> Snapshot(string resource)
    {
        lock (_lock)
        {
            RequireTally(resource);
            return [.. _attempts
                .Where(attempt => string.Equals(attempt.Resource, resource, StringComparison.OrdinalIgnoreCase))
                .Select(attempt => new LedgerEntry(attempt))];
        }
    }

    /// <summary>Reads the counts of one resource. Cheap: it does not walk the entries, and counts those that were dropped for lack of room.</summary>
    /// <param name="resource">The name of the resource.</param>
    /// <returns>The counts since the start or the last <see cref="Clear"/>.</returns>
    /// <exception cref="ArgumentException">There is no such resource.</exception>
    public LedgerCounts Count(string resource)
    {
        lock (_lock)
        {
            return RequireTally(resource).Read();
        }
    }

    /// <summary>Forgets all entries and counts. Attempts in progress are forgotten too; the numbering goes on.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _attempts.Clear();
            ResetTallies();
            SignalChange();
        }
    }

    /// <summary>Waits until the ledger fulfils a condition, which is asked now and after every change.</summary>
    /// <param name="condition">The condition, given all entries in order of arrival.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The entries that fulfilled the condition.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="condition"/> is <see langword="null"/>.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<IReadOnlyList<LedgerEntry>> WaitForAsync(Func<IReadOnlyList<LedgerEntry>, bool> condition, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);

        while (true)
        {
            Task changed;
            lock (_lock)
            {
                _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                changed = _changed.Task;
            }

            var entries = Snapshot();
            if (condition(entries))
            {
                return entries;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    internal void Open(Attempt attempt)
    {
        lock (_lock)
        {
            attempt.Sequence = ++_sequence;
            attempt.RequestId = RequestIds.FromSequence(attempt.Sequence);
            attempt.Tally = RequireTally(attempt.Resource);
            attempt.Tally.Opened();
            if (_attempts.Count == _capacity)
            {
                _attempts.Dequeue();
            }

            _attempts.Enqueue(attempt);
            SignalChange();
        }
    }

    internal void Update<TState>(Attempt attempt, TState state, Action<Attempt, TState> change)
    {
        lock (_lock)
        {
            change(attempt, state);
            SignalChange();
        }
    }

    internal void Close(Attempt attempt, LedgerOutcome outcome)
    {
        lock (_lock)
        {
            attempt.Tally!.Moved(attempt.Outcome, outcome);
            attempt.Outcome = outcome;
            attempt.CompletedAt = _clock.Now;
            SignalChange();
        }
    }

    private void SignalChange()
    {
        _changed?.TrySetResult();
        _changed = null;
    }

    private void ResetTallies()
    {
        foreach (string resource in _resources)
        {
            _tallies[resource] = new LedgerTally();
        }
    }

    private LedgerTally RequireTally(string resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return _tallies.TryGetValue(resource, out var tally)
            ? tally
            : throw new ArgumentException($"There is no resource '{resource}'.", nameof(resource));
    }
}
