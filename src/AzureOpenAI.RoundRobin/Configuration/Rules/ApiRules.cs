using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>
/// One call is made in one API. So each model maps to endpoints of one API, and calls that name no model go to the endpoints of the pool's API.
/// </summary>
internal static class ApiRules
{
    /// <param name="entries">The endpoints, each with its API.</param>
    /// <param name="common">The API of the pool.</param>
    /// <param name="findings">Collects faults.</param>
    public static void Check(IReadOnlyList<ChosenEntry> entries, EndpointApi common, Findings findings)
    {
        ChosenEntry[] built = [.. entries.Where(static chosen => chosen.Entry.Kind != EndpointKind.ReadyMade)];
        if (Array.TrueForAll(built, chosen => chosen.Entry.Api == built[0].Entry.Api))
        {
            return;
        }

        FindUnreachable(built, common, findings);
    }

    private static void FindUnreachable(ChosenEntry[] built, EndpointApi common, Findings findings)
    {
        foreach (EndpointEntry entry in built.Select(static chosen => chosen.Entry).Where(entry => entry.Api != common && entry.Deployments.Count == 0))
        {
            findings.Fault(entry, $"{entry.NameOf(EntryField.Api)} is {Word(entry.Api)}, but that of the pool is {Word(common)}: a call is made in one API, so the endpoint would never be called; "
                + $"name the models that it answers in {entry.NameOf(EntryField.Deployments)}, or give all endpoints one API.");
        }

        foreach (string model in built.SelectMany(static chosen => chosen.Entry.Deployments.Keys).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            ChosenEntry[] answering = [.. built.Where(chosen => Answers(chosen, model))];
            if (Array.Find(answering, chosen => chosen.Entry.Api != answering[0].Entry.Api)?.Entry is { } other)
            {
                findings.Fault(other, $"{other.NameOf(EntryField.Api)} is {Word(other.Api)}, but that of endpoint {answering[0].Entry.Place}, which answers the same model, is {Word(answering[0].Entry.Api)}; "
                    + "give both one API, or each its own models.");
            }
        }
    }

    private static bool Answers(ChosenEntry chosen, string model) =>
        chosen.Entry.Deployments.ContainsKey(model) || string.Equals(chosen.Deployment.Name, model, StringComparison.OrdinalIgnoreCase);

    private static string Word(EndpointApi? api) => api == EndpointApi.Responses ? "responses" : "chat";
}
