namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Collects faults and warnings, and hides every key in them.</summary>
internal sealed class Findings
{
    private readonly List<string> _faults = [];
    private readonly List<string> _warnings = [];
    private readonly List<string> _explanations = [];
    private readonly KnownKeys _keys = new();

    public bool HasFaults => _faults.Count > 0;

    public IReadOnlyList<string> Faults => Scrub(_faults is [var first, .. var others] ? [string.Join(' ', [first, .. _explanations]), .. others] : []);

    public IReadOnlyList<string> Warnings => Scrub(_warnings);

    public void Fault(string message) => _faults.Add(message);

    public void Fault(EndpointEntry entry, string message) => _faults.Add($"{Label(entry)}: {message}");

    public void Warn(string message) => _warnings.Add(message);

    /// <summary>Warns of what may also be the cause of a fault: which of several sources is used.</summary>
    public void Explain(string message)
    {
        _warnings.Add(message);
        _explanations.Add(message);
    }

    /// <summary>Hides <paramref name="key"/> in every message, whichever setting it was pasted into by mistake.</summary>
    public void Protect(string? key)
    {
        if (key is not null)
        {
            _keys.Add(key);
        }
    }

    public bool ContainsSecret(string text) => _keys.AreIn(text);

    /// <summary>The position of an endpoint, with its name where that may be shown.</summary>
    public static string Label(EndpointEntry entry) =>
        entry.Name is { } name && TextRules.CanQuote(name) ? $"Endpoint {entry.Place} ('{name}')" : $"Endpoint {entry.Place}";

    private string[] Scrub(List<string> messages) => [.. messages.Select(_keys.BlotOut)];
}
