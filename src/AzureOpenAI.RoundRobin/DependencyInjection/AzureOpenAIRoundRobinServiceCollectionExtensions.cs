using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Chat;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Embeddings;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Registers an <see cref="IChatClient"/> or an embedding generator over several Azure OpenAI endpoints.
/// </summary>
/// <remarks>
/// Each registration is a singleton with its own pool, which the container owns. That of a chat client can be resolved as <see cref="EndpointPool"/>,
/// with the same key if any; every client and generator answers <c>GetService</c> for its own.
/// The endpoints come from code, else from the section, else from <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c>, looked up in the app's configuration
/// and then in the environment. While the switch <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> is off the client is the SDK's own over one endpoint, and
/// there is no pool. Faults stop the host at its start; where there is no host, the first resolve throws. Registering twice adds nothing twice.
/// A pool follows its options and the configuration while the app runs, as <see cref="EndpointPool.Update(RoundRobinOptions)"/> does; an invalid configuration is refused whole
/// and logged, and the pool keeps the old one. The switch, and a single endpoint while it is off, are read at the start only.
/// </remarks>
[SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "The second parameters differ in kind, so no call is ambiguous.")]
public static class AzureOpenAIRoundRobinServiceCollectionExtensions
{
    /// <summary>Registers the app's chat client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets what configuration does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for the middleware around the client, such as <c>UseFunctionInvocation</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is <see langword="null"/>.</exception>
    public static ChatClientBuilder AddAzureOpenAIRoundRobin(this IServiceCollection services, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        Register(services, Registration.Chat, configure);
        services.TryAddSingleton(provider => CreatePool(provider, Registration.Chat)!);
        return services.AddChatClient(provider => CreateClient(provider, Registration.Chat, provider.GetService<EndpointPool>()));
    }

    /// <summary>Registers the app's chat client, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the options by their names, or the variables by theirs.</param>
    /// <param name="configure">Sets what the section does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for the middleware around the client, such as <c>UseFunctionInvocation</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    public static ChatClientBuilder AddAzureOpenAIRoundRobin(this IServiceCollection services, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.Chat, section);
        return services.AddAzureOpenAIRoundRobin(configure);
    }

    /// <summary>
    /// Registers another chat client under a key, for a second model. It reads the same variables, shares no state with other registrations,
    /// and takes over neither their temperature nor their token limit.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="configure">Names the deployment, and what else configuration does not say, or <see langword="null"/>.</param>
    /// <remarks>
    /// The key is text, since it is also the name of the registration's <see cref="RoundRobinOptions"/>, for <c>Configure&lt;RoundRobinOptions&gt;(key, ...)</c>,
    /// and appears in messages about them. The client is a singleton, since its pool must keep what it has learned of the endpoints.
    /// </remarks>
    /// <returns>A builder for the middleware around the client, such as <c>UseFunctionInvocation</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="serviceKey"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static ChatClientBuilder AddKeyedAzureOpenAIRoundRobin(this IServiceCollection services, string serviceKey, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        Registration registration = Registration.Keyed(serviceKey);
        Register(services, registration, configure);
        services.TryAddKeyedSingleton(serviceKey, (provider, _) => CreatePool(provider, registration)!);
        return services.AddKeyedChatClient(serviceKey, provider => CreateClient(provider, registration, provider.GetKeyedService<EndpointPool>(serviceKey)));
    }

    /// <summary>Registers another chat client under a key, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the options by their names, or the variables by theirs.</param>
    /// <param name="configure">Names the deployment, and what else the section does not say, or <see langword="null"/>.</param>
    /// <inheritdoc cref="AddKeyedAzureOpenAIRoundRobin(IServiceCollection, string, Action{RoundRobinOptions}?)" path="/remarks"/>
    /// <returns>A builder for the middleware around the client, such as <c>UseFunctionInvocation</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/>, <paramref name="serviceKey"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static ChatClientBuilder AddKeyedAzureOpenAIRoundRobin(
        this IServiceCollection services, string serviceKey, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.Keyed(serviceKey), section);
        return services.AddKeyedAzureOpenAIRoundRobin(serviceKey, configure);
    }

    /// <summary>
    /// Registers the app's embedding generator. It reads the same variables as the chat client, shares no state with it, and takes its deployment from
    /// <see cref="RoundRobinOptions.DeploymentName"/>, else from <c>AZURE_OPENAI_EMBEDDING_DEPLOYMENT</c>, else from each endpoint; never from
    /// <c>AZURE_OPENAI_DEPLOYMENT</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets what configuration does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for what stands around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is <see langword="null"/>.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        RegisterGenerator(services, Registration.Embeddings, configure);
        return services.AddEmbeddingGenerator(provider => CreateGenerator(provider, Registration.Embeddings));
    }

    /// <summary>Registers the app's embedding generator, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the options by their names, or the variables by theirs.</param>
    /// <param name="configure">Sets what the section does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for what stands around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.Embeddings, section);
        return services.AddAzureOpenAIRoundRobinEmbeddingGenerator(configure);
    }

    /// <summary>
    /// Registers another embedding generator under a key, for a second model. It reads the same variables and shares no state with other registrations, with
    /// a chat client of the same key neither.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="configure">Names the deployment, and what else configuration does not say, or <see langword="null"/>.</param>
    /// <remarks>
    /// The key is text, since the registration's <see cref="RoundRobinOptions"/> and messages about them are named after it: the options are those for
    /// <c>Configure&lt;RoundRobinOptions&gt;("AzureOpenAI.RoundRobin.Embeddings:" + key, ...)</c>. The generator is a singleton, since its pool has to live as long as what it has learned of the endpoints is of use.
    /// </remarks>
    /// <returns>A builder for what stands around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="serviceKey"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, string serviceKey, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        Registration registration = Registration.KeyedEmbeddings(serviceKey);
        RegisterGenerator(services, registration, configure);
        return services.AddKeyedEmbeddingGenerator(serviceKey, provider => CreateGenerator(provider, registration));
    }

    /// <summary>Registers another embedding generator under a key, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the options by their names, or the variables by theirs.</param>
    /// <param name="configure">Names the deployment, and what else the section does not say, or <see langword="null"/>.</param>
    /// <inheritdoc cref="AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(IServiceCollection, string, Action{RoundRobinOptions}?)" path="/remarks"/>
    /// <returns>A builder for what stands around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/>, <paramref name="serviceKey"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, string serviceKey, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.KeyedEmbeddings(serviceKey), section);
        return services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(serviceKey, configure);
    }

    private static void UseSection(IServiceCollection services, Registration registration, IConfiguration section)
    {
        services.Configure<RoundRobinOptions>(registration.Name, options => options.Use(section));
        // A section of the app's own configuration is followed with that; otherwise each change would be taken, and logged, twice.
        services.AddSingleton<IOptionsChangeTokenSource<RoundRobinOptions>>(provider => new ConfigurationChanges(
            registration.Name, ConfigurationChanges.AreSame(section, provider.GetService<IConfiguration>()) ? null : section));
    }

    private static void Register(IServiceCollection services, Registration registration, Action<RoundRobinOptions>? configure)
    {
        string name = registration.Name;
        services.AddOptions<RoundRobinOptions>(name).ValidateOnStart();
        if (configure is not null)
        {
            services.Configure<RoundRobinOptions>(name, options => options.Take(configure));
        }

        if (services.Any(service => service.ServiceType == typeof(Resolution) && Equals(service.ServiceKey, name)))
        {
            return;
        }

        services.AddSingleton<IValidateOptions<RoundRobinOptions>>(provider => new RegistrationValidator(provider, registration));
        services.AddSingleton<IOptionsChangeTokenSource<RoundRobinOptions>>(provider => new ConfigurationChanges(name, provider.GetService<IConfiguration>()));
        services.AddKeyedSingleton(name, (provider, _) => RegistrationResolution.Of(
            provider, provider.GetRequiredService<IOptionsMonitor<RoundRobinOptions>>().Get(name), registration));
    }

    private static EndpointPool? CreatePool(IServiceProvider provider, Registration registration)
    {
        Resolution resolution = provider.GetRequiredKeyedService<Resolution>(registration.Name);
        if (!resolution.IsEnabled)
        {
            return null;
        }

        EndpointPool pool = new(
            resolution, provider.GetService<ILoggerFactory>(), provider.GetService<TimeProvider>(), provider.GetService<IMeterFactory>(), backplane: provider.GetService<IPoolBackplane>());
        pool.Follow(provider.GetRequiredService<IOptionsMonitor<RoundRobinOptions>>(), registration.Name);
        return pool;
    }

    private static IChatClient CreateClient(IServiceProvider provider, Registration registration, EndpointPool? pool)
    {
        if (pool is not null)
        {
            return new RoundRobinChatClient(pool, leaveOpen: true);
        }

        return PlainChatClient.Create(SingleOf(provider, registration));
    }

    /// <summary>The one endpoint while the switch is off.</summary>
    private static PoolSettings SingleOf(IServiceProvider provider, Registration registration)
    {
        Resolution resolution = provider.GetRequiredKeyedService<Resolution>(registration.Name);
        PoolLog.Of(provider.GetService<ILoggerFactory>()).Write(resolution.Warnings);
        return resolution.Settings;
    }

    /// <summary>The pool stands under the registration's own name, so that it is neither the chat client's nor taken for it, and the container disposes it.</summary>
    private static void RegisterGenerator(IServiceCollection services, Registration registration, Action<RoundRobinOptions>? configure)
    {
        Register(services, registration, configure);
        services.TryAddKeyedSingleton(registration.Name, (provider, _) => CreatePool(provider, registration)!);
    }

    private static IEmbeddingGenerator<string, Embedding<float>> CreateGenerator(IServiceProvider provider, Registration registration) =>
        provider.GetKeyedService<EndpointPool>(registration.Name) is { } pool
            ? new RoundRobinEmbeddingGenerator(pool, leaveOpen: true)
            : PlainEmbeddingGenerator.Create(SingleOf(provider, registration));
}
