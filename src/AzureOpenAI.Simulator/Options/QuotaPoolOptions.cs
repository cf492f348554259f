namespace AzureOpenAI.Simulator;

/// <summary>
/// Describes a limit that several deployments share, also of several resources.
/// </summary>
/// <remarks>
/// Read once, when the simulator starts; later changes are not observed. Not safe for concurrent use. The service grants quota per subscription, region, model and
/// deployment type (Microsoft Learn, "Manage Azure OpenAI quota").
/// </remarks>
public sealed class QuotaPoolOptions
{
    internal QuotaPoolOptions(string name) => Name = name;

    /// <summary>Gets the name of the pool, by which <see cref="DeploymentOptions.QuotaPool"/> refers to it.</summary>
    public string Name { get; }

    /// <summary>Gets or sets the requests per minute that all deployments of the pool are admitted together. They are judged over <see cref="RequestWindow"/>.</summary>
    /// <value>The default, <see langword="null"/>, is no limit. A pool needs this or <see cref="TokensPerMinute"/>.</value>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Gets or sets the window over which requests are judged. It admits <c>RequestsPerMinute * window / 1 minute</c> of them, rounded down.</summary>
    /// <value>The default is 10 seconds; the service also uses 1 second. At most 60 seconds.</value>
    public TimeSpan RequestWindow { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Gets or sets how requests are judged over the window.</summary>
    /// <value>The default is <see cref="WindowKind.Fixed"/>.</value>
    public WindowKind RequestWindowKind { get; set; }

    /// <summary>Gets or sets the tokens per minute that all deployments of the pool are admitted together, by the estimates made on arrival.</summary>
    /// <value>The default, <see langword="null"/>, is no limit. A pool needs this or <see cref="RequestsPerMinute"/>.</value>
    public int? TokensPerMinute { get; set; }

    /// <summary>Gets or sets the window over which tokens are judged. It admits <c>TokensPerMinute * window / 1 minute</c> of them, rounded down.</summary>
    /// <value>The default is 1 minute, as at the service. A shorter one makes a test shorter. At most 60 seconds.</value>
    public TimeSpan TokenWindow { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Gets or sets how tokens are judged over the window.</summary>
    /// <value>The default is <see cref="WindowKind.Fixed"/>.</value>
    public WindowKind TokenWindowKind { get; set; }

    /// <summary>Gets or sets a value indicating whether rejected requests count against the pool, as they do at the service.</summary>
    /// <remarks>In a bucket they take the room that there is, and no more.</remarks>
    /// <value>The default is <see langword="true"/>.</value>
    public bool CountRejected { get; set; } = true;

    /// <summary>Gets or sets the requests that may run at once on all deployments of the pool, from arrival until the last byte is sent. One more is rejected; how long until room is not known then.</summary>
    /// <value>The default, <see langword="null"/>, is no limit.</value>
    public int? MaxRequestsInFlight { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether the tokens of a request, which are estimated when it arrives, are corrected when it ends, to those that its answer reports, or to
    /// its prompt where there was no answer. What no longer counts when the request ends is not corrected; a bucket always is.
    /// </summary>
    /// <value>The default is <see langword="false"/>: the estimate stays, as at the service.</value>
    public bool CorrectTokens { get; set; }

    internal List<LimitChange> LimitChanges { get; } = [];

    /// <summary>Changes limits at a later time, counted from when the simulator starts. Changes are made in order of time.</summary>
    /// <param name="after">When.</param>
    /// <param name="requestsPerMinute">The requests admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="tokensPerMinute">The tokens admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <returns>This instance.</returns>
    public QuotaPoolOptions ChangeLimits(TimeSpan after, int? requestsPerMinute = null, int? tokensPerMinute = null)
    {
        LimitChanges.Add(new LimitChange(after, requestsPerMinute, tokensPerMinute, null));
        return this;
    }

    /// <summary>
    /// Changes at a later time what a neighbour takes, another user of the same requests and tokens per minute: that part of each is not there for the pool. Headers state the
    /// whole limit, and what remains without the neighbour's part.
    /// </summary>
    /// <param name="after">When, counted from when the simulator starts.</param>
    /// <param name="share">The part that the neighbour takes from then on, from 0 to less than 1. Until the first change it is 0.</param>
    /// <returns>This instance.</returns>
    public QuotaPoolOptions ChangeNeighbour(TimeSpan after, double share)
    {
        LimitChanges.Add(LimitChange.OfNeighbour(after, share));
        return this;
    }
}
