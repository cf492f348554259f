using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Garnet;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>The server over which processes share: Garnet, in a process of its own that can be killed and stopped, or one that is there already.</summary>
internal sealed class RedisProcess : IAsyncDisposable
{
    private readonly int _port;
    private Process? _process;

    private RedisProcess(string address, int port) => (Address, _port) = (address, port);

    public string Address { get; }

    /// <summary>Whether it may be killed.</summary>
    public bool IsOwn => _process is not null;

    public static async Task<RedisProcess> StartAsync(string? given)
    {
        if (given is not null)
        {
            return new RedisProcess(given, 0);
        }

        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        RedisProcess redis = new($"127.0.0.1:{port}", port);
        await redis.StartAsync();
        return redis;
    }

    /// <summary>What the process does: it serves until it is killed, or whoever started it is gone.</summary>
    public static void Serve(string port)
    {
        using GarnetServer server = new(["--bind", "127.0.0.1", "--port", port, "--lua", "true", "--memory", "32m", "--page", "1m", "--index", "1m", "-q", "--logger-level", "None"]);
        server.Start();
        Console.WriteLine("ready");
        Console.In.ReadToEnd();
    }

    /// <summary>Does what the scenario says in the middle of its load.</summary>
    public async Task SpoilAsync(RedisFault fault)
    {
        await Task.Delay(TimeSpan.FromSeconds(fault.At));
        switch (fault.Kind)
        {
            case RedisFaultKind.Killed:
                await DisposeAsync();
                await Task.Delay(TimeSpan.FromSeconds(fault.LastsFor));
                await StartAsync();
                break;
            case RedisFaultKind.StandsStill:
                await SignalAsync("-STOP");
                await Task.Delay(TimeSpan.FromSeconds(fault.LastsFor));
                await SignalAsync("-CONT");
                break;
            case RedisFaultKind.Emptied:
                await using (ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"{Address},allowAdmin=true"))
                {
                    await connection.GetDatabase().ExecuteAsync("FLUSHALL");
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "The server itself is never late.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private async Task StartAsync()
    {
        ProcessStartInfo start = SelfStart.With(["--garnet", $"{_port}"]);
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        _process = Process.Start(start)!;
        while (await _process.StandardOutput.ReadLineAsync() is not "ready" and var line)
        {
            _ = line ?? throw new InvalidOperationException("Garnet has ended.");
        }
    }

    private async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("kill", [signal, $"{_process!.Id}"]);
        await kill.WaitForExitAsync();
    }
}
