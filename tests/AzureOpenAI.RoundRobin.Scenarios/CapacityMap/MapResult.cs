using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What one client did in one cell, beside the oracle. Times are seconds, shares are percent.</summary>
internal sealed record MapResult
{
    private const double AtOnce = 1;
    private const double LeastApart = 5;

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

    /// <summary>Calls that were refused within a second, for which the oracle refused none within five seconds, or the limit's window where that is longer, as a share of all.</summary>
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
        RefusedEarly = 100.0 * EarlyRefusals(calls, oracle, Math.Max(LeastApart, cell.WindowSeconds)) / calls.Length,
        Lost = 100.0 * (AnswersIn(oracle, cell.Seconds) - AnswersIn(calls, cell.Seconds)) / calls.Length,
        Failed = FailedOf(calls),
        OracleFailed = FailedOf(oracle),
        Took = took.TotalSeconds,
    };

    private static int AnswersIn(MapCall[] calls, double seconds) => calls.Count(call => call.Answered && call.Admitted < seconds);

    private static double WaitOf(MapCall[] calls, double share) => Percentiles.Of([.. calls.Where(call => call.Answered).Select(call => call.Wait).Order()], share);

    private static double FailedOf(MapCall[] calls) => 100.0 * calls.Count(call => !call.Answered) / calls.Length;

    /// <summary>Each refusal of the oracle stands for one of the client's that is no further away than the limit's window: within it nobody can say when there is room who does not see it.</summary>
    private static int EarlyRefusals(MapCall[] calls, MapCall[] oracle, double apart)
    {
        double[] expected = RefusedAtOnce(oracle);
        int early = 0, next = 0;
        foreach (double refused in RefusedAtOnce(calls))
        {
            for (; next < expected.Length && expected[next] < refused - apart; next++)
            {
            }

            if (next < expected.Length && expected[next] <= refused + apart)
            {
                next++;
            }
            else
            {
                early++;
            }
        }

        return early;
    }

    private static double[] RefusedAtOnce(MapCall[] calls) => [.. calls.Where(call => !call.Answered && call.Ended - call.Due < AtOnce).Select(call => call.Due).Order()];
}
