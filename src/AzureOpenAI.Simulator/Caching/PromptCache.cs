namespace AzureOpenAI.Simulator;

/// <summary>
/// The prompts that a deployment has seen of late, as digests of their prefixes; it holds no text.
/// </summary>
/// <remarks>
/// Safe for concurrent use. A prefix is never dropped before a longer one of the same prompt, since all of them are renewed together, so a lookup ends at the first that
/// is missing.
/// </remarks>
internal sealed class PromptCache(TimeSpan expiry, SimulatorClock clock)
{
    private const int MaxDigests = 1 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, TimeSpan> _expiries = [];
    private int _sweepAt = 4096;

    /// <summary>How many tokens of the prompt are cached: 0, or 1,024 and steps of 128.</summary>
    public int CountCached(IReadOnlyList<UInt128> blocks)
    {
        var now = clock.Elapsed;
        lock (_lock)
        {
            int cached = PromptBlocks.FirstCachedBlock;
            while (cached < blocks.Count && _expiries.TryGetValue(blocks[cached], out var until) && now < until)
            {
                cached++;
            }

            return cached == PromptBlocks.FirstCachedBlock ? 0 : cached * PromptBlocks.TokensPerBlock;
        }
    }

    public void Keep(IReadOnlyList<UInt128> blocks)
    {
        var now = clock.Elapsed;
        lock (_lock)
        {
            for (int i = PromptBlocks.FirstCachedBlock; i < blocks.Count; i++)
            {
                _expiries[blocks[i]] = now + expiry;
            }

            if (_expiries.Count >= _sweepAt)
            {
                Sweep(now);
            }
        }
    }

    /// <summary>Bounds the memory at a cost that is spread over the prompts kept.</summary>
    private void Sweep(TimeSpan now)
    {
        foreach (var (digest, until) in _expiries)
        {
            if (until <= now)
            {
                _expiries.Remove(digest);
            }
        }

        if (_expiries.Count > MaxDigests)
        {
            _expiries.Clear();
        }

        _sweepAt = Math.Max(4096, 2 * _expiries.Count);
    }
}
