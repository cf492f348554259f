namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>The times for which an endpoint has asked to be left alone, each for a deployment or for all of the resource.</summary>
internal sealed class ChaosRests(ChaosTime time)
{
    /// <summary>All deployments of the resource.</summary>
    public const string All = "*";

    private readonly Dictionary<string, (long Told, long Until)> _rests = [];

    /// <summary>The longer of two stands.</summary>
    public void Add(string scope, TimeSpan rest)
    {
        long now = time.GetTimestamp();
        _rests[scope] = (now, Math.Max(now + rest.Ticks, _rests.GetValueOrDefault(scope).Until));
    }

    /// <summary>How much of a rest is left to a deployment that is asked now; null if it may be asked. What is let go in the same moment was under way when it was told.</summary>
    public TimeSpan? LeftOf(string deployment)
    {
        long now = time.GetTimestamp();
        foreach (string scope in (string[])[deployment, All])
        {
            if (_rests.TryGetValue(scope, out (long Told, long Until) rest) && rest.Told < now && now < rest.Until)
            {
                return TimeSpan.FromTicks(rest.Until - now);
            }
        }

        return null;
    }

    public void Forget(string deployment) => _rests.Remove(deployment);

    public void Clear() => _rests.Clear();
}
