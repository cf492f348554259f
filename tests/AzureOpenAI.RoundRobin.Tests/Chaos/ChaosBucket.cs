namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>A provisioned deployment: what calls cost runs in, drains all the time, and above the brim nothing more is taken.</summary>
/// <param name="perSecond">How much drains.</param>
/// <param name="brim">How much it holds.</param>
internal sealed class ChaosBucket(double perSecond, double brim)
{
    private double _level;
    private double _at;

    /// <summary>How full it is, in parts of the whole.</summary>
    public double Utilization(double now)
    {
        Drain(now);
        return _level / brim;
    }

    /// <returns>How long until it has drained to the brim; null if it takes the call.</returns>
    public double? Take(double now, double cost)
    {
        Drain(now);
        if (_level > brim)
        {
            return (_level - brim) / perSecond;
        }

        _level += cost;
        return null;
    }

    private void Drain(double now)
    {
        _level = Math.Max(0, _level - (perSecond * (now - _at)));
        _at = now;
    }
}
