using System.Diagnostics;
using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>The program <c>redis-server</c> or <c>valkey-server</c> as a child process, where it is installed.</summary>
public sealed class RedisProcess(string program) : RedisServer
{
    public const string Redis = "redis-server";
    public const string Valkey = "valkey-server";

    private Process? _process;

    /// <summary>One that runs; skips the test where the program is missing.</summary>
    public static async Task<RedisProcess> RunAsync(string program)
    {
        RedisProcess server = new(program);
        await server.StartAsync();
        return server;
    }

    public static void SkipWhereMissing(string program) => Assert.SkipWhen(Find(program) is null, $"There is no {program} on this machine.");

    public override async Task StartAsync()
    {
        SkipWhereMissing(program);
        ProcessStartInfo start = new(Find(program)!, ["--bind", "127.0.0.1", "--port", $"{Port}", "--save", "", "--appendonly", "no", "--daemonize", "no"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(Answers);
    }

    public override async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>It stands still: connections stay open and nothing is answered.</summary>
    public Task StopAsync() => SignalAsync("-STOP");

    public Task ContinueAsync() => SignalAsync("-CONT");

    private async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("kill", [signal, $"{_process!.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private bool Answers()
    {
        try
        {
            using TcpClient client = new("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
