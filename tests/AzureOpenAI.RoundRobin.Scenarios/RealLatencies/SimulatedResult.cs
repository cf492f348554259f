using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>What one client did in one scenario of simulated time.</summary>
internal sealed class SimulatedResult(SimulatedScenario scenario, string client, IReadOnlyList<SimulatedCall> calls, IReadOnlyList<FakeModel> models, int silentVerdicts)
{
    private readonly double[] _took = [.. calls.Where(call => call.Right).Select(call => call.Took).Order()];

    public SimulatedScenario Scenario { get; } = scenario;

    public string Client { get; } = client;

    public IReadOnlyList<SimulatedCall> Calls { get; } = calls;

    public IReadOnlyList<FakeModel> Models { get; } = models;

    /// <summary>How often our pool took an endpoint for silent.</summary>
    public int SilentVerdicts { get; } = silentVerdicts;

    /// <summary>The most attempts that an endpoint had above or below its share of all, by weight.</summary>
    public double OffShare
    {
        get
        {
            double weights = Scenario.Weights?.Sum() ?? Models.Count;
            return Models.Select((model, i) => Math.Abs(model.Arrivals.Count - (Attempts * (Scenario.Weights?[i] ?? 1) / weights))).Max();
        }
    }

    public int Right => _took.Length;

    public int Failed => Calls.Count(call => !call.Answered);

    public int Wrong => Calls.Count(call => call.Answered && !call.Right);

    public double FailedPercent => 100.0 * Failed / Calls.Count;

    public int Attempts => Models.Sum(model => model.Arrivals.Count);

    public double AttemptsPerSuccess => (double)Attempts / Math.Max(1, Right);

    public int Spread => Models.Max(model => model.Arrivals.Count) - Models.Min(model => model.Arrivals.Count);

    /// <summary>Of answered calls that took more than twice as long as their answer.</summary>
    public double SlowedPercent => 100.0 * Calls.Count(call => call.Right && call.Took > 2 * call.Own) / Math.Max(1, Right);

    /// <summary>The most that any answered call took beyond its answer's own time.</summary>
    public double MostExtra => Calls.Where(call => call.Right).Select(call => call.Extra).DefaultIfEmpty(0).Max();

    public double Percentile(double share) => Percentiles.Of(_took, share);

    /// <summary>Of the calls that were refused, and not given up by their callers, those that were told so within the given seconds; all, if none was.</summary>
    public double RefusedWithinPercent(double seconds)
    {
        SimulatedCall[] refused = [.. Calls.Where(call => !call.Answered && call.Exception != SimulatedRunner.GaveUp)];
        return refused.Length == 0 ? 100 : 100.0 * refused.Count(call => call.Took <= seconds) / refused.Length;
    }

    /// <summary>
    /// What refusals said of the wait, as parts of what the last call before them that was let in really waited: the middle one, and the tenth and the ninetieth
    /// of a hundred. Null where none said anything.
    /// </summary>
    public (double Middle, double Low, double High)? EstimateByWait()
    {
        SimulatedCall[] letIn = [.. Calls.Where(call => call.Right).OrderBy(call => call.Due)];
        double[] parts = [.. Calls
            .Where(call => call.Estimate is not null && call.Took < 0.05)
            .Select(call => (call.Estimate!.Value, LetIn: letIn.LastOrDefault(other => other.Due <= call.Due)))
            .Where(pair => pair.LetIn.Extra > 1)
            .Select(pair => pair.Value / pair.LetIn.Extra)
            .Order()];
        return parts.Length == 0 ? null : (Percentiles.Of(parts, 0.5), Percentiles.Of(parts, 0.1), Percentiles.Of(parts, 0.9));
    }

    /// <summary>Answers that their callers took, of attempts that arrived while the load lasted, as a share of what the limits admit in that time.</summary>
    public double GoodputPercent(double quotaPerSecond)
    {
        HashSet<int> taken = [.. Calls.Where(call => call.Right).Select(call => call.Number)];
        int answers = Models.Sum(model => model.Answered.Count(answer => answer.Value < Scenario.Seconds && taken.Contains(answer.Key)));
        return 100 * answers / (quotaPerSecond * Scenario.Seconds);
    }

    /// <summary>How long after the given second an endpoint first answered again.</summary>
    public double BackAfter(int model, double second) =>
        Models[model].Answered.Values.Where(arrived => arrived >= second).Select(arrived => arrived - second).DefaultIfEmpty(double.NaN).Min();

    /// <summary>When an endpoint first had an even share of ten calls again, after the given second.</summary>
    public double ShareBackAfter(int model, double second)
    {
        double[] arrived = [.. Models[model].Arrivals.Where(at => at >= second).Order()];
        double even = 10 * Models.Count / Scenario.PerSecond;
        return Enumerable.Range(0, Math.Max(0, arrived.Length - 9)).Where(i => arrived[i + 9] - arrived[i] <= even).Select(i => arrived[i] - second).DefaultIfEmpty(double.NaN).First();
    }

    public string Failures() => string.Join(", ", Calls
        .Where(call => !call.Answered)
        .GroupBy(call => call.Exception)
        .OrderByDescending(group => group.Count())
        .Take(3)
        .Select(group => $"{group.Key} x{group.Count()}"));
}
