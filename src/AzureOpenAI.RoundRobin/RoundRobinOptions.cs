using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents the endpoints of a pool, and how its calls behave.
/// </summary>
/// <remarks>
/// Plain settings with no logic, read when the pool is built or updated: later changes to an instance are not observed.
/// Not safe for concurrent modification. Nothing here is ever printed with its keys.
/// </remarks>
public sealed class RoundRobinOptions
{
    /// <summary>Gets the endpoints, in order.</summary>
    /// <value>
    /// Empty by default. Where it stays empty the endpoints come from configuration or from the environment variable
    /// <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c>; lists from different sources are never merged.
    /// </value>
    public IList<EndpointOptions> Endpoints { get; } = [];

    /// <summary>Gets the names of connection strings of the app, each of one endpoint, in order.</summary>
    /// <value>
    /// Empty by default. Each is looked up as <c>ConnectionStrings:name</c> in the configuration, else as <c>ConnectionStrings__name</c> in the environment, in the form in which
    /// Aspire hands it out: <c>Endpoint=...;Key=...;Deployment=...</c>, where <see cref="Credential"/> is used if there is no key. The endpoint has the name of its connection string.
    /// </value>
    /// <remarks>Where <see cref="Endpoints"/> has any they are not read. The constructors, which read no configuration, take none.</remarks>
    public IList<string> ConnectionNames { get; } = [];

    /// <summary>Gets or sets the deployment, or the model looked up in each endpoint's <see cref="EndpointOptions.Deployments"/>.</summary>
    /// <value>
    /// The default is <see langword="null"/>: each endpoint's own deployment, else <c>AZURE_OPENAI_DEPLOYMENT</c>; for embeddings
    /// <c>AZURE_OPENAI_EMBEDDING_DEPLOYMENT</c>, else each endpoint's own.
    /// </value>
    /// <remarks>
    /// An endpoint's own <see cref="EndpointOptions.DeploymentName"/> takes precedence, except in a keyed registration and in one for embeddings.
    /// </remarks>
    public string? DeploymentName { get; set; }

    /// <summary>Gets or sets the API that chat calls speak at endpoints that say nothing of it themselves.</summary>
    /// <value>The default is <see langword="null"/>: <c>AZURE_OPENAI_API</c>, else <see cref="EndpointApi.Chat"/>.</value>
    public EndpointApi? Api { get; set; }

    /// <summary>Gets or sets the <c>api-version</c> of classic endpoints that name none themselves.</summary>
    /// <value>The default is <see langword="null"/>: <c>AZURE_OPENAI_API_VERSION</c>, else the SDK's default, 2024-10-21.</value>
    public string? ApiVersion { get; set; }

    /// <summary>Gets or sets the sampling temperature, 0 to 2, of calls whose own options name none.</summary>
    /// <value>The default is <see langword="null"/>: the service decides.</value>
    public float? Temperature { get; set; }

    /// <summary>Gets or sets the largest number of output tokens of calls whose own options name none.</summary>
    /// <value>The default is <see langword="null"/>: the service decides.</value>
    public int? MaxOutputTokens { get; set; }

    /// <summary>Gets or sets the credential for endpoints that have neither a key nor a credential of their own.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public TokenCredential? Credential { get; set; }

    /// <summary>Gets or sets the scope that credentials are asked for a token of, on both routes.</summary>
    /// <value>
    /// The default is <see langword="null"/>: <c>https://cognitiveservices.azure.com/.default</c>, and the same with <c>.us</c> or <c>.cn</c> for endpoints
    /// in these clouds. Otherwise an absolute <c>https</c> address that ends in <c>/.default</c>, such as <c>https://ai.azure.com/.default</c>, for every
    /// endpoint of the pool that has a credential.
    /// </value>
    public string? CredentialScope { get; set; }

    /// <summary>Gets or sets whether the pool is used at all, or the SDK's own client over a single endpoint.</summary>
    /// <value>
    /// The default is <see langword="null"/>: on where endpoints come from code or from a configuration section, else what
    /// <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> says, else off.
    /// </value>
    /// <remarks>
    /// Read by <c>AddAzureOpenAIRoundRobin</c> and its like for keys and embeddings, and by <see cref="AzureOpenAIRoundRobin"/>. The constructor of
    /// <see cref="EndpointPool"/>, <see cref="EndpointPool.Update(RoundRobinOptions)"/> and the methods <c>FromEnvironment</c> always make a pool:
    /// <see langword="false"/> is a fault there. A registered pool whose options turn to <see langword="false"/> while it runs stays on, and logs a warning.
    /// </remarks>
    public bool? Enabled { get; set; }

    /// <summary>Gets or sets how long a call may wait, in all, while no endpoint can take it.</summary>
    /// <value>The default is 30 seconds, the most is an hour. <see cref="TimeSpan.Zero"/> means that a call never waits.</value>
    public TimeSpan MaxWait { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets the largest number of calls that wait at one time, for each model. A call beyond it is refused at once.</summary>
    /// <value>The default is 10,000. Zero means that no call waits in the queue.</value>
    /// <remarks>
    /// A call that has waited already, and that an endpoint has then failed, returns to its place in any case. A call that every healthy endpoint has just failed pauses
    /// beside the queue, and is not counted.
    /// </remarks>
    public int MaxWaiting { get; set; } = 10_000;

    /// <summary>
    /// Gets or sets the longest time that one attempt may take: to the whole answer; in a stream the longest time in which nothing arrives, be it an update or a comment.
    /// </summary>
    /// <value>The default is 100 seconds, which is the SDK's own, the most is a day. <see cref="Timeout.InfiniteTimeSpan"/> turns it off.</value>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>Gets or sets the longest time to a stream's first content, whatever else arrives. <see cref="AttemptTimeout"/> counts as well.</summary>
    /// <value>The default is <see langword="null"/>: none.</value>
    public TimeSpan? FirstContentTimeout { get; set; }

    /// <summary>Gets or sets the largest number of attempts that one call may make.</summary>
    /// <value>The default is <see langword="null"/>: limited only by the number of healthy endpoints and by <see cref="MaxWait"/>.</value>
    public int? MaxAttempts { get; set; }

    /// <summary>Gets or sets whether ids of conversations, responses and background jobs carry a mark of their endpoint, so that they go back there from any process.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    /// <remarks>
    /// For endpoints with the API <see cref="EndpointApi.Responses"/>. The mark is 15 characters at the end of the id, a hash of address and deployment. The pool takes it off
    /// before the service sees the id. Where ids are handed to other software, <see langword="false"/> leaves them as the service gave them: they then go back to their
    /// endpoint in this process only, as far as it remembers them. Marked ids are understood in either case.
    /// </remarks>
    public bool MarkIds { get; set; } = true;

    /// <summary>Gets or sets whether the stream of a background job that breaks off after its first content goes on at the endpoint that runs the job.</summary>
    /// <value>The default is <see langword="false"/>: it ends with <see cref="ChatStreamInterruptedException"/>.</value>
    /// <remarks>
    /// For streams of the Responses API whose options have <see cref="ChatOptions.AllowBackgroundResponses"/>. The caller sees no break: no text comes twice, and none is missing. Where
    /// the job cannot be read any more within <see cref="MaxWait"/> the stream ends with <see cref="ChatStreamInterruptedException"/> all the same.
    /// </remarks>
    public bool ResumeStreams { get; set; }

    /// <summary>Gets or sets whether a call that asks for the service tier <c>flex</c> goes on to the standard tier where no endpoint takes it as flex at once.</summary>
    /// <value>The default is <see langword="false"/>: it waits for flex, up to <see cref="MaxWait"/>.</value>
    /// <remarks>
    /// A call asks for a tier by <see cref="ChatOptions.RawRepresentationFactory"/>. The service rejects it while it is out of flex, and does not go on by itself. Which tier
    /// answered, <see cref="RoundRobinResponseExtensions.GetRoundRobinServiceTier(ChatResponse)"/> says.
    /// </remarks>
    public bool FallBackFromFlex { get; set; }

    /// <summary>Gets or sets whether calls that share the start of their prompt go to the same endpoint.</summary>
    /// <value>
    /// The default is <see cref="EndpointAffinity.None"/>: every call goes to the next endpoint in turn, whatever its prompt.
    /// </value>
    /// <remarks>
    /// <para>
    /// The service caches the start of a prompt, from 1,024 tokens on, at the deployment that received it. The rotation sends each turn of a
    /// conversation to another one; with <see cref="EndpointAffinity.PromptCache"/> a conversation stays where its prompt is cached. Calls belong to one
    /// conversation if they have the same <c>prompt_cache_key</c> in <see cref="ChatOptions.AdditionalProperties"/> or in the SDK's own options, else the same <see cref="AffinityKey"/>,
    /// else the same <see cref="ChatOptions.ConversationId"/>, else the same instructions, leading system messages, tool names and first user message. Only calls and streams of
    /// <see cref="RoundRobinChatClient"/> have an affinity; a call without any of these takes its turn.
    /// </para>
    /// <para>
    /// The <c>prompt_cache_key</c> in the additional properties is only read here: the SDK's client does not send it. One in
    /// <see cref="ChatOptions.RawRepresentationFactory"/> is read here and sent.
    /// </para>
    /// <para>
    /// A new conversation gets the first endpoint in the order of weighted rendezvous hashing over the names of the endpoints, or the next where
    /// that one has more than its share of the latest conversations. It stays there while it is remembered (the last 10,000
    /// conversations and more). Other processes with the same endpoints place most conversations alike. Give ready-made clients names that stay the same.
    /// While its endpoint is unavailable, or would have more than 8 calls in flight and more than twice its fair share of all (three quarters of all
    /// where there are two), a call goes to the next in the same order. Priorities, failover and waiting do not change.
    /// </para>
    /// <para>
    /// With <see cref="EndpointAffinity.Conversation"/> first turns take their turn in the rotation, so they are spread exactly evenly. Later turns, which have an answer of
    /// the model among their messages, go to the endpoint that answered the first, while it is healthy, not overloaded, and of the best priority; else
    /// they take their turn. Other processes do not know where a conversation began.
    /// </para>
    /// <para>
    /// The calls are spread less evenly: conversations are spread by weight, not calls, so a busy conversation loads its endpoint more, and many calls
    /// with the same prompt go to one endpoint.
    /// </para>
    /// </remarks>
    public EndpointAffinity Affinity { get; set; }

    /// <summary>Gets or sets the selector of a call's conversation key, such as a conversation's or tenant's id.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the start of the prompt is the key. Where the selector returns <see langword="null"/>, the call takes
    /// its turn.
    /// </value>
    /// <remarks>
    /// Needs an <see cref="Affinity"/>. Called once for each call or stream, from any thread and possibly from many at once, so it must
    /// be quick and safe for concurrent use; it must not change its arguments. If it throws, the call takes its turn, and a warning is logged the first
    /// time.
    /// </remarks>
    public Func<IEnumerable<ChatMessage>, ChatOptions?, string?>? AffinityKey { get; set; }

    /// <summary>Gets or sets what says why an attempt failed, by its exception, where the pool cannot know it.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the pool's own rules. A function that returns <see langword="null"/> leaves the exception to them.
    /// </value>
    /// <remarks>
    /// <para>
    /// For ready-made clients of other SDKs. By itself the pool knows the exceptions of the OpenAI and Azure SDKs and of .NET's transport, and reads from any other, and
    /// from its inner ones, a public property <c>StatusCode</c>, <c>Status</c> or <c>HttpStatusCode</c> that is an <see cref="System.Net.HttpStatusCode"/> or a number,
    /// and with it <c>RetryAfter</c> or <c>Headers</c>. An exception that says nothing of this kind goes to each other endpoint once, and then to the caller. Where an app
    /// is trimmed, such properties may be gone.
    /// </para>
    /// <para>
    /// Called once for each failed attempt that neither its caller nor the pool has ended, with the exception as it was thrown, from any thread and possibly from many at
    /// once. What it returns beats the status; a time that the exception states is kept. If it throws, the pool's own rules decide, and a warning is logged the first time.
    /// </para>
    /// </remarks>
    public Func<Exception, EndpointFailureReason?>? ClassifyException { get; set; }

    /// <summary>Gets or sets what carries the pool's findings about its endpoints to other processes, and theirs to it.</summary>
    /// <value>
    /// The default is <see langword="null"/>: in a service collection the <see cref="IPoolBackplane"/> that is registered there, else none, and each process learns for itself.
    /// </value>
    /// <remarks>Read when the pool is built; an update of the pool does not change it. The pool does not dispose it.</remarks>
    [Experimental("AOAIRR001")]
    public IPoolBackplane? Backplane { get; set; }

    /// <summary>Gets or sets the client that carries every request of the pool.</summary>
    /// <value>
    /// The default is <see langword="null"/>: the pool makes its own, with connections renewed every 2 minutes, a connect timeout of
    /// 5 seconds, no cookies and no redirects. A client given here stays the caller's and is never disposed by the pool; its
    /// <see cref="System.Net.Http.HttpClient.Timeout"/> should be infinite, since it would cut <see cref="AttemptTimeout"/> short; its
    /// handler should have a <see cref="SocketsHttpHandler.ConnectTimeout"/>, since without one a call waits for a dead host as long as <see cref="AttemptTimeout"/>
    /// allows; and its handler must not follow redirects (<see cref="SocketsHttpHandler.AllowAutoRedirect"/>), since it would send a key on to wherever they lead. Where it
    /// does, the answer is not taken, and the endpoint rests as misconfigured.
    /// </value>
    public HttpClient? HttpClient { get; set; }

    /// <summary>Gets or sets the name of a client from <see cref="IHttpClientFactory"/> that carries every request of the pool.</summary>
    /// <value>
    /// The default is <see langword="null"/>. Used where the pool is registered in a service collection; the client is created once,
    /// so set <see cref="SocketsHttpHandler.PooledConnectionLifetime"/> on its handler, and set <see cref="SocketsHttpHandler.AllowAutoRedirect"/>
    /// to <see langword="false"/>. A warning is logged at start where the client follows redirects; its handler is not changed, since other code may use the client.
    /// </value>
    public string? HttpClientName { get; set; }

    /// <summary>The section that a registration reads.</summary>
    internal IConfiguration? Section { get; private set; }

    /// <summary>The exception of a registration's own code that should fill these options; thrown to the reader of the options.</summary>
    internal ExceptionDispatchInfo? Failure { get; private set; }

    /// <summary>Takes the options of a section at once, so that what code sets later takes precedence; its endpoints are read with those of all sources.</summary>
    internal void Use(IConfiguration section)
    {
        Section = section;
        SectionOptions.Apply(section, this);
    }

    /// <summary>Lets a registration's code fill these options. It also runs when the configuration is reloaded, on a thread to which it must not throw.</summary>
    internal void Take(Action<RoundRobinOptions> configure)
    {
        try
        {
            configure(this);
        }
#pragma warning disable CA1031 // It is thrown to the reader of the options.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Failure ??= ExceptionDispatchInfo.Capture(exception);
        }
    }

    /// <summary>Returns the number of endpoints and the deployment, never a key.</summary>
    /// <returns>A short description for debugging.</returns>
    public override string ToString() => $"{Endpoints.Count} endpoints, deployment '{Deployment}'";

    // A key can be pasted into the wrong property.
    private string Deployment => DeploymentName is not { } name ? "(each endpoint's own)" : TextRules.CanShow(name) ? name : "(not shown)";
}
