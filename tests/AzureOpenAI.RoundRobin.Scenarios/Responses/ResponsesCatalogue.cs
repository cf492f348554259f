namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>What is measured of the Responses API.</summary>
internal static class ResponsesCatalogue
{
    public static IReadOnlyList<ResponsesRow> All { get; } = [.. StateRows.All, .. JobRows.All, .. FaultRows.All, .. LoadRows.All];
}
