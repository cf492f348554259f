using Garnet;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>Garnet in this process, so that whoever builds the tests has a server.</summary>
public sealed class EmbeddedGarnet(bool runsScripts = true) : RedisServer
{
    private GarnetServer? _server;

    public override Task StartAsync()
    {
        string[] scripts = runsScripts ? ["--lua", "true"] : [];
        _server = new GarnetServer(["--bind", "127.0.0.1", "--port", $"{Port}", "--memory", "32m", "--page", "1m", "--index", "1m", "-q", "--logger-level", "None", .. scripts]);
        _server.Start();
        return Task.CompletedTask;
    }

    public override Task KillAsync()
    {
        _server?.Dispose();
        _server = null;
        return Task.CompletedTask;
    }
}
