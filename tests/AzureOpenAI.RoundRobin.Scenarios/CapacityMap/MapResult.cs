using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What one client did in one cell, beside the oracle. Times are seconds, shares are percent.</summary>
internal sealed record MapResult
{
    private const double AtOnce = 1;
    private const double Part = 5;

    public required string Cell { get; init; }

    public required string Client { get; init; }

    /// <summary>Answers whose attempt was admitted while calls came, as a share of the oracle's.</summary>
    public double Share { get; init; }

    /// <summary>Attempts for each answer.</summary>
    public double Attempts { get; init; }

    /// <summary>How much longer than by the oracle the 99th of 100 answered calls waited.</summary>
    public double WaitBeyond { get; init; }

    /// <summary>How much later than by the oracle the last answered call was admitted.</summary>
    public double LastBeyond { get; init; }

    /// <summary>Calls that were refused within a second, beyond those that the oracle refused in the same five seconds, as a share of all.</summary>
    public double RefusedEarly { get; init; }

    /// <summary>The answers by which it fell behind the oracle, as a share of all calls.</summary>
    public double Lost { get; init; }

    public double Failed { get; init; }

    /// <summary>Of these the oracle refused so many.</summary>
    public double OracleFailed { get; init; }

    /// <summary>How long the run took.</summary>
    public double Took { get; init; }

    public static MapResult Of(MapCell cell, string client, MapCall[] calls, MapCall[] oracle, TimeSpan took) => new()
    {
        Cell = cell.Name,
        Client = client,
        Share = 100.0 * AnswersIn(calls, cell.Seconds) / AnswersIn(oracle, cell.Seconds),
        Attempts = (double)calls.Sum(call => call.Attempts) / Math.Max(1, calls.Count(call => call.Answered)),
        WaitBeyond = WaitOf(calls, 0.99) - WaitOf(oracle, 0.99),
        LastBeyond = WaitOf(calls, 1) - WaitOf(oracle, 1),
        RefusedEarly = 100 * EarlyRefusals(calls, oracle) / calls.Length,
        Lost = 100.0 * (AnswersIn(oracle, cell.Seconds) - AnswersIn(calls, cell.Seconds)) / calls.Length,
        Failed = FailedOf(calls),
        OracleFailed = FailedOf(oracle),
        Took = took.TotalSeconds,
    };

    private static int AnswersIn(MapCall[] calls, double seconds) => calls.Count(call => call.Answered && call.Admitted < seconds);

    private static double WaitOf(MapCall[] calls, double share) => Percentiles.Of([.. calls.Where(call => call.Answered).Select(call => call.Wait).Order()], share);

    private static double FailedOf(MapCall[] calls) => 100.0 * calls.Count(call => !call.Answered) / calls.Length;

    private static double EarlyRefusals(MapCall[] calls, MapCall[] oracle)
    {
        Dictionary<int, int> refused = RefusedByPart(oracle);
        return RefusedByPart(calls).Sum(part => Math.Max(0, part.Value - refused.GetValueOrDefault(part.Key)));
    }

    private static Dictionary<int, int> RefusedByPart(MapCall[] calls) => calls
        .Where(call => !call.Answered && call.Ended - call.Due < AtOnce)
        .GroupBy(call => (int)(call.Due / Part))
        .ToDictionary(part => part.Key, part => part.Count());
}
