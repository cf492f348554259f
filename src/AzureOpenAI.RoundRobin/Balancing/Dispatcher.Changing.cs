using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>Endpoints that are not in the configuration any more, and still have calls.</summary>
    private readonly List<Endpoint> _leaving = [];

    /// <summary>
    /// Takes another configuration: endpoints that stay keep their state and their calls, new ones join the rotation, and no call begins any more at those
    /// that leave.
    /// </summary>
    /// <param name="members">What the pool consists of from here on.</param>
    /// <returns>False where the pool was disposed before.</returns>
    public bool Change(PoolMembers members)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return false;
            }

            PoolMembers before = _members;
            Endpoint[] left = [.. before.Endpoints.Except(members.Endpoints)];
            Endpoint[] joined = [.. members.Endpoints.Except(before.Endpoints)];
            Endpoint[] changed = [.. members.Endpoints.Where(endpoint => endpoint.Setup != members.Setups[endpoint])];
            Endpoint[] mended = Array.FindAll(changed, endpoint => endpoint.Client != members.Setups[endpoint].Client);
            foreach (Endpoint endpoint in left)
            {
                endpoint.Retire();
            }

            _leaving.AddRange(left);
            _members = members;
            AdoptUnsynchronized(members);
            foreach (EndpointGroup group in before.Groups.Except(members.Groups))
            {
                group.Become([], hasHomes: false);
                group.Rebuild();
                DismissUnsynchronized(group, long.MaxValue);
            }

            Array.ForEach(mended, MendUnsynchronized);
            BeginWatchingUnsynchronized(joined);
            _log.Changed(NamesOf(joined), NamesOf(left), NamesOf(changed));
            _dirty = true;
            SettleUnsynchronized(_time.GetTimestamp());
        }

        // From here on an attempt that begins at an endpoint that has left sees that it has, or is seen below.
        Interlocked.MemoryBarrierProcessWide();
        TellWhoHasLeft();
        FinishOutside();
        return true;
    }

    private static string[] NamesOf(Endpoint[] endpoints) => Array.ConvertAll(endpoints, static endpoint => endpoint.Name);

    private static void AdoptUnsynchronized(PoolMembers members)
    {
        foreach ((Endpoint endpoint, EndpointSetup setup) in members.Setups)
        {
            endpoint.Become(setup);
        }

        foreach ((EndpointGroup group, Endpoint[] endpoints) in members.ByGroup)
        {
            group.Become(endpoints, members.HasHomes && group != members.Alone.GetValueOrDefault(endpoints[0]));
        }
    }

    /// <summary>What it refused is not what it will be asked with, so the next call finds out; what it still answers to the old key says nothing of the new one.</summary>
    private void MendUnsynchronized(Endpoint endpoint)
    {
        _generation++;
        long now = _time.GetTimestamp();
        if (endpoint.Health.TryMend(_generation, now) | endpoint.Resource.Health.TryMend(_generation, now))
        {
            endpoint.IsToldOut = false;
        }
    }

    /// <summary>Lets go of endpoints that have left, where their last call has ended.</summary>
    private void TellWhoHasLeft()
    {
        lock (_lock)
        {
            for (int i = _leaving.Count - 1; i >= 0; i--)
            {
                if (_attempts.CountAt(_leaving[i]) == 0)
                {
                    _log.Left(_leaving[i].Name);
                    _leaving.RemoveAt(i);
                }
            }
        }

        _log.Tell();
    }
}
