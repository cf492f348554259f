using System.Globalization;
using System.Text;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What happened in a run: what should not have, what came of its calls, and a digest that tells two runs apart.</summary>
internal sealed class ChaosRecord(ChaosTime time)
{
    private const int MostFaults = 10;

    private readonly List<string> _faults = [];
    private readonly Dictionary<string, int> _endings = [];
    private readonly Dictionary<string, int> _kinds = [];
    private readonly StringBuilder _trace = new();

    public IReadOnlyList<string> Faults => _faults;

    public IReadOnlyDictionary<string, int> Endings => _endings;

    /// <summary>How many calls of each kind there were, and of what else befell the pool.</summary>
    public IReadOnlyDictionary<string, int> Kinds => _kinds;

    public int Attempts { get; set; }

    public ulong Digest { get; private set; } = 14695981039346656037;

    /// <summary>How many lines went into the digest.</summary>
    public int Notes { get; private set; }

    /// <summary>The lines themselves, one for each event: timestamp, and what happened. Empty unless <see cref="KeepsTrace"/> is set.</summary>
    public string Trace => _trace.ToString();

    public bool KeepsTrace { get; init; }

    public void Report(string fault)
    {
        if (_faults.Count < MostFaults)
        {
            _faults.Add(string.Create(CultureInfo.InvariantCulture, $"{time.Seconds:0.000} s: {fault}"));
        }
    }

    /// <summary>Goes into what tells two runs apart.</summary>
    public void Note(string what)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"{time.GetTimestamp()} {what}\n");
        Notes++;
        foreach (char letter in line)
        {
            Digest = unchecked((Digest ^ letter) * 1099511628211);
        }

        if (KeepsTrace)
        {
            _trace.Append(line);
        }
    }

    public void Count(string kind, int more = 1) => _kinds[kind] = _kinds.GetValueOrDefault(kind) + more;

    public void Ended(ChaosCall call, string how)
    {
        _endings[how] = _endings.GetValueOrDefault(how) + 1;
        Count(call.Kind.ToString());
        if (call.Conversation is not null)
        {
            Count("FollowUp");
        }

        Note($"{call.Id} {how}");
    }
}
