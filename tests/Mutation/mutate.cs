#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

// Breaks the library one mutant at a time and says which no test notices. README.md beside this file says how.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

const string TestProject = "AzureOpenAI.RoundRobin.Tests";
const string Library = "AzureOpenAI.RoundRobin";
const string StrykerVersion = "5.1.0";

// Random, or dependent on how the code is compiled.
string[] leftOut = ["ChaosTests", "UpdateUnderLoadTests", "AllocationTests"];

string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));
string source = Path.Combine(root, "src", Library);
string tests = Path.Combine(root, "tests", TestProject);
string work = Path.Combine(root, "artifacts", "mutation");
string bin = Path.Combine(work, "bin");
string alone = Path.Combine(work, "alone");
string reportFile = Path.Combine(work, "stryker", "reports", "mutation-report.json");
string mutatedFile = Path.Combine(work, "mutated.dll");
string resultsFile = Path.Combine(work, "results.jsonl");
string coverageFile = Path.Combine(work, "coverage.json");
string tableFile = Path.Combine(root, "results", "mutation.md");

string command = args.FirstOrDefault() ?? "";
string[] files = [.. args.Skip(1).Where(a => !a.StartsWith("--", StringComparison.Ordinal))];
bool texts = args.Contains("--texts");
bool again = args.Contains("--again");
bool survivorsOnly = args.Contains("--survivors");
bool stragglers = args.Contains("--alone");

switch (command)
{
    case "build": return Build();
    case "run": return await Run().ConfigureAwait(false);
    case "list": return List();
    default:
        Console.Error.WriteLine("build | run FILES [--texts] [--again] [--survivors] [--alone] | list [FILES] [--texts]");
        return 2;
}

static string ThisFile([CallerFilePath] string path = "") => path;

// Stryker makes one assembly with all mutants in it, and is told to try none.
int Build()
{
    string stryker = Path.Combine(root, "artifacts", "tools", OperatingSystem.IsWindows() ? "dotnet-stryker.exe" : "dotnet-stryker");
    if (!File.Exists(stryker))
    {
        Tool("dotnet", root, "tool", "install", "dotnet-stryker", "--tool-path", "artifacts/tools", "--version", StrykerVersion);
    }

    string made = Path.Combine(root, "artifacts", "bin", TestProject, "release", Library + ".dll");
    Tool(stryker, tests, "--config-file", "../Mutation/stryker-config.json", "--output", Path.GetDirectoryName(Path.GetDirectoryName(reportFile))!);
    if (!Encoding.UTF8.GetString(File.ReadAllBytes(made)).Contains("MutantControl", StringComparison.Ordinal))
    {
        throw new InvalidOperationException("Stryker left no mutated assembly in " + made);
    }

    File.Copy(made, mutatedFile, overwrite: true);
    return 0;
}

async Task<int> Run()
{
    List<Mutant> mutants = Mutants();
    Tool("dotnet", root, "build", "tests/" + TestProject, "-c", "Release", "-v", "quiet", "--nologo");
    Mirror(Path.Combine(root, "artifacts", "bin", TestProject, "release"), bin);
    File.Copy(mutatedFile, Path.Combine(bin, Library + ".dll"), overwrite: true);

    Dictionary<string, Reach> reach = await Reached().ConfigureAwait(false);
    Dictionary<string, Result> known = Known();
    List<Mutant> todo = [.. mutants.Where(m => Wanted(m) && m.Compiles != stragglers && (again || !known.TryGetValue(m.Key, out Result? r) || (survivorsOnly && r.Status == "survived")))];
    if (survivorsOnly)
    {
        todo.RemoveAll(m => !known.TryGetValue(m.Key, out Result? r) || r.Status != "survived");
    }

    Console.WriteLine($"{todo.Count} mutants");

    if (stragglers && Directory.Exists(alone))
    {
        Directory.Delete(alone, recursive: true);
    }

    // What is reached when a type is first used stays as it was then, so such a mutant needs a process of its own.
    HashSet<int> statics = [.. Directory.EnumerateFiles(Path.Combine(work, "reach"), "reach*", SearchOption.AllDirectories)
        .SelectMany(f => File.ReadAllText(f).Split(';')[1].Split(',', StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse), .. mutants.Where(m => m.IsStatic).Select(m => m.Id)];
    string hook = Path.Combine(bin, "host.dll");
    Tool("dotnet", root, "build", "tests/Mutation/host.cs", "-c", "Release", "-o", bin, "-v", "quiet", "--nologo");
    using Host host = new(Path.Combine(bin, TestProject + ".dll"), hook);

    int done = 0;
    foreach (Mutant mutant in todo)
    {
        Result[] before = [.. known.Values];
        Result result = mutant.Compiles ? await Try(mutant, reach, before, statics, host).ConfigureAwait(false) : await TryAlone(mutant, mutants, reach).ConfigureAwait(false);
        known[mutant.Key] = result;
        File.AppendAllText(resultsFile, JsonSerializer.Serialize(result) + "\n");
        done++;
        if (result.Status is not "killed" || done % 50 == 0)
        {
            Console.WriteLine($"{done}/{todo.Count} {mutant.File}:{mutant.Line} #{mutant.Id} {result.Status}");
        }
    }

    return List();
}

async Task<Result> Try(Mutant mutant, Dictionary<string, Reach> reach, Result[] known, HashSet<int> statics, Host host)
{
    // First those that noticed others of the file, and those that reach little else: they are the most likely to notice.
    string[] classes = [.. reach.Where(r => r.Value.Mutants.Contains(mutant.Id)).OrderBy(r => r.Value.Seconds > 4).ThenBy(r => r.Value.Mutants.Count).Select(r => r.Key)];
    if (classes.Length == 0)
    {
        return new(mutant.Key, "reached by no test", "");
    }

    string[] noticed = [.. known.Where(r => r.Key.StartsWith(mutant.File + "|", StringComparison.Ordinal)).Select(r => classes.FirstOrDefault(c => r.By.StartsWith(c + ".", StringComparison.Ordinal)))
        .OfType<string>().CountBy(c => c).OrderByDescending(c => c.Value).Take(3).Select(c => c.Key)];
    string[] first = [.. noticed, .. classes.Except(noticed).Take(4)];
    Result result = new(mutant.Key, "survived", "");
    foreach (string[] part in new[] { first, [.. classes.Except(first)] })
    {
        if (part.Length == 0)
        {
            break;
        }

        double limit = 8 + (2 * part.Sum(c => reach[c].Seconds));
        Outcome outcome = !statics.Contains(mutant.Id) ? host.Try(mutant.Id, part, limit) : await Test(bin, part, new() { ["STRYKER_MUTANT_ID_CONTROL_VAR"] = "MUTANT", ["MUTANT"] = mutant.Id.ToString(CultureInfo.InvariantCulture) }, limit).ConfigureAwait(false);
        if (outcome.Status != "survived")
        {
            return new(mutant.Key, outcome.Status, outcome.By);
        }
    }

    return result;
}

// Where what Stryker adds to a method does not compile, the one mutant is written into a copy of the source, which the compiler is given as the first build gave it.
async Task<Result> TryAlone(Mutant mutant, List<Mutant> all, Dictionary<string, Reach> reach)
{
    string copy = Path.Combine(alone, "src", Library);
    string response = Path.Combine(alone, "csc.rsp");
    string compilerFile = Path.Combine(alone, "csc.txt");
    string made = Path.Combine(alone, Library + ".dll");
    if (!File.Exists(compilerFile))
    {
        Mirror(source, copy);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root, "src")))
        {
            File.Copy(file, Path.Combine(alone, "src", Path.GetFileName(file)), overwrite: true);
        }

        string log = Tool("dotnet", copy, "build", "-c", "Release", "-v", "normal", "--nologo", "-tl:off", "-p:ArtifactsPath=" + Path.Combine(alone, "out"),
            "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:GenerateDocumentationFile=false");
        Match line = Regex.Match(log, @"^\s*(?<compiler>\S*[/\\]csc(\.exe)?) /noconfig (?<arguments>.*)$", RegexOptions.Multiline);
        if (!line.Success)
        {
            throw new InvalidOperationException("The build does not say how it calls the compiler:\n" + log);
        }

        File.WriteAllText(response, line.Groups["arguments"].Value);
        File.WriteAllText(compilerFile, line.Groups["compiler"].Value);
    }

    string target = Path.Combine(copy, mutant.File);
    string text = File.ReadAllText(Path.Combine(source, mutant.File));
    if (!text.AsSpan(mutant.Start).StartsWith(mutant.Original, StringComparison.Ordinal))
    {
        throw new InvalidOperationException($"{mutant.File}:{mutant.Line} #{mutant.Id} is not where the list says.");
    }

    File.WriteAllText(target, string.Concat(text.AsSpan(0, mutant.Start), mutant.Replacement, text.AsSpan(mutant.Start + mutant.Original.Length)));
    File.Delete(made);
    try
    {
        Tool(File.ReadAllText(compilerFile), copy, "/noconfig", "/shared", "/skipanalyzers+", "@" + response, "/out:" + made);
    }
    catch (InvalidOperationException)
    {
        return new(mutant.Key, "does not compile", "");
    }
    finally
    {
        File.WriteAllText(target, text);
    }

    string folder = Path.Combine(alone, "bin");
    if (!Directory.Exists(folder))
    {
        Mirror(bin, folder);
    }

    File.Copy(made, Path.Combine(folder, Library + ".dll"), overwrite: true);
    HashSet<int> near = [.. all.Where(m => m.File == mutant.File && m.Compiles).Select(m => m.Id)];
    string[] classes = [.. reach.Where(r => near.Count == 0 || r.Value.Mutants.Overlaps(near)).OrderBy(r => r.Value.Seconds > 4).ThenBy(r => r.Value.Mutants.Count).Select(r => r.Key)];
    Outcome outcome = await Test(folder, classes, [], 15 + (3 * classes.Sum(c => reach[c].Seconds))).ConfigureAwait(false);
    return new(mutant.Key, outcome.Status, outcome.By);
}

async Task<Outcome> Test(string folder, string[] classes, Dictionary<string, string> environment, double limit, bool stop = true)
{
    ProcessStartInfo start = new("dotnet") { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
    start.ArgumentList.Add(Path.Combine(folder, TestProject + ".dll"));
    if (stop)
    {
        start.ArgumentList.Add("-stopOnFail");
    }

    start.ArgumentList.Add("-noColor");
    foreach (string name in classes)
    {
        start.ArgumentList.Add("-class");
        start.ArgumentList.Add(name);
    }

    start.Environment["DOTNET_TieredPGO"] = "0";
    foreach ((string name, string value) in environment)
    {
        start.Environment[name] = value;
    }

    using Process process = Process.Start(start)!;
    string? by = null;
    process.OutputDataReceived += (_, line) =>
    {
        if (by is null && line.Data is { } text && text.EndsWith("[FAIL]", StringComparison.Ordinal))
        {
            by = text.Trim();
        }

    };
    process.ErrorDataReceived += (_, _) => { };
    process.BeginOutputReadLine();
    process.BeginErrorReadLine();

    // Idle and endless are told by the time of the processor, since a busy machine makes everything slow.
    TimeSpan spent = TimeSpan.Zero;
    Stopwatch idle = Stopwatch.StartNew();
    while (!process.WaitForExit(TimeSpan.FromMilliseconds(50)))
    {
        await Task.Yield();
        try
        {
            process.Refresh();
            TimeSpan now = process.TotalProcessorTime;
            if (now - spent > TimeSpan.FromMilliseconds(20))
            {
                spent = now;
                idle.Restart();
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended since.
            continue;
        }

        // One that fails is enough, whatever the others wait for.
        if ((by is null || !stop) && idle.Elapsed < TimeSpan.FromSeconds(4) && spent < TimeSpan.FromSeconds(limit))
        {
            continue;
        }

        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return new(by is null ? "timed out" : "killed", by ?? (spent < TimeSpan.FromSeconds(limit) ? "waits" : "no end"));
    }

    process.WaitForExit();
    return process.ExitCode == 0 ? new("survived", "") : new("killed", by ?? $"exit code {process.ExitCode}");
}

// Which class of tests reaches which mutants, measured again where a class has changed.
async Task<Dictionary<string, Reach>> Reached()
{
    string assembly = Hash(File.ReadAllBytes(mutatedFile));
    Dictionary<string, Reach> old = File.Exists(coverageFile) ? JsonSerializer.Deserialize<Dictionary<string, Reach>>(File.ReadAllText(coverageFile))! : [];
    Dictionary<string, string> sources = Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories)
        .GroupBy(f => Path.GetFileNameWithoutExtension(f)).ToDictionary(g => g.Key, g => g.First());
    Dictionary<string, Reach> found = [];
    string[] classes = [.. Tool("dotnet", bin, Path.Combine(bin, TestProject + ".dll"), "-list", "classes").Split('\n', StringSplitOptions.TrimEntries)
        .Where(c => c.StartsWith(Library, StringComparison.Ordinal) && !leftOut.Contains(c.Split('.')[^1]))];
    foreach (string name in classes)
    {
        string stamp = assembly + (sources.TryGetValue(name.Split('.')[^1], out string? file) ? Hash(File.ReadAllBytes(file)) : "");
        if (old.TryGetValue(name, out Reach? reach) && reach.Stamp == stamp)
        {
            found[name] = reach;
            continue;
        }

        string folder = Directory.CreateDirectory(Path.Combine(work, "reach", name)).FullName;
        foreach (string previous in Directory.EnumerateFiles(folder))
        {
            File.Delete(previous);
        }

        Stopwatch watch = Stopwatch.StartNew();
        Outcome outcome = await Test(bin, [name], new() { ["STRYKER_COVERAGE_FILE"] = "reach.txt", ["TMPDIR"] = folder, ["TMP"] = folder }, 60, stop: false).ConfigureAwait(false);
        double seconds = watch.Elapsed.TotalSeconds;
        // To note what is reached slows the code down, which a test with many threads may not like.
        if (outcome.Status != "survived" && (outcome = await Test(bin, [name], [], 60).ConfigureAwait(false)).Status != "survived")
        {
            throw new InvalidOperationException($"{name} fails without a mutant: {outcome.By}");
        }

        HashSet<int> ids = [.. Directory.EnumerateFiles(folder, "reach*").SelectMany(f => File.ReadAllText(f).Split([',', ';'], StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse)];
        found[name] = new(stamp, seconds, ids);
        old[name] = found[name];
        File.WriteAllText(coverageFile, JsonSerializer.Serialize(old));
        Console.WriteLine($"{name} reaches {ids.Count} in {seconds:0.0} s");
    }

    return found;
}

// Without a choice of files the table is also a page of its own.
int List()
{
    Dictionary<string, Result> known = Known();
    Mutant[] wanted = [.. Mutants().Where(Wanted)];
    string? Status(Mutant mutant) => known.TryGetValue(mutant.Key, out Result? result) ? result.Status : null;
    bool IsTried(Mutant mutant) => Status(mutant) is not (null or "does not compile");
    string Row(string name, Mutant[] of)
    {
        int Count(string status) => of.Count(m => Status(m) == status);
        return $"| {name} | {of.Length} | {of.Count(IsTried)} | {Count("killed")} | {Count("timed out")} | {Count("survived")} | {Count("reached by no test")} | {of.Count(m => !m.Compiles && !IsTried(m))} |";
    }

    IGrouping<string, Mutant>[] byFile = [.. wanted.GroupBy(m => m.File)];
    IGrouping<string, Mutant>[] tried = [.. byFile.Where(group => group.Any(IsTried))];
    string table = string.Join('\n',
    [
        "| | Mutants | Tried | Killed | Timed out | Survive | Reached by no test | Not compiled |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        .. tried.Select(group => Row($"`{group.Key}`", [.. group])),
        Row("together", [.. tried.SelectMany(group => group)]),
    ]);
    string untried = $"Not tried: {byFile.Length - tried.Length} files with {wanted.Length - tried.Sum(group => group.Count())} mutants.";
    Console.WriteLine($"{table}\n\n{untried}\n");

    StringBuilder survivors = new();
    foreach (Mutant mutant in wanted.Where(m => Status(m) is "survived" or "reached by no test"))
    {
        survivors.AppendLine(CultureInfo.InvariantCulture, $"{mutant.File}:{mutant.Line}:{mutant.Column} #{mutant.Id} {Status(mutant)}, {mutant.Mutator}\n- {OneLine(mutant.Original)}\n+ {OneLine(mutant.Replacement)}\n");
    }

    File.WriteAllText(Path.Combine(work, "survivors.txt"), survivors.ToString());
    Console.WriteLine(survivors);
    if (files.Length == 0)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(tableFile)!);
        File.WriteAllText(tableFile, $"""
            # Mutants, {DateTime.UtcNow:yyyy-MM-dd}

                dotnet run tests/Mutation/mutate.cs -- {string.Join(' ', args)}

            {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}, .NET {Environment.Version}, Stryker {StrykerVersion}. Mutants of texts are {(texts ? "" : "not ")}among them. The [readme](../tests/Mutation/README.md) says what the columns are.

            {table}

            {untried}

            """.ReplaceLineEndings("\n"));
    }

    return 0;
}

bool Wanted(Mutant mutant) => (texts || !mutant.IsText) && (files.Length == 0 || files.Any(f => Regex.IsMatch(mutant.File, "^" + Regex.Escape(f).Replace("\\*", ".*", StringComparison.Ordinal) + "$")));

List<Mutant> Mutants()
{
    List<Mutant> mutants = [];
    using JsonDocument report = JsonDocument.Parse(File.ReadAllText(reportFile));
    foreach (JsonProperty file in report.RootElement.GetProperty("files").EnumerateObject().OrderBy(f => f.Name, StringComparer.Ordinal))
    {
        string text = file.Value.GetProperty("source").GetString()!.TrimStart('\uFEFF');
        string name = Path.GetRelativePath(source, file.Name).Replace('\\', '/');
        if (!File.Exists(file.Name) || File.ReadAllText(file.Name).TrimStart('\uFEFF') != text)
        {
            throw new InvalidOperationException($"{name} is not what the mutants were made of: build again.");
        }

        string hash = Hash(Encoding.UTF8.GetBytes(text))[..8];
        string[] lines = text.Split('\n');
        foreach (JsonElement m in file.Value.GetProperty("mutants").EnumerateArray())
        {
            (int line, int column) = Place(m.GetProperty("location").GetProperty("start"));
            (int endLine, int endColumn) = Place(m.GetProperty("location").GetProperty("end"));
            string original = line == endLine
                ? lines[line - 1][(column - 1)..(endColumn - 1)]
                : string.Join('\n', [lines[line - 1][(column - 1)..], .. lines[line..(endLine - 1)], lines[endLine - 1][..(endColumn - 1)]]);
            string replacement = m.GetProperty("replacement").GetString() ?? "";
            string mutator = m.GetProperty("mutatorName").GetString()!;
            mutants.Add(new($"{name}|{hash}|{line}:{column}-{endLine}:{endColumn}|{mutator}|{replacement}", name, int.Parse(m.GetProperty("id").GetString()!, CultureInfo.InvariantCulture),
                line, column, lines.Take(line - 1).Sum(l => l.Length + 1) + column - 1, mutator, original, replacement, m.GetProperty("status").GetString() != "CompileError",
                m.TryGetProperty("static", out JsonElement isStatic) && isStatic.ValueKind == JsonValueKind.True));
        }
    }

    return [.. mutants.OrderBy(m => m.File, StringComparer.Ordinal).ThenBy(m => m.Line).ThenBy(m => m.Column)];

    static (int Line, int Column) Place(JsonElement at) => (at.GetProperty("line").GetInt32(), at.GetProperty("column").GetInt32());
}

Dictionary<string, Result> Known()
{
    Dictionary<string, Result> known = [];
    foreach (string line in File.Exists(resultsFile) ? File.ReadLines(resultsFile) : [])
    {
        Result result = JsonSerializer.Deserialize<Result>(line)!;
        known[result.Key] = result;
    }

    return known;
}

static string Tool(string program, string folder, params string[] arguments)
{
    using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true })!;
    string output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}");
}

static void Mirror(string from, string to)
{
    foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
    {
        string target = Path.Combine(to, Path.GetRelativePath(from, file));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(file, target, overwrite: true);
    }
}

static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];

static string OneLine(string text) => Regex.Replace(text, @"\s+", " ");

internal sealed record Mutant(string Key, string File, int Id, int Line, int Column, int Start, string Mutator, string Original, string Replacement, bool Compiles, bool IsStatic)
{
    public bool IsText => Mutator.StartsWith("String", StringComparison.Ordinal);
}

internal sealed record Reach(string Stamp, double Seconds, HashSet<int> Mutants);

internal sealed record Result(string Key, string Status, string By);

internal readonly record struct Outcome(string Status, string By);

/// <summary>A test program that goes from mutant to mutant, until one of them hangs it.</summary>
internal sealed class Host(string program, string hook) : IDisposable
{
    private const int MostInOne = 60;

    private Process? _process;
    private BlockingCollection<string> _lines = [];
    private int _tried;

    /// <summary>A run that was stopped at a failure may end the program ten seconds later, in the middle of another mutant, which is tried again.</summary>
    public Outcome Try(int mutant, string[] classes, double limit) => TryOnce(mutant, classes, limit) ?? TryOnce(mutant, classes, limit) ?? new("timed out", "ended");

    private Outcome? TryOnce(int mutant, string[] classes, double limit)
    {
        if (_process is null || _tried++ == MostInOne)
        {
            Start();
        }

        Process process = _process!;
        TimeSpan begun = process.TotalProcessorTime;
        TimeSpan spent = begun;
        Stopwatch idle = Stopwatch.StartNew();
        string? by = null;
        process.StandardInput.WriteLine(string.Join('\t', [mutant.ToString(CultureInfo.InvariantCulture), "-noColor", "-stopOnFail", .. classes.SelectMany(c => new[] { "-class", c })]));
        process.StandardInput.Flush();
        while (true)
        {
            if (_lines.TryTake(out string? line, TimeSpan.FromMilliseconds(by is null ? 100 : 500)))
            {
                if (line.StartsWith("END", StringComparison.Ordinal))
                {
                    return line == "END 0" && by is null ? new Outcome("survived", "") : new Outcome("killed", by ?? line);
                }

                by ??= line;
                continue;
            }

            if (process.HasExited)
            {
                int code = process.ExitCode;
                Dispose();
                return by is not null ? new Outcome("killed", by) : code is 0 or 1 ? null : new Outcome("killed", $"exit code {code}");
            }

            // Told by its threads and by the time of the processor, since a busy machine makes everything slow.
            try
            {
                process.Refresh();
                spent = process.TotalProcessorTime;
                if (process.Threads.Cast<ProcessThread>().Any(static thread => thread.ThreadState == System.Diagnostics.ThreadState.Running))
                {
                    idle.Restart();
                }
            }
            catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // It has ended since.
                continue;
            }

            // One that fails is enough, whatever the others wait for.
            bool endless = spent - begun > TimeSpan.FromSeconds(limit);
            if (by is not null || endless || idle.Elapsed > TimeSpan.FromSeconds(2))
            {
                Dispose();
                return by is null ? new Outcome("timed out", endless ? "no end" : "waits") : new Outcome("killed", by);
            }
        }
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process = null;
    }

    private void Start()
    {
        Dispose();
        _tried = 1;
        ProcessStartInfo start = new("dotnet", [program]) { WorkingDirectory = Path.GetDirectoryName(program)!, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MUTATION_HOST"] = "1";
        start.Environment["DOTNET_STARTUP_HOOKS"] = hook;
        start.Environment["DOTNET_TieredPGO"] = "0";
        BlockingCollection<string> lines = [];
        _lines = lines;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                lines.Add(text);
            }
        };
        // A stack that overflows is told frame by frame.
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }
}
