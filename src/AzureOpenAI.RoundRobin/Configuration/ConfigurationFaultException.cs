using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>An <see cref="OptionsValidationException"/> whose message has a line for each failure.</summary>
internal sealed class ConfigurationFaultException(string? name, IReadOnlyList<string> faults)
    : OptionsValidationException(name ?? Options.DefaultName, typeof(RoundRobinOptions), faults)
{
    private const int MostShown = 50;

    public override string Message { get; } =
        $"The Azure OpenAI round-robin configuration {(name is null ? "" : $"'{name}' ")}has {faults.Count} {(faults.Count == 1 ? "fault" : "faults")}:"
        + string.Concat(faults.Take(MostShown).Select(static fault => "\n- " + fault))
        + (faults.Count > MostShown ? $"\n... and {faults.Count - MostShown} more." : "");
}
