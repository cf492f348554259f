using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A Prometheus that scrapes one address every half second and evaluates the alerts in the folder ops.</summary>
internal sealed partial class Prometheus : IAsyncDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _directory;
    private readonly HttpClient _http;

    private Prometheus(Process process, DirectoryInfo directory, Uri address)
    {
        _process = process;
        _directory = directory;
        _http = new HttpClient { BaseAddress = address };
    }

    /// <summary>Why it cannot be run here, or null if it can.</summary>
    public static string? Absence()
    {
        try
        {
            using Process version = Process.Start(new ProcessStartInfo("prometheus", "--version") { RedirectStandardOutput = true, RedirectStandardError = true })!;
            version.WaitForExit();
            return version.ExitCode == 0 ? null : "prometheus --version failed.";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "Prometheus is not installed. Install Debian's package prometheus.";
        }
    }

    public static async Task<Prometheus> StartAsync(Uri target, CancellationToken cancellationToken)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory();
        await File.WriteAllTextAsync(Path.Combine(directory.FullName, "alerts.yml"), Readme.Text("ops/alerts.yml"), cancellationToken);
        string configuration = Path.Combine(directory.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }
            rule_files: [ alerts.yml ]
            scrape_configs:
              - job_name: shop
                static_configs: [ { targets: [ "{{target.Authority}}" ] } ]
            """,
            cancellationToken);
        Process process = Process.Start(new ProcessStartInfo(
            "prometheus", [$"--config.file={configuration}", $"--storage.tsdb.path={Path.Combine(directory.FullName, "data")}", "--web.listen-address=127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += Read;
        process.ErrorDataReceived += Read;
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException("Prometheus ended before it listened."));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            Prometheus prometheus = new(process, directory, await listening.Task.WaitAsync(cancellationToken));
            // It listens before it has read its storage.
            while (!await prometheus.IsReadyAsync(cancellationToken))
            {
                await Task.Delay(50, cancellationToken);
            }

            return prometheus;
        }
        catch
        {
            await EndAsync(process, directory);
            throw;
        }

        void Read(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is { } text && Listening().Match(text) is { Success: true } match)
            {
                listening.TrySetResult(new Uri($"http://127.0.0.1:{match.Groups["port"].Value}/"));
            }
        }
    }

    /// <summary>The series of the answer; an expression that Prometheus does not take throws.</summary>
    public async Task<JsonElement[]> QueryAsync(string expression, CancellationToken cancellationToken) =>
        [.. (await AskAsync($"api/v1/query?query={Uri.EscapeDataString(expression)}", cancellationToken)).GetProperty("result").EnumerateArray()];

    public async Task<string[]> FiringAsync(CancellationToken cancellationToken) =>
    [
        .. (await AskAsync("api/v1/alerts", cancellationToken)).GetProperty("alerts").EnumerateArray()
            .Where(static alert => alert.GetProperty("state").GetString() == "firing").Select(static alert => alert.GetProperty("labels").GetProperty("alertname").GetString()!),
    ];

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await EndAsync(_process, _directory);
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri("-/ready", UriKind.Relative), cancellationToken);
        return response.IsSuccessStatusCode;
    }

    private async Task<JsonElement> AskAsync(string path, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
        string text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? JsonElement.Parse(text).GetProperty("data") : throw new InvalidOperationException(text);
    }

    private static async ValueTask EndAsync(Process process, DirectoryInfo directory)
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        directory.Delete(recursive: true);
    }

    [GeneratedRegex(@"msg=""Listening on"" address=127\.0\.0\.1:(?<port>\d+)")]
    private static partial Regex Listening();
}
