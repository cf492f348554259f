using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Measures how much the calls that an endpoint holds speak against it. A pool of a few calls a second can conclude nothing from that, but together with what other processes measure it
/// may be past belief.
/// </summary>
/// <remarks>
/// Of m calls at the endpoint and w elsewhere that have all outlasted each of the pool's last k answers: were the endpoint as quick as the others, the chance that its own m are among those that
/// outlast would be C(m + w, m) / C(m + w + k, m). No distribution of durations is assumed. Chances of several processes multiply, since their calls are different ones. Not safe for concurrent use; the
/// balancer's lock guards it.
/// </remarks>
internal sealed class SilentCalls(InFlight inFlight, Func<uint> callsBegun, TimeProvider time)
{
    /// <summary>What the endpoint's calls say now; null where none of them says anything.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="members">The pool's endpoints.</param>
    /// <param name="answeredSince">When the youngest call began that it has answered to another process: older ones say nothing.</param>
    /// <param name="now">The present.</param>
    public Silence? Look(Endpoint endpoint, PoolMembers members, long answeredSince, long now)
    {
        uint latest = callsBegun();
        uint progressAge = endpoint.ResponseTimes.ProgressAge(latest);
        long startedBefore = time.After(now, -inFlight.Ages.Doubtful);
        Endpoint[] others = [.. members.PickersOf(endpoint).SelectMany(static picker => picker.Endpoints).Where(other => other != endpoint).Distinct()];
        List<(uint Age, long StartedAt)> waiting = [];
        int elsewhere = 0;
        foreach (Attempt attempt in inFlight.Snapshot())
        {
            if (attempt.Endpoint is not { } at || attempt.IsAnswered || attempt.StartedAt is var startedAt && (startedAt == 0 || startedAt > startedBefore)
                || attempt.Received is { LastAt: var receivedAt } && receivedAt > startedBefore)
            {
                continue;
            }

            if (at == endpoint && latest - attempt.Number is var age && age < progressAge && startedAt > answeredSince)
            {
                waiting.Add((age, startedAt));
            }
            else if (others.Contains(at))
            {
                elsewhere++;
            }
        }

        if (waiting.Count == 0)
        {
            return null;
        }

        waiting.Sort();
        List<uint> younger = [];
        Array.ForEach(others, other => other.ResponseTimes.AddAges(latest, waiting[^1].Age, younger));
        return new(
            Evidence(waiting.Count, elsewhere, Math.Min(inFlight.Ages.Last.Count, RecentLongest.Remembered)), younger.Count, waiting.Min(static call => call.StartedAt),
            latest - waiting[waiting.Count / 2].Age);
    }

    /// <summary>The negative logarithm of the chance.</summary>
    /// <param name="waiting">m.</param>
    /// <param name="elsewhere">w.</param>
    /// <param name="answers">k.</param>
    public static double Evidence(int waiting, int elsewhere, int answers)
    {
        double evidence = 0;
        for (int i = 1; i <= waiting; i++)
        {
            evidence += Math.Log((elsewhere + answers + i) / (double)(elsewhere + i));
        }

        return evidence;
    }
}

/// <summary>What one pool measures of an endpoint that holds calls.</summary>
/// <param name="Evidence">How much they speak against it.</param>
/// <param name="Answered">The calls that began after the oldest of them, and that the other endpoints have answered.</param>
/// <param name="Since">When the oldest of them began.</param>
/// <param name="MiddleCall">The number of the median one of them.</param>
internal readonly record struct Silence(double Evidence, int Answered, long Since, uint MiddleCall);
