using System.Diagnostics;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>A process that makes calls, seen from the one that has started it.</summary>
internal sealed class CallerProcess : IDisposable
{
    private readonly Process _process;

    private CallerProcess(Process process) => _process = process;

    /// <param name="specs">One for each of the processes that this one stands for.</param>
    /// <returns>The process, once it is ready.</returns>
    public static async Task<CallerProcess> StartAsync(IReadOnlyList<CallerSpec> specs)
    {
        ProcessStartInfo start = SelfStart.With(["--caller"]);
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        CallerProcess caller = new(Process.Start(start)!);
        await caller.TellAsync(JsonSerializer.Serialize(specs, Messages.Json));
        await caller.ReadAsync();
        return caller;
    }

    public Task BeginAsync() => TellAsync("begin");

    public async Task<CallerReport[]> EndAsync()
    {
        CallerReport[] reports = JsonSerializer.Deserialize<CallerReport[]>(await ReadAsync(), Messages.Json)!;
        await _process.WaitForExitAsync();
        return reports;
    }

    public void Dispose() => _process.Dispose();

    private async Task TellAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    private async Task<string> ReadAsync() => await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("A process that makes calls has ended.");
}
