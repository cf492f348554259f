using System.Globalization;

namespace AzureOpenAI.RoundRobin.Scenarios;

/// <summary>What the command line asks for.</summary>
internal sealed class Arguments
{
    public const string Usage = """
        Scenarios [--only NAME]... [--client NAME]... [--quick] [--alone] [--timeline] [--out FILE] [--list]
        Scenarios --processes [1,4,16] [--redis [HOST:PORT]] [--only NAME]... [--client NAME]... [--out FILE]
        Scenarios --facts [--processes 4,16,64] [--redis HOST:PORT]
        Scenarios --map [--only TEXT]... [--client NAME]... [--quick] [--report-only] [--out FILE]
          --only    scenarios whose name begins with NAME
          --client  ours, ours-affinity, single, naive, failover, failover-rotated, polly
          --quick   half of the time each
          --alone   one cell at a time, for the truest latencies; takes several times as long
          --timeline  each endpoint's arrivals, by tenths of a second
          --processes  so many processes, which know nothing of each other, against one fleet
          --redis   the same once more with the package that shares over Redis: over the server that is named, else over an own Garnet, which is also stopped and killed
          --facts   how long a fact takes from one process to all others
          --map     the capacity map: kinds of limits and hints, beside an oracle; --only takes the cells whose name has all the texts, --client ours, naive or failover
          --report-only  a missed target of the map does not change the exit code
          --out     the file that the results go to; a run of everything goes to results/scenarios.md, a whole map to tests/results/capacity-map.md
        """;

    public bool Serves { get; private set; }

    public bool Simulates { get; private set; }

    public bool IsMap { get; private set; }

    public bool IsCaller { get; private set; }

    /// <summary>How many processes share a fleet, one number after the other; none where that is not asked for.</summary>
    public IReadOnlyList<int> Processes { get; private set; } = [];

    /// <summary>Whether processes also share over Redis.</summary>
    public bool Shares { get; private set; }

    /// <summary>The server that is used for it; null for an own one.</summary>
    public string? Redis { get; private set; }

    /// <summary>This process is that server.</summary>
    public bool IsRedis { get; private set; }

    /// <summary>Whether the time is measured that facts take.</summary>
    public bool MeasuresFacts { get; private set; }

    public bool IsMapWorker { get; private set; }

    public bool OnlyReports { get; private set; }

    public bool Lists { get; private set; }

    public bool IsQuick { get; private set; }

    public bool IsAlone { get; private set; }

    public bool ShowsTimeline { get; private set; }

    public string? Out { get; private set; }

    /// <summary>All scenarios and clients, at their full load.</summary>
    public bool IsWhole => Only.Count == 0 && Clients.Count == 0 && !IsQuick;

    public List<string> Only { get; } = [];

    public List<string> Clients { get; } = [];

    /// <returns>Null where the line cannot be understood.</returns>
    public static Arguments? Parse(string[] line)
    {
        Arguments arguments = new();
        for (int i = 0; i < line.Length; i++)
        {
            string? value = i + 1 < line.Length ? line[i + 1] : null;
            switch (line[i])
            {
                case "--serve":
                    arguments.Serves = true;
                    break;
                case "--simulate":
                    arguments.Simulates = true;
                    break;
                case "--caller":
                    arguments.IsCaller = true;
                    break;
                case "--processes" when ReadNumbers(value) is { Count: > 0 } numbers:
                    arguments.Processes = numbers;
                    i++;
                    break;
                case "--processes":
                    arguments.Processes = [1, 4, 16];
                    break;
                case "--redis" when value is not null && !value.StartsWith("--", StringComparison.Ordinal):
                    (arguments.Shares, arguments.Redis) = (true, value);
                    i++;
                    break;
                case "--redis":
                    arguments.Shares = true;
                    break;
                case "--garnet" when value is not null:
                    (arguments.IsRedis, arguments.Redis) = (true, value);
                    i++;
                    break;
                case "--facts":
                    arguments.MeasuresFacts = true;
                    break;
                case "--map":
                    arguments.IsMap = true;
                    break;
                case "--map-worker":
                    arguments.IsMapWorker = true;
                    break;
                case "--report-only":
                    arguments.OnlyReports = true;
                    break;
                case "--list":
                    arguments.Lists = true;
                    break;
                case "--quick":
                    arguments.IsQuick = true;
                    break;
                case "--alone":
                    arguments.IsAlone = true;
                    break;
                case "--timeline":
                    arguments.ShowsTimeline = true;
                    break;
                case "--only" when value is not null:
                    arguments.Only.Add(value);
                    i++;
                    break;
                case "--client" when value is not null:
                    arguments.Clients.Add(value);
                    i++;
                    break;
                case "--out" when value is not null:
                    arguments.Out = value;
                    i++;
                    break;
                default:
                    return null;
            }
        }

        return arguments;
    }

    public bool Wants(string scenario) => Only.Count == 0 || Only.Exists(name => scenario.StartsWith(name, StringComparison.OrdinalIgnoreCase));

    /// <returns>Numbers of processes such as 1,4,16; none where it is something else.</returns>
    private static List<int> ReadNumbers(string? text)
    {
        List<int> numbers = [];
        foreach (string part in (text ?? "").Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > 64)
            {
                return [];
            }

            numbers.Add(number);
        }

        return numbers;
    }

    public bool WantsClient(string client) => Clients.Count == 0 || Clients.Contains(client, StringComparer.OrdinalIgnoreCase);
}
