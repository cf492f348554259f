using System.Diagnostics;
using System.Text.Json.Serialization;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents one endpoint of a pool: an Azure OpenAI resource with a deployment, a gateway in front of one, or a ready-made client or generator.
/// </summary>
/// <remarks>
/// Plain settings, read when a pool is built and when <see cref="EndpointPool.Update(RoundRobinOptions)"/> is given them: later changes to an instance are not
/// observed. Not safe for concurrent modification.
/// <see cref="ToString"/> and the debugger never show a key.
/// </remarks>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class EndpointOptions
{
    /// <summary>Gets or sets the name that logs, metrics and <c>EndpointStatus</c> use.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the first label of the host (host and port, such as <c>127.0.0.1-5001</c>, for an IP address or
    /// localhost), with <c>-2</c>, <c>-3</c>, ... where it repeats. At most 100 characters, different from all others without regard to case.
    /// </value>
    public string? Name { get; set; }

    /// <summary>Gets or sets the address of the resource or gateway.</summary>
    /// <value>
    /// An absolute <c>https</c> address (<c>http</c> on loopback only) without user information, and without a query other than an <c>api-version</c>.
    /// A path that ends in <c>/openai/v1</c> selects the v1 route, any other path is the prefix of the classic route. The Target URI of the portals will
    /// do: <see cref="DeploymentName"/> and <see cref="ApiVersion"/> are taken from it, and must not say anything else.
    /// </value>
    public Uri? Endpoint { get; set; }

    /// <summary>Gets or sets the key of the resource.</summary>
    /// <value>The default is <see langword="null"/>: a credential is used. Whitespace around it, such as the line end of a file, is ignored.</value>
    /// <remarks>Read from JSON, but not written to it.</remarks>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWriting)]
    public string? ApiKey { get; set; }

    /// <summary>Gets or sets the credential of this endpoint, for access without a key.</summary>
    /// <value>The default is <see langword="null"/>: <see cref="RoundRobinOptions.Credential"/>.</value>
    public TokenCredential? Credential { get; set; }

    /// <summary>Gets or sets the deployment that answers at this endpoint.</summary>
    /// <value>The default is <see langword="null"/>: that of <see cref="Endpoint"/>, else <see cref="RoundRobinOptions.DeploymentName"/>, else <c>AZURE_OPENAI_DEPLOYMENT</c>.</value>
    public string? DeploymentName { get; set; }

    /// <summary>Gets the deployments at this endpoint by the model that callers ask for.</summary>
    /// <value>Empty by default. Model names are compared without regard to case.</value>
    public IDictionary<string, string> Deployments { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Gets or sets the API that chat calls speak at this endpoint.</summary>
    /// <value>The default is <see langword="null"/>: <see cref="RoundRobinOptions.Api"/>.</value>
    /// <remarks>
    /// <see cref="EndpointApi.Responses"/> takes a v1 address; <c>/openai/v1</c> is added to the address of a resource. Endpoints of both APIs can be in one pool if each
    /// model maps to endpoints of one; calls that name no model go to those of the pool's API.
    /// </remarks>
    public EndpointApi? Api { get; set; }

    /// <summary>Gets or sets the <c>api-version</c> of a classic endpoint; any string the service knows.</summary>
    /// <value>The default is <see langword="null"/>: that of <see cref="Endpoint"/>, else <see cref="RoundRobinOptions.ApiVersion"/>.</value>
    public string? ApiVersion { get; set; }

    /// <summary>Gets or sets the temperature, 0 to 2, for this endpoint's own deployment.</summary>
    /// <value>The default is <see langword="null"/>: <see cref="RoundRobinOptions.Temperature"/>.</value>
    public float? Temperature { get; set; }

    /// <summary>Gets or sets the largest number of output tokens for this endpoint's own deployment.</summary>
    /// <value>The default is <see langword="null"/>: <see cref="RoundRobinOptions.MaxOutputTokens"/>.</value>
    public int? MaxOutputTokens { get; set; }

    /// <summary>Gets or sets the endpoint's share of the calls among those of its priority, 1 to 100.</summary>
    /// <value>The default is 1.</value>
    public int Weight { get; set; } = 1;

    /// <summary>Gets or sets the priority, 0 to 100; 0 is asked first, and a higher number only while no endpoint with a lower one takes calls and has room.</summary>
    /// <value>The default is 0.</value>
    public int Priority { get; set; }

    /// <summary>Gets or sets the requests per minute that this endpoint's own deployment takes.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the limit is learned from the endpoint's rejections. Where it is given, a call that would exceed it goes to the next endpoint, or
    /// waits if there is no other. It is spread evenly over the seconds of the minute, since the service counts requests by seconds.
    /// </value>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Gets or sets the tokens per minute that this endpoint's own deployment takes.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the limit is learned from the endpoint's rejections. Where it is given, a call is charged with a quarter of its
    /// characters and its maximum of output tokens, or 16, as the service does on arrival. That is an estimate, so it refuses no call: a call that would wait
    /// for longer than <see cref="RoundRobinOptions.MaxWait"/> is sent.
    /// </value>
    public int? TokensPerMinute { get; set; }

    /// <summary>Gets or sets a ready-made client that answers chat calls in the pool, instead of an address.</summary>
    /// <value>
    /// The default is <see langword="null"/>. The client stays the caller's and is never disposed here. Beside it only <see cref="EmbeddingGenerator"/> can be
    /// given, and no <see cref="Endpoint"/>, <see cref="ApiKey"/>, <see cref="Credential"/>, <see cref="ApiVersion"/> or <see cref="Api"/>.
    /// </value>
    public IChatClient? ChatClient { get; set; }

    /// <summary>Gets or sets a ready-made generator that makes embeddings in the pool, instead of an address.</summary>
    /// <value>
    /// The default is <see langword="null"/>. The generator stays the caller's and is never disposed here. Beside it only <see cref="ChatClient"/> can be given:
    /// then the two are one endpoint with one state.
    /// </value>
    /// <remarks>
    /// A pool under a <see cref="RoundRobinEmbeddingGenerator"/> takes no ready-made endpoint without a generator, and one under a
    /// <see cref="RoundRobinChatClient"/> none without a <see cref="ChatClient"/>.
    /// </remarks>
    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator { get; set; }

    /// <summary>Returns the name and the host, never a key.</summary>
    /// <returns>A short description for debugging.</returns>
    public override string ToString() =>
        ChatClient is not null || EmbeddingGenerator is not null
            ? $"{Show(Name, "(unnamed)")}: ready-made {string.Join(" and ", new object?[] { ChatClient, EmbeddingGenerator }.OfType<object>().Select(static one => one.GetType().Name))}"
        : $"{Show(Name, "(unnamed)")}: {Show(Endpoint is { IsAbsoluteUri: true } address ? address.Host : null, "(no address)")}, deployment '{Show(DeploymentName ?? (Endpoint is null ? null : TargetAddress.Read(Endpoint).Deployment), "(base)")}'";

    // A key can be pasted into the wrong property.
    private string Show(string? text, string absent) =>
        text is null ? absent
        : TextRules.CanShow(text) && (string.IsNullOrEmpty(ApiKey) || !text.Contains(ApiKey, StringComparison.OrdinalIgnoreCase)) ? text
        : "(not shown)";
}
