using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A sample as a user runs it: a process of its own, with no variables but those given.</summary>
internal sealed partial class SampleProcess : IAsyncDisposable
{
    private static readonly string Home =
        typeof(SampleProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "BinDirectory").Value!;

    private static readonly string Configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SampleProcess(string name, IReadOnlyDictionary<string, string> variables, string[]? arguments = null, string? directory = null)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(Home, name, Configuration, $"{name}.dll"), .. arguments ?? ["--urls", "http://127.0.0.1:0"]])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? AppContext.BaseDirectory,
        };
        foreach (string variable in start.Environment.Keys.Where(static key => key.Contains("AZURE_OPENAI", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(variable);
        }

        // Else the secrets of whoever runs the tests would be read.
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        foreach ((string variable, string value) in variables)
        {
            start.Environment[variable] = value;
        }

        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += Read;
        _process.ErrorDataReceived += Read;
        _process.Exited += (_, _) => _listening.TrySetException(new InvalidOperationException("The sample ended before it listened."));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Endpoints as a user writes them, in the variables.</summary>
    public static SampleProcess Start(string name, AzureOpenAISimulator azure, string[]? arguments = null) => new(name, VariablesOf(azure), arguments);

    public static SampleProcess Start(string name, IReadOnlyDictionary<string, string> variables, string[]? arguments = null, string? directory = null) =>
        new(name, variables, arguments, directory);

    public static Dictionary<string, string> VariablesOf(AzureOpenAISimulator azure)
    {
        IEnumerable<string> entries = azure.Resources.Select(static resource =>
            $$"""{ "AZURE_OPENAI_ENDPOINT": "{{resource.Endpoint}}", "AZURE_OPENAI_API_KEY": "{{resource.ApiKey}}", "model": "gpt-4o", "name": "{{resource.Name}}" }""");
        return new()
        {
            ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
            ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = $"[{string.Join(',', entries)}]",
        };
    }

    public Task<Uri> AddressAsync(CancellationToken cancellationToken) => _listening.Task.WaitAsync(cancellationToken);

    public async Task<int> EndAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        // Nobody may have waited for it.
        _ = _listening.Task.Exception;
    }

    private void Read(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not { } text)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(text);
        }

        if (Listening().Match(text) is { Success: true } match)
        {
            _listening.TrySetResult(new Uri(match.Value));
        }
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Listening();
}
