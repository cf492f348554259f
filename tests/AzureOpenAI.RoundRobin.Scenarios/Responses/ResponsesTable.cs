using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Runs the part about the Responses API, a row after the other.</summary>
internal static class ResponsesTable
{
    private const string Header = """
        | scenario | what happens | bad | before | ours | failover |
        |---|---|---|---|---|---|
        """;

    /// <param name="arguments">Which rows and clients.</param>
    /// <param name="tell">Takes the table line by line.</param>
    /// <returns>For each row whether our client reached its target.</returns>
    public static async Task<IReadOnlyList<TargetLine>> RunAsync(Arguments arguments, Action<string> tell)
    {
        List<TargetLine> targets = [];
        tell(Header);
        foreach (ResponsesRow row in ResponsesCatalogue.All.Where(row => arguments.Wants(row.Name)))
        {
            ResponsesContestant[] contestants = [.. ResponsesContestant.All.Where(contestant => arguments.WantsClient(contestant.Name))];
            Figure[] measured = await Task.WhenAll(contestants.Select(row.Run));
            Dictionary<string, Figure> figures = contestants.Zip(measured).ToDictionary(static pair => pair.First.Name, static pair => pair.Second);
            tell($"| {row.Name} | {row.What} | {row.Bad} | {row.Before} | {Text(ResponsesContestant.Ours)} | {Text(ResponsesContestant.Failover)} |");
            if (figures.TryGetValue(ResponsesContestant.Ours.Name, out Figure? ours))
            {
                targets.Add(new TargetLine(row.Name, row.What, $"0 {row.Bad}", [Targets.AtMost(row.Bad, ours.Bad, 0)]));
            }

            string Text(ResponsesContestant contestant) => figures.TryGetValue(contestant.Name, out Figure? figure) ? figure.ToString() : "-";
        }

        return targets;
    }
}
