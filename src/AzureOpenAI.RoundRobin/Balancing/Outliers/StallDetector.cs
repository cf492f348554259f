using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>Finds stalled endpoints: their calls make no progress while the other endpoints answer. It changes no endpoint.</summary>
internal sealed class StallDetector(InFlight inFlight, TimeProvider time)
{
    /// <summary>
    /// A close look is over all calls in flight. The next at the same model comes after ten times what it took, which is nothing beside <see cref="StallTest.LeastWait"/>, but keeps
    /// ten thousands of calls from being looked at for each eighth answer until a stall is sure.
    /// </summary>
    private const int LookApart = 10;

    /// <summary>Whether <see cref="Look"/> may find a stall. Without the lock, since it is called often and a healthy pool has no suspect.</summary>
    public bool HasSuspect(PoolMembers members)
    {
        inFlight.ForgetMayHaveStall();
        foreach (Endpoint endpoint in members.Endpoints)
        {
            if (endpoint.InFlight >= StallTest.LeastWaiting)
            {
                inFlight.NoteMayHaveStall();
                return HasSuspectAmong(members);
            }
        }

        return false;
    }

    /// <summary>The endpoints of one model that have stalled. Under the balancer's lock.</summary>
    /// <param name="picker">The endpoints, each compared with the others.</param>
    /// <param name="latest">The number of the pool's latest call.</param>
    /// <param name="now">The present.</param>
    public IReadOnlyList<Stall> Look(Picker picker, uint latest, long now)
    {
        List<Stall>? stalls = null;
        if (now < picker.NextCloseLook)
        {
            return [];
        }

        long began = 0;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            uint progressAge = endpoint.ResponseTimes.ProgressAge(latest);
            if (!endpoint.Health.Deployment.IsAvailable || !picker.StallTest.IsSuspect(endpoint.InFlight, progressAge) || !MayCount(endpoint, now))
            {
                continue;
            }

            List<uint> answered = [];
            foreach (Endpoint other in picker.Endpoints)
            {
                if (other != endpoint)
                {
                    other.ResponseTimes.AddAges(latest, progressAge, answered);
                }
            }

            if (answered.Count >= picker.StallTest.LeastAnswers)
            {
                began = began == 0 ? time.GetTimestamp() : began;
                if (LookClosely(picker, endpoint, answered, latest, progressAge, now) is { } stall)
                {
                    (stalls ??= []).Add(stall);
                }
            }
        }

        picker.NextCloseLook = began == 0 ? long.MinValue : now + (LookApart * (time.GetTimestamp() - began));
        return (IReadOnlyList<Stall>?)stalls ?? [];
    }

    private bool HasSuspectAmong(PoolMembers members)
    {
        uint latest = members.CallsBegun();
        long now = time.GetTimestamp();
        foreach (Picker picker in members.Pickers)
        {
            if (now < picker.NextCloseLook)
            {
                continue;
            }

            foreach (Endpoint endpoint in picker.Endpoints)
            {
                if (picker.StallTest.IsSuspect(endpoint.InFlight, endpoint.ResponseTimes.ProgressAge(latest)) && MayCount(endpoint, now))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a call that began after the youngest one that made progress may have waited for <see cref="StallTest.LeastWait"/>. Where answers come in bursts, as over many
    /// connections, their order alone makes every endpoint suspect again and again.
    /// </summary>
    private bool MayCount(Endpoint endpoint, long now) =>
        endpoint.ResponseTimes.ProgressBegan is var began && (began == long.MinValue || time.Until(began, now) >= StallTest.LeastWait);

    private Stall? LookClosely(Picker picker, Endpoint endpoint, List<uint> othersAnswered, uint latest, uint progressAge, long now)
    {
        othersAnswered.Sort();
        List<(uint Age, TimeSpan Waited)> waiting = [];
        List<uint> othersWaiting = [];
        foreach (Attempt attempt in inFlight.Snapshot())
        {
            Visits.Add();
            if (attempt.Endpoint is not { } at || attempt.IsAnswered || attempt.StartedAt == 0 || latest - attempt.Number is var age && age >= progressAge)
            {
                continue;
            }

            if (at == endpoint)
            {
                waiting.Add((age, attempt.Took(now)));
            }
            else if (picker.Endpoints.Contains(at))
            {
                othersWaiting.Add(age);
            }
        }

        List<TimeSpan> othersTook = [.. picker.Endpoints.Where(other => other != endpoint).SelectMany(static other => other.ResponseTimes.LastDurations())];
        othersTook.Sort();
        othersWaiting.Sort();
        waiting.Sort();
        return picker.StallTest.HasStalled(
            CollectionsMarshal.AsSpan(waiting), CollectionsMarshal.AsSpan(othersAnswered), CollectionsMarshal.AsSpan(othersWaiting), CollectionsMarshal.AsSpan(othersTook),
            endpoint.ResponseTimes.LastDurations(), progressAge)
            ? new Stall(endpoint, waiting[^1].Waited, latest - waiting[waiting.Count / 2].Age)
            : null;
    }
}

/// <summary>The verdict that an endpoint has stalled.</summary>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Waited">The wait of the oldest among its calls that began after the youngest one that it has answered.</param>
/// <param name="MiddleCall">The number of the median one of those calls.</param>
internal readonly record struct Stall(Endpoint Endpoint, TimeSpan Waited, uint MiddleCall);
