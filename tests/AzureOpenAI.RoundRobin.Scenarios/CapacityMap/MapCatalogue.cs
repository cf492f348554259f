namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The cells of the map.</summary>
internal static class MapCatalogue
{
    private static readonly HintForm[] Hints = Enum.GetValues<HintForm>();

    /// <summary>Those that differ most, where not all are worth their time.</summary>
    private static readonly HintForm[] FewHints = [HintForm.Exact, HintForm.Seconds, HintForm.None];

    private static readonly HintForm[] MoreHints = [.. FewHints, HintForm.Half];

    /// <summary>Where a limit is on calls in flight, the endpoint cannot know when one of them will end.</summary>
    private static readonly HintForm[] InFlightHints = [HintForm.None, HintForm.Constant];

    private static readonly AnswerTimes[] Short = [AnswerTimes.Short];

    private static readonly AnswerTimes[] Both = [AnswerTimes.Short, AnswerTimes.Long];

    private static readonly LoadShape[] Loads = [LoadShape.Steady(80), LoadShape.Steady(95), LoadShape.Steady(150)];

    private static readonly LoadShape[] FewLoads = [LoadShape.Steady(95), LoadShape.Steady(150)];

    private static readonly LoadShape[] OtherLoads = [LoadShape.Steady(50), LoadShape.Steady(100), LoadShape.Steady(300), LoadShape.OnOff, LoadShape.Ramp, LoadShape.Closed];

    private static readonly int[][] Fleets = [[70, 30], [30, 20, 15, 12, 10, 6, 5, 2]];

    public static IReadOnlyList<MapCell> All { get; } =
    [
        .. Cells(LimiterKind.Steady, Hints, Loads, Short),
        .. Cells(LimiterKind.Steady, FewHints, FewLoads, [AnswerTimes.Long]),
        .. Cells(LimiterKind.Steady, FewHints, OtherLoads, Short),
        .. Cells([LimiterKind.InFlight], InFlightHints, [.. Loads, .. OtherLoads.Except([LoadShape.Closed])], Both),
        .. Cells(LimiterKind.Counting, MoreHints, FewLoads, Short),
        .. Cells(LimiterKind.OfTokens, MoreHints, Loads, Short),
        .. Cells(LimiterKind.OfTokens, FewHints, FewLoads, [AnswerTimes.Long]),
        .. Cells(LimiterKind.Changing, FewHints, Loads, Short),
        .. Cells([LimiterKind.Provisioned], MoreHints, Loads, Both),
        .. from cell in Cells([LimiterKind.Fixed1, LimiterKind.Log1, LimiterKind.Bucket10, LimiterKind.Leaky, LimiterKind.TokensAndRequests, LimiterKind.Provisioned], FewHints, FewLoads, Short)
           from headers in new[] { HeaderForm.Right, HeaderForm.Lying }
           select cell with { Headers = headers },
        .. from cell in Cells([LimiterKind.Fixed10, LimiterKind.Log1, LimiterKind.Bucket10, LimiterKind.Leaky], FewHints, [.. FewLoads, LoadShape.Burst], Short)
           from rates in Fleets
           select cell with { Rates = rates },
        .. Cells(LimiterKind.Steady.Where(kind => kind != LimiterKind.Fixed60), Hints, [LoadShape.Burst], Short),
        .. Cells([LimiterKind.InFlight], InFlightHints, [LoadShape.Burst], Short),
        .. Cells([LimiterKind.Provisioned, .. LimiterKind.Counting], [HintForm.Exact, HintForm.None], [LoadShape.Burst], Short),
    ];

    /// <summary>A part of each kind and hint, with half of the time each.</summary>
    public static IReadOnlyList<MapCell> Quick { get; } = [.. All.Where(IsQuick).Select(cell => cell with { Seconds = cell.Limiter == LimiterKind.Fixed60 ? cell.Seconds : cell.Seconds / 2 })];

    private static bool IsQuick(MapCell cell)
    {
        bool isUsual = cell is { Answers: AnswerTimes.Short, Headers: HeaderForm.Absent, Rates.Count: 3 };
        return cell.IsBurst ? isUsual && cell.Hint is HintForm.Exact or HintForm.None
            : LimiterKind.Steady.Contains(cell.Limiter) ? isUsual && (cell.Load.Name == "150 %" || (cell.Load.Name == "95 %" && FewHints.Contains(cell.Hint)))
            : cell.Load.Name == "150 %" && cell.Hint != HintForm.Seconds && cell.Headers != HeaderForm.Right;
    }

    private static IEnumerable<MapCell> Cells(IEnumerable<LimiterKind> limiters, IEnumerable<HintForm> hints, IEnumerable<LoadShape> loads, IEnumerable<AnswerTimes> answers) =>
        from limiter in limiters
        from hint in hints
        from load in loads
        from length in answers
        select new MapCell(limiter, hint, load, length) { Seconds = SecondsOf(limiter, load) };

    /// <summary>Three windows of a minute are enough; the most calls come in half of the time.</summary>
    private static double SecondsOf(LimiterKind limiter, LoadShape load) => (limiter == LimiterKind.Fixed60 ? 180 : 120) / (load.Workers > 0 || load.Name == "300 %" ? 2 : 1);
}
