namespace AzureOpenAI.Simulator;

/// <summary>Running counts of one resource, so that reading them needs no walk over the entries.</summary>
internal sealed class LedgerTally
{
    private readonly long[] _byOutcome = new long[(int)LedgerOutcome.CutByServer + 1];

    public void Opened() => _byOutcome[(int)LedgerOutcome.InProgress]++;

    public void Moved(LedgerOutcome from, LedgerOutcome to)
    {
        _byOutcome[(int)from]--;
        _byOutcome[(int)to]++;
    }

    public LedgerCounts Read() => new(_byOutcome);
}
