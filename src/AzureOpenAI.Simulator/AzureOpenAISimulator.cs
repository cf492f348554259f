using System.Net.Sockets;

namespace AzureOpenAI.Simulator;

/// <summary>
/// Several simulated Azure OpenAI resources, each on its own port of 127.0.0.1, spoken to over real HTTP.
/// </summary>
/// <remarks>Safe for concurrent use. Everything ends with <see cref="DisposeAsync"/>: listeners close, open connections are reset, requests that hang end.</remarks>
public sealed class AzureOpenAISimulator : IAsyncDisposable
{
    private const int MostStarts = 5;

    private readonly Dictionary<string, SimulatedResource> _byName;
    private readonly IReadOnlyList<ListenerGate> _gates;
    private readonly SimulatorServer _server;
    private readonly Lock _lock = new();
    private Task? _stopped;

    private AzureOpenAISimulator(IReadOnlyList<SimulatedResource> resources, QuotaPools pools, Ledger ledger, IReadOnlyList<ListenerGate> gates, SimulatorServer server)
    {
        _gates = gates;
        Resources = resources;
        QuotaPools = pools.ByName;
        Ledger = ledger;
        _byName = resources.ToDictionary(resource => resource.Name, StringComparer.OrdinalIgnoreCase);
        _server = server;
    }

    /// <summary>Gets the resources, in the order in which they were added.</summary>
    public IReadOnlyList<SimulatedResource> Resources { get; }

    /// <summary>Gets the limits that deployments share, by name, without regard to case.</summary>
    public IReadOnlyDictionary<string, QuotaPool> QuotaPools { get; }

    /// <summary>Gets the record of every attempt. It can be read after the simulator is disposed.</summary>
    public Ledger Ledger { get; }

    /// <summary>Gets a resource by name, without regard to case.</summary>
    /// <param name="resource">The name of the resource.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="resource"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">There is no such resource.</exception>
    public SimulatedResource this[string resource] => _byName.TryGetValue(resource, out var found)
        ? found
        : throw new ArgumentException($"There is no resource '{resource}'. There are: {string.Join(", ", _byName.Keys)}.", nameof(resource));

    /// <summary>Starts a simulator. When the task is complete, every resource accepts connections.</summary>
    /// <param name="configure">Adds the resources.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <returns>The running simulator.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="configure"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">The options do not hold together; the message names every fault. It never holds a key.</exception>
    /// <exception cref="SocketException">A port that the options ask for is taken.</exception>
    public static Task<AzureOpenAISimulator> StartAsync(Action<SimulatorOptions> configure, CancellationToken cancellationToken = default) =>
        StartAsync(configure, static _ => { }, cancellationToken);

    /// <summary>The same, which says each time which ports there will be before anybody listens on them.</summary>
    internal static async Task<AzureOpenAISimulator> StartAsync(Action<SimulatorOptions> configure, Action<IReadOnlyList<int>> reserved, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configure);

        var options = new SimulatorOptions();
        configure(options);
        OptionsReview.Require(options);

        for (int start = 1; ; start++)
        {
            var simulator = Create(options, out var handler);
            try
            {
                reserved([.. simulator._gates.Select(static gate => gate.Port.Port)]);
                await simulator._server.StartAsync(handler, cancellationToken).ConfigureAwait(false);
                return simulator;
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse && start < MostStarts && options.Resources.All(static resource => resource.Port == 0))
            {
                // Linux gives a port that it chooses to two sockets as long as neither listens, and the first to listen has it. So others are chosen.
                await simulator.DisposeAsync().ConfigureAwait(false);
            }
            catch
            {
                await simulator.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <summary>Stops the simulator at once. May be called more than once.</summary>
    /// <returns>A task that is complete when all ports are free and all requests have ended.</returns>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            return new ValueTask(_stopped ??= StopAsync());
        }
    }

    private static AzureOpenAISimulator Create(SimulatorOptions options, out RequestHandler handler)
    {
        var clock = new SimulatorClock(options.TimeProvider);
        var ledger = new Ledger(options.Resources.Select(resource => resource.Name), options.LedgerCapacity, clock);
        var pools = new QuotaPools(options.QuotaPools, clock);
        var gates = new List<ListenerGate>();
        var resources = new List<SimulatedResource>();
        try
        {
            foreach (var resource in options.Resources)
            {
                gates.Add(new ListenerGate(resource.Port));
                resources.Add(new SimulatedResource(resource, options, pools, clock, unchecked((options.Seed * 397) + resources.Count), gates[^1]));
            }
        }
        catch
        {
            gates.ForEach(gate => gate.Port.Dispose());
            throw;
        }

        handler = new RequestHandler(resources, ledger, options.ContentFilterMarker);
        return new AzureOpenAISimulator(resources, pools, ledger, gates, new SimulatorServer(gates, options.LoggerFactory));
    }

    private async Task StopAsync()
    {
        await _server.StopAsync().ConfigureAwait(false);
        foreach (var gate in _gates)
        {
            await gate.DisposeAsync().ConfigureAwait(false);
        }

        _server.Dispose();
    }
}
