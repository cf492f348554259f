namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Collects what is wrong and what is odd, and lets no key out.</summary>
internal sealed class Findings
{
    // Shorter ones are words of a test set-up, and blotting them out would spoil the messages.
    private const int ShortestSecret = 8;

    private readonly List<string> _faults = [];
    private readonly List<string> _warnings = [];
    private readonly HashSet<string> _secrets = new(StringComparer.OrdinalIgnoreCase);

    public bool HasFaults => _faults.Count > 0;

    public IReadOnlyList<string> Faults => Scrub(_faults);

    public IReadOnlyList<string> Warnings => Scrub(_warnings);

    public void Fault(string message) => _faults.Add(message);

    public void Fault(EndpointEntry entry, string message) => _faults.Add($"{Label(entry)}: {message}");

    public void Warn(string message) => _warnings.Add(message);

    /// <summary>Blots <paramref name="key"/> out of every message, whichever setting it was pasted into by mistake.</summary>
    public void Protect(string? key)
    {
        if (key is { Length: >= ShortestSecret })
        {
            _secrets.Add(key);
        }
    }

    public bool ContainsSecret(string text) => _secrets.Any(secret => text.Contains(secret, StringComparison.OrdinalIgnoreCase));

    /// <summary>The place of an endpoint, with its name where that is fit to be shown.</summary>
    public static string Label(EndpointEntry entry) =>
        entry.Name is { } name && TextRules.CanShow(name) ? $"Endpoint {entry.Place} ('{name}')" : $"Endpoint {entry.Place}";

    private string[] Scrub(List<string> messages)
    {
        string[] secrets = [.. _secrets.OrderByDescending(static secret => secret.Length)];
        return [.. messages.Select(message => secrets.Aggregate(
            message, static (text, secret) => text.Replace(secret, "(key)", StringComparison.OrdinalIgnoreCase)))];
    }
}
