namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The cells of the map.</summary>
internal static class MapCatalogue
{
    private static readonly HintForm[] Hints = Enum.GetValues<HintForm>();

    /// <summary>Where a limit is on calls in flight, the endpoint cannot know when one of them will end.</summary>
    private static readonly HintForm[] InFlightHints = [HintForm.None, HintForm.Constant];

    private static readonly int[] Loads = [80, 95, 100, 150];

    public static IReadOnlyList<MapCell> All { get; } = [.. Steady(), .. Bursts()];

    /// <summary>A part of each kind and hint, in less than three minutes.</summary>
    public static IEnumerable<MapCell> Quick => All.Where(cell => cell.IsBurst || (cell.Answers == AnswerTimes.Short && cell.Load.Name is "95 %" or "150 %"));

    private static IEnumerable<MapCell> Steady() =>
        from limiter in LimiterKind.All
        from hint in limiter == LimiterKind.InFlight ? InFlightHints : Hints
        from load in Loads
        from answers in Enum.GetValues<AnswerTimes>()
        select new MapCell(limiter, hint, LoadShape.Steady(load), answers) { Seconds = limiter == LimiterKind.Fixed60 ? 180 : 120 };

    private static IEnumerable<MapCell> Bursts() =>
        from limiter in LimiterKind.All
        where limiter != LimiterKind.Fixed60
        from hint in limiter == LimiterKind.InFlight ? InFlightHints : Hints
        select new MapCell(limiter, hint, LoadShape.Burst, AnswerTimes.Short);
}
