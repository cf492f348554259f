using System.Text;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

/// <summary>The two forms in which connection data can be written.</summary>
public enum Form
{
    Json,
    Section,
}

/// <summary>Short ways to write down what a user gives, and to resolve it without touching the process environment.</summary>
internal static class Given
{
    public const string Key = "0123456789abcdef0123456789ABCDEF";
    public const string Address = "https://east.openai.azure.com";

    /// <summary>One endpoint that lacks nothing, with <paramref name="more"/> members.</summary>
    public static string Entry(string more = "", string address = Address) =>
        $$"""{"AZURE_OPENAI_ENDPOINT":"{{address}}","AZURE_OPENAI_API_KEY":"{{Key}}"{{(more.Length > 0 ? "," + more : "")}}}""";

    public static EndpointOptions Endpoint(string address = Address, Action<EndpointOptions>? configure = null)
    {
        EndpointOptions endpoint = new() { Endpoint = new Uri(address, UriKind.RelativeOrAbsolute), ApiKey = Key };
        configure?.Invoke(endpoint);
        return endpoint;
    }

    public static RoundRobinOptions Options(params EndpointOptions[] endpoints)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        foreach (EndpointOptions endpoint in endpoints)
        {
            options.Endpoints.Add(endpoint);
        }

        return options;
    }

    public static Func<string, string?> Environment(params (string Name, string? Value)[] variables) =>
        name => variables.FirstOrDefault(variable => variable.Name == name).Value;

    public static IConfiguration Configuration(params (string Name, string? Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Name, v.Value))).Build();

    public static IConfiguration JsonConfiguration(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();

    /// <summary>Resolves <paramref name="json"/> as a variable, or as the section that the JSON provider makes of it.</summary>
    public static Resolution Read(Form form, string json, RoundRobinOptions? options = null, Registration registration = default)
    {
        options ??= new RoundRobinOptions { DeploymentName = "gpt-4o" };
        return form == Form.Json
            ? ConfigurationResolver.ForEnvironment(options, registration, Environment((VariableNames.Connection, json)))
            : Services(options, section: JsonConfiguration($$"""{"Pool":{{json}}}""").GetSection("Pool"), registration: registration);
    }

    public static Resolution Services(
        RoundRobinOptions? options = null, IConfiguration? configuration = null, IConfiguration? section = null,
        Func<string, string?>? environment = null, Registration registration = default) =>
        ConfigurationResolver.ForServices(
            options ?? new RoundRobinOptions { DeploymentName = "gpt-4o" }, registration, configuration, section,
            static _ => throw new InvalidOperationException("No client was asked for."), environment ?? Environment());

    /// <summary>The faults, after seeing to it that no key is among them.</summary>
    public static string[] Faults(Func<Resolution> resolve)
    {
        OptionsValidationException exception = Assert.Throws<OptionsValidationException>(() => { resolve(); });
        Assert.DoesNotContain(Key, exception.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.Null(exception.InnerException);
        string[] faults = [.. exception.Failures];
        Assert.DoesNotContain(faults, fault => fault.Contains(Key, StringComparison.OrdinalIgnoreCase));
        return faults;
    }

    /// <summary>The only fault there is.</summary>
    public static string Fault(Func<Resolution> resolve) => Assert.Single(Faults(resolve));

    public static string Fault(Form form, string json) => Fault(() => Read(form, json));
}

internal sealed class StubCredential : TokenCredential
{
    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => default;

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) => default;
}

internal sealed class StubChatClient(string? providerAddress = null) : IChatClient
{
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) && providerAddress is not null
            ? new ChatClientMetadata("stub", new Uri(providerAddress, UriKind.RelativeOrAbsolute))
            : null;

    public void Dispose()
    {
    }
}
