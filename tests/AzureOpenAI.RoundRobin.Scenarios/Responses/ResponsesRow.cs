namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Something that happens to an app on the Responses API over several resources.</summary>
/// <param name="Name">As it stands in the table and after <c>--only</c>.</param>
/// <param name="What">What happens.</param>
/// <param name="Bad">What is counted, of which there are to be none.</param>
/// <param name="Before">What the SDK's clients in a pool gave before the pool spoke the Responses API itself.</param>
/// <param name="Run">Does it to a client.</param>
internal sealed record ResponsesRow(string Name, string What, string Bad, string Before, Func<ResponsesContestant, Task<Figure>> Run);
