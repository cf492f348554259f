using System.Globalization;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// How its configuration comes to the pool, at the begin and at each change: by <see cref="EndpointPool.Update"/>, or as to a pool that is registered, by a monitor of options
/// that code or a section of the app's configuration fills.
/// </summary>
internal sealed class ChaosConfiguration : IDisposable
{
    private const string Section = "Chat";

    private readonly ServiceProvider? _services;
    private readonly Written? _written;
    private readonly ConfigurationRoot? _root;
    private readonly ChaosWay _way;
    private RoundRobinOptions _options;
    private bool _throws;

    public ChaosConfiguration(ChaosWay way, RoundRobinOptions options, IEnumerable<IEmbeddingGenerator<string, Embedding<float>>>? generators)
    {
        (_way, _options) = (way, options);
        if (way == ChaosWay.Update)
        {
            First = generators is null ? ConfigurationResolver.ForPool(options) : ConfigurationResolver.ForGenerators(generators, options);
            return;
        }

        _written = new Written();
        _written.Write(InSection());
        _root = new ConfigurationRoot([_written]);
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(_root);
        _ = way == ChaosWay.Section ? services.AddAzureOpenAIRoundRobin(_root.GetSection(Section), Fill) : services.AddAzureOpenAIRoundRobin(Fill);
        _services = services.BuildServiceProvider();
        First = _services.GetRequiredKeyedService<Resolution>(Registration.Chat.Name);
    }

    public Resolution First { get; }

    /// <summary>As a registration does with the pool that it makes; only that here the lots which that draws are the seed's.</summary>
    public void Follow(EndpointPool pool)
    {
        if (_services is not null)
        {
            pool.Follow(_services.GetRequiredService<IOptionsMonitor<RoundRobinOptions>>(), Registration.Chat.Name);
        }
    }

    /// <summary>Hands the pool another configuration, or lets it find it.</summary>
    public void Change(EndpointPool pool, RoundRobinOptions options, bool throws = false)
    {
        (_options, _throws) = (options, throws);
        if (_services is null)
        {
            pool.Update(options);
            return;
        }

        _written!.Write(InSection());
    }

    /// <summary>Whether one that is at fault is thrown at whoever changes it; a registered pool refuses it in silence, but for its log.</summary>
    public bool ThrowsAtFault => _services is null;

    public void Dispose()
    {
        _services?.Dispose();
        _root?.Dispose();
    }

    private void Fill(RoundRobinOptions options)
    {
        if (_throws)
        {
            throw new InvalidOperationException("The app's own code fails.");
        }

        options.MaxWait = _options.MaxWait;
        options.AttemptTimeout = _options.AttemptTimeout;
        options.FirstContentTimeout = _options.FirstContentTimeout;
        options.MaxAttempts = _options.MaxAttempts;
        options.HttpClient = _options.HttpClient;
        options.Affinity = _options.Affinity;
        foreach (EndpointOptions endpoint in _way == ChaosWay.Code ? _options.Endpoints : [])
        {
            options.Endpoints.Add(endpoint);
        }
    }

    private Dictionary<string, string?> InSection()
    {
        Dictionary<string, string?> data = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; _way == ChaosWay.Section && i < _options.Endpoints.Count; i++)
        {
            EndpointOptions endpoint = _options.Endpoints[i];
            string entry = string.Create(CultureInfo.InvariantCulture, $"{Section}:{i}:");
            data[entry + "AZURE_OPENAI_ENDPOINT"] = endpoint.Endpoint!.ToString();
            data[entry + "AZURE_OPENAI_API_KEY"] = endpoint.ApiKey;
            data[entry + "azure_deployment"] = endpoint.DeploymentName;
            data[entry + "name"] = endpoint.Name;
            data[entry + "weight"] = endpoint.Weight.ToString(CultureInfo.InvariantCulture);
            data[entry + "priority"] = endpoint.Priority.ToString(CultureInfo.InvariantCulture);
            foreach ((string name, int? limit) in (ReadOnlySpan<(string, int?)>)[("requests_per_minute", endpoint.RequestsPerMinute), ("tokens_per_minute", endpoint.TokensPerMinute)])
            {
                if (limit is { } number)
                {
                    data[entry + name] = number.ToString(CultureInfo.InvariantCulture);
                }
            }

            foreach ((string model, string deployment) in endpoint.Deployments)
            {
                data[$"{entry}deployments:{model}"] = deployment;
            }
        }

        return data;
    }

    /// <summary>What stands in the app's configuration, as a file does that somebody writes anew.</summary>
    private sealed class Written : ConfigurationProvider
    {
        public void Write(Dictionary<string, string?> data)
        {
            Data = data;
            OnReload();
        }
    }
}
