using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Makes settings from code, a section and variables, or throws with all faults at once.</summary>
/// <remarks>Each method throws <see cref="Microsoft.Extensions.Options.OptionsValidationException"/>, and changes none of its arguments.</remarks>
internal static class ConfigurationResolver
{
    /// <summary>A pool of the endpoints in code. Reads no variable.</summary>
    public static Resolution ForPool(RoundRobinOptions options, Registration registration = default) =>
        Resolve(options, registration, Variables.None, isEnabled: true, renew: renewed => ForPool(renewed, registration));

    /// <summary>A pool, without reading the switch. Endpoints from code, else from the variable.</summary>
    /// <param name="options">The options that code has set.</param>
    /// <param name="registration">What the endpoints are resolved for.</param>
    /// <param name="environment">Looks up an environment variable; null for the process's own.</param>
    public static Resolution ForEnvironment(
        RoundRobinOptions options, Registration registration = default, Func<string, string?>? environment = null) =>
        Resolve(options, registration, Process(environment), isEnabled: true, renew: renewed => ForEnvironment(renewed, registration, environment));

    /// <summary>A pool or the single endpoint, by the switch.</summary>
    /// <inheritdoc cref="ForEnvironment"/>
    public static Resolution ForSwitch(
        RoundRobinOptions options, Registration registration = default, Func<string, string?>? environment = null) =>
        Resolve(options, registration, Process(environment), isEnabled: null, renew: renewed => ForEnvironment(renewed, registration, environment));

    /// <summary>A registration in a service collection: a pool or the single endpoint, by the switch; variables come from configuration, else from the environment.</summary>
    /// <param name="options">The options that code has set.</param>
    /// <param name="registration">What the endpoints are resolved for.</param>
    /// <param name="configuration">The application's configuration, if it has one.</param>
    /// <param name="section">The section of the registration: the array of endpoints, or one that holds options and variables by their names.</param>
    /// <param name="httpClients">Creates the client of <see cref="RoundRobinOptions.HttpClientName"/>; null where no factory is registered. Called at most once, and only for a valid configuration.</param>
    /// <param name="environment">Looks up an environment variable; null for the process's own.</param>
    /// <param name="runs">Whether the pool runs already, so that the switch is not read.</param>
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

    /// <summary>A pool of ready-made clients. Only the options about attempts are used.</summary>
    /// <exception cref="ArgumentException"><paramref name="clients"/> is empty or contains null.</exception>
    public static Resolution ForClients(IEnumerable<IChatClient> clients, RoundRobinOptions? options = null) =>
        ForReadyMade(
            clients, nameof(clients), static (place, client) => new(place, isData: false) { ChatClient = client, MayRepeat = true }, options, Registration.Chat,
            static renewed => ForPool(renewed, Registration.Chat));

    /// <summary>A pool of ready-made generators. Only the options about attempts are used.</summary>
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
            MaxWaiting = options.MaxWaiting,
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
        section?.Check(findings);
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
        return new SettingsBuilder(options, registration, variables, findings, httpClients, renew, section).Build(on, entries);
    }
}
