using AzureOpenAI.RoundRobin.Scenarios.CapacityMap;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>
/// What could be had of a fleet with limits and the calls of so many processes: it reads the limiters themselves, and sends each call in order of arrival where and when it is admitted first. On a machine that is
/// never late. A call that would be answered after its caller's patience fails, and takes no room.
/// </summary>
internal sealed record ProcessOracle(int Calls, int Right, double AnsweredPerSecond, double P99, double Longest)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public double FailedPercent => 100.0 * (Calls - Right) / Calls;

    /// <summary>Null where the fleet has no limits.</summary>
    public static ProcessOracle? Of(ProcessScenario scenario, int processes)
    {
        if (scenario.Fleet.Any(static resource => resource.PerSecond is null))
        {
            return null;
        }

        OracleTime time = new();
        Limiter[] limits = [.. scenario.Fleet.Select(resource => new Limiter(Rules(resource), [], new SimulatorClock(time)))];
        double[] due = scenario.AtOnce > 0 ? new double[scenario.AtOnce] : [.. Enumerable.Range(0, processes).SelectMany(process => DueOf(process, processes)).Order()];
        double[] own = AnswerTimes(scenario.Fleet[0], due.Length);
        List<double> took = [];
        int inTime = 0;
        for (int i = 0; i < due.Length; i++)
        {
            time.GoTo(TimeSpan.FromSeconds(due[i]).Ticks);
            (Limiter first, TimeSpan wait) = limits.Select(static limit => (limit, limit.UntilAdmitted(0))).MinBy(static pair => pair.Item2);
            double starts = time.Seconds + wait.TotalSeconds;
            if (starts + own[i] > due[i] + scenario.PatienceSeconds)
            {
                continue;
            }

            time.GoTo(time.Now + wait.Ticks);
            first.Admit(0);
            took.Add(1000 * (starts + own[i] - due[i]));
            inTime += starts < ProcessScenario.Seconds ? 1 : 0;
        }

        double[] sorted = [.. took.Order()];
        return new(due.Length, took.Count, inTime / ProcessScenario.Seconds, Percentiles.Of(sorted, 0.99), sorted[^1]);
    }

    /// <summary>As <see cref="CallerLoop"/> makes them.</summary>
    private static IEnumerable<double> DueOf(int process, int processes) => Enumerable.Range(0, (int)Math.Round(ProcessScenario.PerSecond / processes * ProcessScenario.Seconds))
        .Select(call => (process + ((double)call * processes)) / ProcessScenario.PerSecond);

    private static LimitRules Rules(ResourceSpec resource) => new(
        60 * resource.PerSecond, TimeSpan.FromSeconds(resource.WindowSeconds), resource.Slides ? WindowKind.Sliding : WindowKind.Fixed, null, Minute, WindowKind.Fixed, CountRejected: !resource.Slides);

    private static double[] AnswerTimes(ResourceSpec resource, int count)
    {
        Random random = new(1);
        return [.. Enumerable.Range(0, count).Select(_ => resource.MedianMilliseconds / 1000 * Math.Exp(resource.Sigma * Normal.Next(random)))];
    }
}
