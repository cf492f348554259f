using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Garnet;

namespace Dashboard.Simulation;

/// <summary>More instances of this app, each a process, and a Garnet in this one over which all of them share what they find.</summary>
internal sealed class OtherInstances : IDisposable
{
    private const string Redis = "AZURE_OPENAI_ROUND_ROBIN_REDIS";

    private readonly GarnetServer _garnet;
    private readonly int _count;
    private readonly bool _isAnyPort;
    private readonly string _address;
    private readonly List<Process> _processes = [];

    private OtherInstances(int count, bool isAnyPort)
    {
        (_count, _isAnyPort) = (count, isAnyPort);
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            _address = $"{free.LocalEndpoint}";
        }

        _garnet = new GarnetServer(["--bind", "127.0.0.1", "--port", _address.Split(':')[1], "--lua", "true", "--memory", "32m", "--page", "1m", "--index", "1m", "-q", "--logger-level", "None"]);
        _garnet.Start();
    }

    /// <summary>Reads <c>--instances</c>, and sets where this instance shares.</summary>
    /// <returns>Null where there is to be one only.</returns>
    public static OtherInstances? Prepare(IConfiguration configuration)
    {
        if (configuration.GetValue("instances", 1) is not (> 1 and <= 16 and int instances))
        {
            return null;
        }

        OtherInstances others = new(instances - 1, configuration["urls"]?.EndsWith(":0", StringComparison.Ordinal) is true);
        configuration[Redis] = others._address;
        return others;
    }

    /// <summary>Whether this instance shares with others.</summary>
    public static bool AreThere(IConfiguration configuration) => !string.IsNullOrWhiteSpace(configuration[Redis] ?? configuration.GetConnectionString("redis"));

    /// <summary>Starts them at the ports after the own one, or at any where the own one is any. They make no calls until their page says so.</summary>
    public void Start(SimulatedFleet fleet, Uri own)
    {
        for (int i = 1; i <= _count; i++)
        {
            string url = $"http://{own.Host}:{(_isAnyPort ? 0 : own.Port + i)}";
            ProcessStartInfo start = new(Environment.ProcessPath!, ["--urls", url]);
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            {
                start.ArgumentList.Insert(0, typeof(OtherInstances).Assembly.Location);
            }

            foreach ((string name, string value) in fleet.Variables())
            {
                start.Environment[name] = value;
            }

            start.Environment[Redis] = _address;
            _processes.Add(Process.Start(start)!);
            Console.WriteLine($"Instance {i + 1}: {url}");
        }
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.Dispose();
        }

        _garnet.Dispose();
    }
}
