namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Collects what is wrong and what is odd, and lets no key out.</summary>
internal sealed class Findings
{
    private readonly List<string> _faults = [];
    private readonly List<string> _warnings = [];
    private readonly KnownKeys _keys = new();

    public bool HasFaults => _faults.Count > 0;

    public IReadOnlyList<string> Faults => Scrub(_faults);

    public IReadOnlyList<string> Warnings => Scrub(_warnings);

    public void Fault(string message) => _faults.Add(message);

    public void Fault(EndpointEntry entry, string message) => _faults.Add($"{Label(entry)}: {message}");

    public void Warn(string message) => _warnings.Add(message);

    /// <summary>Blots <paramref name="key"/> out of every message, whichever setting it was pasted into by mistake.</summary>
    public void Protect(string? key)
    {
        if (key is not null)
        {
            _keys.Add(key);
        }
    }

    public bool ContainsSecret(string text) => _keys.AreIn(text);

    /// <summary>The place of an endpoint, with its name where that is fit to be shown.</summary>
    public static string Label(EndpointEntry entry) =>
        entry.Name is { } name && TextRules.CanQuote(name) ? $"Endpoint {entry.Place} ('{name}')" : $"Endpoint {entry.Place}";

    private string[] Scrub(List<string> messages) => [.. messages.Select(_keys.BlotOut)];
}
