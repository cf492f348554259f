using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>The ways in: each makes settings out of what code, a section and variables say, or throws with every fault at once.</summary>
/// <remarks>Each throws <see cref="Microsoft.Extensions.Options.OptionsValidationException"/>, and changes nothing that it is given.</remarks>
internal static class ConfigurationResolver
{
    /// <summary>A pool of the endpoints that code gives. Reads no variable.</summary>
    public static Resolution ForPool(RoundRobinOptions options, Registration registration = default) =>
        Resolve(options, registration, Variables.None, isEnabled: true, renew: renewed => ForPool(renewed, registration));

    /// <summary>A pool, whatever the switch says. Endpoints from code, else from the variable.</summary>
    /// <param name="options">What code says.</param>
    /// <param name="registration">What it is for.</param>
    /// <param name="environment">Looks up an environment variable; null for the process's own.</param>
    public static Resolution ForEnvironment(
        RoundRobinOptions options, Registration registration = default, Func<string, string?>? environment = null) =>
        Resolve(options, registration, Process(environment), isEnabled: true, renew: renewed => ForEnvironment(renewed, registration, environment));

    /// <summary>A pool or the single endpoint, as the switch says.</summary>
    /// <inheritdoc cref="ForEnvironment"/>
    public static Resolution ForSwitch(
        RoundRobinOptions options, Registration registration = default, Func<string, string?>? environment = null) =>
        Resolve(options, registration, Process(environment), isEnabled: null, renew: renewed => ForEnvironment(renewed, registration, environment));

    /// <summary>A registration in a service collection: as the switch says, variables from configuration before the environment.</summary>
    /// <param name="options">What code says.</param>
    /// <param name="registration">What it is for.</param>
    /// <param name="configuration">The application's configuration, if it has one.</param>
    /// <param name="section">What the registration was given: the endpoints, or a section that holds the variables' names.</param>
    /// <param name="httpClients">Makes the client that <see cref="RoundRobinOptions.HttpClientName"/> names; null where no factory is registered. Called at most once, and only where nothing is at fault.</param>
    /// <param name="environment">Looks up an environment variable; null for the process's own.</param>
    /// <param name="runs">Whether there is a pool already, so that it is too late for the switch.</param>
    public static Resolution ForServices(
        RoundRobinOptions options, Registration registration, IConfiguration? configuration, IConfiguration? section,
        Func<string, HttpClient>? httpClients, Func<string, string?>? environment = null, bool runs = false)
    {
        options.Failure?.Throw();
        SectionSource? source = section is null ? null : SectionSource.From(section);
        IConfiguration?[] configurations = [source?.Variables, configuration];
        Variables variables = new(configurations.OfType<IConfiguration>(), environment ?? Environment.GetEnvironmentVariable);
        return Resolve(
            options, registration, variables, isEnabled: runs ? true : null,
            renew: renewed => ForServices(renewed, registration, configuration, section, httpClients, environment, runs: true), source, httpClients, runs);
    }

    /// <summary>A pool of ready-made clients. Of the options only those about attempts count.</summary>
    /// <exception cref="ArgumentException"><paramref name="clients"/> is empty or contains null.</exception>
    public static Resolution ForClients(IEnumerable<IChatClient> clients, RoundRobinOptions? options = null) =>
        ForReadyMade(
            clients, nameof(clients), static (place, client) => new(place, isData: false) { ChatClient = client, MayRepeat = true }, options, Registration.Chat,
            static renewed => ForPool(renewed, Registration.Chat));

    /// <summary>A pool of ready-made generators. Of the options only those about attempts count.</summary>
    /// <exception cref="ArgumentException"><paramref name="generators"/> is empty or contains null.</exception>
    public static Resolution ForGenerators(IEnumerable<IEmbeddingGenerator<string, Embedding<float>>> generators, RoundRobinOptions? options = null) =>
        ForReadyMade(
            generators, nameof(generators), static (place, generator) => new(place, isData: false) { EmbeddingGenerator = generator, MayRepeat = true },
            options, Registration.Embeddings,
            static renewed => ForPool(renewed, Registration.Embeddings));

    private static Resolution ForReadyMade<T>(
        IEnumerable<T> readyMade, string parameter, Func<int, T, EndpointEntry> entryOf, RoundRobinOptions? options, Registration registration,
        Func<RoundRobinOptions, Resolution> renew)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(readyMade, parameter);
        List<EndpointEntry> entries = [];
        foreach (T? one in readyMade)
        {
            entries.Add(entryOf(entries.Count + 1, one ?? throw new ArgumentException($"One of the {parameter} is null.", parameter)));
        }

        if (entries.Count == 0)
        {
            throw new ArgumentException($"There are no {parameter}.", parameter);
        }

        options ??= new RoundRobinOptions();
        RoundRobinOptions attempts = new()
        {
            MaxWait = options.MaxWait,
            AttemptTimeout = options.AttemptTimeout,
            FirstContentTimeout = options.FirstContentTimeout,
            MaxAttempts = options.MaxAttempts,
            Affinity = options.Affinity,
            AffinityKey = options.AffinityKey,
            ClassifyException = options.ClassifyException,
        };
        return new SettingsBuilder(attempts, registration, Variables.None, new Findings(), httpClients: null, renew).Build(isEnabled: true, entries);
    }

    private static Variables Process(Func<string, string?>? environment) => new([], environment ?? Environment.GetEnvironmentVariable);

    private static Resolution Resolve(
        RoundRobinOptions options, Registration registration, Variables variables, bool? isEnabled, Func<RoundRobinOptions, Resolution> renew,
        SectionSource? section = null, Func<string, HttpClient>? httpClients = null, bool runs = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        Findings findings = new();
        EndpointSources sources = new(options, section, variables, findings);
        if (runs)
        {
            sources.WarnIfOff();
        }
        else if (isEnabled is true)
        {
            sources.CheckNotOff();
        }

        bool on = isEnabled ?? sources.IsOn();
        IReadOnlyList<EndpointEntry> entries = on ? sources.ReadPool() : sources.ReadSingle();
        return new SettingsBuilder(options, registration, variables, findings, httpClients, renew).Build(on, entries);
    }
}
