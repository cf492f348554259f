using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A process of <c>@copilotkit/aimock</c>, a server that others wrote: it knows nothing of this project, and this project nothing of its innards.</summary>
internal sealed partial class Aimock : IAsyncDisposable
{
    public const string Hint = "Run 'npm ci' in tests/AzureOpenAI.RoundRobin.IntegrationTests/aimock (Node 20 or later).";

    private static readonly string Home =
        typeof(Aimock).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "AimockDirectory").Value!;

    private readonly Process _process;

    private Aimock(Process process, Uri endpoint, string key)
    {
        _process = process;
        Endpoint = endpoint;
        Key = key;
    }

    public Uri Endpoint { get; }

    public Uri V1Endpoint => new(Endpoint, "openai/v1/");

    public string Key { get; }

    private static string Program => Path.Combine(Home, "node_modules", "@copilotkit", "aimock", "dist", "cli.js");

    /// <summary>What one has to ask to get the answers in <c>fixtures.json</c>.</summary>
    public static IReadOnlyDictionary<string, string> Answers { get; } = JsonElement.Parse(File.ReadAllText(Path.Combine(Home, "fixtures.json")))
        .GetProperty("fixtures").EnumerateArray()
        .ToDictionary(
            static fixture => fixture.GetProperty("match").GetProperty("userMessage").GetString()!,
            static fixture => fixture.GetProperty("response").GetProperty("content").GetString()!);

    /// <summary>Why it cannot be run here, or null if it can.</summary>
    public static string? Absence()
    {
        if (!File.Exists(Program))
        {
            return $"The npm package @copilotkit/aimock is not installed. {Hint}";
        }

        try
        {
            using Process node = Process.Start(new ProcessStartInfo("node", "--version") { RedirectStandardOutput = true })!;
            node.WaitForExit();
            return node.ExitCode == 0 ? null : $"node --version failed. {Hint}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return $"Node is not installed. {Hint}";
        }
    }

    /// <param name="key">The only key that it accepts.</param>
    /// <param name="arguments">What goes wrong, such as <c>--chaos-drop 0.2</c>.</param>
    public static async Task<Aimock> StartAsync(string key, params string[] arguments)
    {
        ProcessStartInfo start = new("node", [Program, "--port", "0", "--fixtures", Path.Combine(Home, "fixtures.json"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["AIMOCK_API_KEYS"] = key },
        };
        Process process = Process.Start(start)!;
        TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += Read;
        process.ErrorDataReceived += Read;
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException("aimock ended before it listened."));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            return new Aimock(process, await listening.Task.WaitAsync(TestContext.Current.CancellationToken), key);
        }
        catch
        {
            await EndAsync(process);
            throw;
        }

        void Read(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is { } text && Listening().Match(text) is { Success: true } match)
            {
                listening.TrySetResult(new Uri(match.Value + "/"));
            }
        }
    }

    public ValueTask DisposeAsync() => EndAsync(_process);

    private static async ValueTask EndAsync(Process process)
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Listening();
}
