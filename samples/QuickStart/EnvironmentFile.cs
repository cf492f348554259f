using System.Text.RegularExpressions;
using dotenv.net;

namespace QuickStart;

/// <summary>The <c>.env</c> file of the working directory, or of the sample's own: its variables become those of the process, where they are not set already.</summary>
internal static partial class EnvironmentFile
{
    private const string Topic = "AZURE_OPENAI";

    private static readonly string[] Names = ["USE_AZURE_OPENAI_ROUND_ROBIN", "AZURE_OPENAI_ROUND_ROBIN_CONNECTION"];

    /// <returns>False, with the reason on the console, where there is one that cannot be used.</returns>
    public static bool TryLoad()
    {
        string home = Directory.GetCurrentDirectory();
        string[] paths = [Path.Combine(home, ".env"), Path.Combine(home, "samples", "QuickStart", ".env")];
        return Array.Find(paths, File.Exists) is not { } path || TryLoad(path);
    }

    private static bool TryLoad(string path)
    {
        try
        {
            Dictionary<string, string> variables = new(StringComparer.Ordinal);
            foreach ((string name, string value) in DotEnv.Read(new DotEnvOptions(envFilePaths: [path], ignoreExceptions: false)))
            {
                // As bash and python-dotenv read it.
                variables[Export().Replace(name, "").Trim()] = value.Trim();
            }

            if (!variables.Keys.Any(static name => name.Contains(Topic, StringComparison.Ordinal) && PlainName().IsMatch(name)) && File.ReadLines(path).Any(IsAboutThem))
            {
                Console.Error.WriteLine($"{path} mentions {Topic}, but has no line for it that can be read; write each variable as NAME=value, with single quotes around a value of several lines.");
                return false;
            }

            Load(path, variables);
            return true;
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{path}: {unreadable.Message}");
            return false;
        }
    }

    private static void Load(string path, Dictionary<string, string> variables)
    {
        List<string> beaten = [];
        foreach ((string name, string value) in variables.Where(static variable => PlainName().IsMatch(variable.Key)))
        {
            string? before = Environment.GetEnvironmentVariable(name);
            if (string.IsNullOrWhiteSpace(before))
            {
                Environment.SetEnvironmentVariable(name, value);
            }
            else if (before != value)
            {
                beaten.Add(name);
            }
        }

        string[] found = [.. Names.Where(variables.ContainsKey)];
        Console.WriteLine($"Read {path}: " + (found.Length switch
        {
            0 => $"it has neither {Names[0]} nor {Names[1]}.",
            1 => $"it has {found[0]}, and not {Names.Except(found).Single()}.",
            _ => $"it has {Names[0]} and {Names[1]}.",
        }));
        foreach (string name in beaten.Where(static name => name.Contains(Topic, StringComparison.Ordinal)))
        {
            Console.WriteLine($"{name} is set otherwise in the environment, and that is used.");
        }
    }

    private static bool IsAboutThem(string line) => line.Contains(Topic, StringComparison.Ordinal) && !line.TrimStart().StartsWith('#');

    [GeneratedRegex(@"^export\s+")]
    private static partial Regex Export();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex PlainName();
}
