using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>The server, seen from the process that makes the calls: this program, started a second time, so that the two share no thread pool and no garbage.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<Reply>> _pending = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Task _reading;
    private int _lastId;

    private ServerProcess(Process process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    public static ServerProcess Start()
    {
        string program = Environment.ProcessPath!;
        ProcessStartInfo start = new(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(typeof(ServerProcess).Assembly.Location);
        }

        start.ArgumentList.Add("--serve");
        return new ServerProcess(Process.Start(start)!);
    }

    public async Task<IReadOnlyList<Address>> StartFleetAsync(int cell, FleetSpec fleet) => (await AskAsync(cell, Verb.Start, fleet)).Addresses!;

    public Task BeginAsync(int cell) => AskAsync(cell, Verb.Begin);

    public async Task<IReadOnlyList<ResourceReport>> EndAsync(int cell) => (await AskAsync(cell, Verb.End)).Ledger!;

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
        _writing.Dispose();
    }

    private async Task<Reply> AskAsync(int cell, Verb verb, FleetSpec? fleet = null)
    {
        int id = Interlocked.Increment(ref _lastId);
        TaskCompletionSource<Reply> answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = answered;
        string line = JsonSerializer.Serialize(new Command(id, cell, verb, fleet), Messages.Json);
        await _writing.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(line);
            await _process.StandardInput.FlushAsync();
        }
        finally
        {
            _writing.Release();
        }

        Reply reply = await answered.Task;
        return reply.Error is null ? reply : throw new InvalidOperationException($"The server failed: {reply.Error}");
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            Reply reply = JsonSerializer.Deserialize<Reply>(line, Messages.Json)!;
            if (_pending.TryRemove(reply.Id, out TaskCompletionSource<Reply>? answered))
            {
                answered.SetResult(reply);
            }
        }

        foreach (TaskCompletionSource<Reply> waiting in _pending.Values)
        {
            waiting.TrySetException(new InvalidOperationException("The server process ended."));
        }
    }
}
