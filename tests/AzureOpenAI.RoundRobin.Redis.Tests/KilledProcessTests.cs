using System.Diagnostics;
using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>A process that is killed while it holds permits leaves nothing that anybody must clean up: its permits age out, and the others go on.</summary>
public sealed class KilledProcessTests
{
    private const int PerMinute = 600;
    private const string Server = "ROUND_ROBIN_TESTS_SERVER";
    private const string Name = "ROUND_ROBIN_TESTS_FLEET";
    private const string HoldsPermits = "ROUND_ROBIN_TESTS_FILE";

    [Theory]
    [InlineData(RedisProcess.Redis)]
    [InlineData(RedisProcess.Valkey)]
    public async Task Others_GoOn_ByPermits(string program)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 1, PerMinute);
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        ProcessStartInfo start = new(Path.ChangeExtension(typeof(KilledProcessTests).Assembly.Location, OperatingSystem.IsWindows() ? ".exe" : null),
            ["-noColor", "-explicit", "only", "-method", $"{typeof(KilledProcessTests).FullName}.{nameof(HoldPermitsUntilKilled)}"])
        {
            Environment = { [Server] = $"127.0.0.1:{server.Port}", [Name] = fleet.Name, [HoldsPermits] = file },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> said = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        process.BeginErrorReadLine();
        try
        {
            await Eventually.TrueAsync(() => process.HasExited || File.Exists(file));
            Assert.False(process.HasExited, process.HasExited ? await said : "");
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);

            string[] answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => fleet[0].AskAsync()));
            Assert.Equal((60, 0), (answers.Length, fleet[0].Alone));
        }
        finally
        {
            process.Kill();
            File.Delete(file);
        }
    }

    /// <summary>What the process does, which is these tests once more. It runs only when it is named.</summary>
    [Fact(Explicit = true)]
    public async Task HoldPermitsUntilKilled()
    {
        string server = Environment.GetEnvironmentVariable(Server) ?? throw new InvalidOperationException($"{Server} is not set: another test starts this one.");
        await using Instance instance = new(
            await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server), Environment.GetEnvironmentVariable(Name)!, PerMinute, static redis => redis.AskTimeout = TimeSpan.FromSeconds(1));
        Task<string>[] calls = [.. Enumerable.Range(0, 200).Select(_ => instance.AskAsync())];
        await Eventually.TrueAsync(() => instance.Pool.Endpoints.Sum(static endpoint => endpoint.Capacity.PermitsInHand(TimeProvider.System.GetTimestamp())) > 20);
        await File.WriteAllTextAsync(Environment.GetEnvironmentVariable(HoldsPermits)!, "", TestContext.Current.CancellationToken);
        await Task.WhenAll(calls);
        await Task.Delay(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }
}
