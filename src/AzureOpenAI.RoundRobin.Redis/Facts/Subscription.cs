namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>One pool that hears what others tell, until it is disposed. One that throws keeps no other from hearing.</summary>
internal sealed class Subscription(Action<PoolFact> heard, Action<Subscription> left) : IDisposable
{
    private volatile bool _isOver;

    public void Hear(in PoolFact fact)
    {
        try
        {
            if (!_isOver)
            {
                heard(fact);
            }
        }
#pragma warning disable CA1031 // A subscriber that throws must not keep the others from hearing.
        catch
#pragma warning restore CA1031
        {
        }
    }

    public void Dispose()
    {
        _isOver = true;
        left(this);
    }
}
