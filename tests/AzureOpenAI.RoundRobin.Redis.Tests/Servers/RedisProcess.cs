using System.Diagnostics;
using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>The program <c>redis-server</c> as a child process, where it is installed.</summary>
public sealed class RedisProcess(params string[] arguments) : RedisServer
{
    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(static folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    private Process? _process;

    public static void SkipWhereMissing() => Assert.SkipWhen(Program is null, "There is no redis-server on this machine.");

    /// <summary>One that runs; skips the test where there is none.</summary>
    public static async Task<RedisProcess> RunAsync()
    {
        SkipWhereMissing();
        RedisProcess server = new();
        await server.StartAsync();
        return server;
    }

    public override async Task StartAsync()
    {
        SkipWhereMissing();
        ProcessStartInfo start = new(Program!, ["--bind", "127.0.0.1", "--port", $"{Port}", "--save", "", "--appendonly", "no", "--daemonize", "no", .. arguments])
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
