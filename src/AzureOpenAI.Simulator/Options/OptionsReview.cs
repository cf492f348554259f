namespace AzureOpenAI.Simulator;

/// <summary>Collects everything that is wrong with the options, so that it can be said at once.</summary>
internal sealed class OptionsReview
{
    private static readonly string[] ReservedNames = [PresentedCredential.None, PresentedCredential.Unknown, PresentedCredential.Token];

    private readonly List<string> _faults = [];

    public static void Require(SimulatorOptions options)
    {
        var review = new OptionsReview();
        review.Check(options);
        review.Throw(nameof(options));
    }

    /// <summary>Reviews a deployment that is added at run time.</summary>
    public static void Require(DeploymentOptions options, string resource, DeploymentNeighbours neighbours)
    {
        var review = new OptionsReview();
        review.Check(options, resource, neighbours);
        review.Throw(nameof(options));
    }

    public static bool IsKey(string key) => key.Length > 0 && !key.AsSpan().ContainsAnyExceptInRange('!', '~');

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private void Check(SimulatorOptions options)
    {
        Demand(options.TimeProvider is not null, "TimeProvider is null. Set a clock, or leave the default.");
        Demand(options.LedgerCapacity > 0, $"LedgerCapacity is {options.LedgerCapacity}. Keep at least one entry.");
        Demand(options.ContentFilterMarker is not "", "ContentFilterMarker is empty, which every prompt contains. Set a text, or null to turn the filter off.");
        Demand(options.Resources.Count > 0, "There are no resources. Add at least one with AddResource.");

        var pools = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var pool in options.QuotaPools)
        {
            Demand(pools.Add(pool.Name), $"Quota pool '{Printable(pool.Name)}': there are two pools of this name. Rename one.");
            Check(pool);
        }

        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var ports = new HashSet<int>();
        foreach (var resource in options.Resources)
        {
            Demand(names.Add(resource.Name), $"{Of(resource)}: there are two resources of this name. Rename one.");
            Demand(resource.Port == 0 || ports.Add(resource.Port), $"{Of(resource)}: Port {resource.Port} is given to another resource too. Change one, or use 0 for a free port.");
            Check(resource, pools);
        }
    }

    private void Check(QuotaPoolOptions pool)
    {
        string of = $"Quota pool '{Printable(pool.Name)}'";
        Demand(IsName(pool.Name), $"{of}: the name must be 1 to 64 letters, digits, '-', '_' or '.'.");
        Demand(LimitRules.Of(pool).LimitsAnything, $"{of}: it limits nothing. Set TokensPerMinute, RequestsPerMinute or MaxRequestsInFlight.");
        Check(LimitRules.Of(pool), pool.LimitChanges, isProvisioned: false, of);
    }

    private void Check(ResourceOptions resource, HashSet<string> pools)
    {
        string of = Of(resource);
        Demand(IsName(resource.Name), $"{of}: the name must be 1 to 64 letters, digits, '-', '_' or '.'.");
        Demand(!ReservedNames.Contains(resource.Name, StringComparer.OrdinalIgnoreCase), $"{of}: the ledger uses this name for keys that belong to no resource. Choose another.");
        Demand(resource.ApiKey is null || IsKey(resource.ApiKey), $"{of}: ApiKey is empty or holds spaces, control or non-ASCII characters. Set another, or null to generate one.");
        Demand(resource.Port is >= 0 and <= 65535, $"{of}: Port is {resource.Port}. Use 0 for a free port, or 1 to 65535.");
        Demand(resource.PathPrefix is not null && resource.PathPrefix.Trim('/').All(c => c == '/' || IsName(c.ToString())), $"{of}: PathPrefix may hold letters, digits, '-', '_', '.' and '/'.");
        Demand(!string.IsNullOrEmpty(resource.Region) && HeaderText.IsPrintableAscii(resource.Region), $"{of}: Region must be printable ASCII text.");
        Demand(resource.Latency is not null && resource.RejectionLatency is not null, $"{of}: Latency or RejectionLatency is null. Use Latency.None.");

        var neighbours = DeploymentNeighbours.Of(resource, pools);
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var deployment in resource.Deployments)
        {
            Demand(names.Add(deployment.Name), $"{of}: there are two deployments named '{Printable(deployment.Name)}'. Rename one.");
            Check(deployment, resource.Name, neighbours);
        }
    }

    private void Check(DeploymentOptions deployment, string resource, DeploymentNeighbours neighbours)
    {
        string of = $"Resource '{Printable(resource)}', deployment '{Printable(deployment.Name)}'";
        Demand(IsName(deployment.Name), $"{of}: the name must be 1 to 64 letters, digits, '-', '_' or '.'.");
        Demand(deployment.Model is not "", $"{of}: Model is empty. Set a name, or null for the default.");
        Demand(deployment.EmbeddingDimensions is > 0 and <= 65536, $"{of}: EmbeddingDimensions is {deployment.EmbeddingDimensions}. Use 1 to 65536.");
        Demand(deployment.RetryHint is not null, $"{of}: RetryHint is null. Use RetryHint.Exact, or RetryHint.None to say nothing.");
        Demand(deployment.ChunkLatency is not null, $"{of}: ChunkLatency is null. Use Latency.None.");
        Demand(deployment.StreamFormat is { PieceSize: >= 0 }, $"{of}: StreamFormat is null or has a negative PieceSize. Use StreamFormat.Default, or a PieceSize of 0 or more.");
        Demand(
            deployment.PromptCacheExpiry is null || (deployment.PromptCacheExpiry > TimeSpan.Zero && deployment.PromptCacheExpiry <= TimeSpan.FromDays(1)),
            $"{of}: PromptCacheExpiry is {deployment.PromptCacheExpiry}. Use more than zero and at most 24 hours, or null for no cache.");
        Check(LimitRules.Of(deployment), deployment.LimitChanges, deployment.ProvisionedTokensPerMinute is not null, of);
        CheckQuota(deployment, of, neighbours);
        CheckSpillover(deployment, of, neighbours);
    }

    private void CheckQuota(DeploymentOptions deployment, string of, DeploymentNeighbours neighbours)
    {
        bool hasLimits = LimitRules.Of(deployment).LimitsAnything;
        bool isProvisioned = deployment.ProvisionedTokensPerMinute is not null;
        string? pool = deployment.QuotaPool;
        Demand(pool is null || neighbours.HasPool(pool), $"{of}: there is no quota pool '{Printable(pool ?? "")}'. Add it with AddQuotaPool, or correct the name.");
        Demand(pool is null || deployment.LimitChanges.Count == 0, $"{of}: it draws on a QuotaPool, and a change of limits is the pool's. Call ChangeLimits there.");
        Demand(pool is null || !hasLimits, $"{of}: it has limits of its own besides QuotaPool. Set the pool's limits, or leave the pool.");
        Demand(!isProvisioned || (pool is null && !hasLimits), $"{of}: ProvisionedTokensPerMinute comes in place of QuotaPool, TokensPerMinute, RequestsPerMinute and MaxRequestsInFlight. Set one or the other.");
        Demand(deployment.ProvisionedTokensPerMinute is null or > 0, $"{of}: ProvisionedTokensPerMinute is {deployment.ProvisionedTokensPerMinute}. Set a positive number, or null for a standard deployment.");
        Demand(
            deployment.UtilizationWindow > TimeSpan.Zero && deployment.UtilizationWindow <= TimeSpan.FromHours(1),
            $"{of}: UtilizationWindow is {deployment.UtilizationWindow}. Use more than zero and at most 1 hour.");
    }

    private void CheckSpillover(DeploymentOptions deployment, string of, DeploymentNeighbours neighbours)
    {
        if (deployment.SpilloverDeployment is not { } target)
        {
            return;
        }

        Demand(deployment.ProvisionedTokensPerMinute is not null, $"{of}: only a provisioned deployment spills over. Set ProvisionedTokensPerMinute, or no SpilloverDeployment.");
        Demand(
            neighbours.IsStandard(target) && !string.Equals(target, deployment.Name, StringComparison.OrdinalIgnoreCase),
            $"{of}: SpilloverDeployment '{Printable(target)}' is no standard deployment of this resource. Add one of this name, without ProvisionedTokensPerMinute.");
    }

    private void Check(LimitRules limits, IReadOnlyList<LimitChange> changes, bool isProvisioned, string of)
    {
        Demand(limits.TokensPerMinute is null or > 0, $"{of}: TokensPerMinute is {limits.TokensPerMinute}. Set a positive number, or null for no limit.");
        Demand(limits.RequestsPerMinute is null or > 0, $"{of}: RequestsPerMinute is {limits.RequestsPerMinute}. Set a positive number, or null for no limit.");
        Demand(limits.MaxRequestsInFlight is null or > 0, $"{of}: MaxRequestsInFlight is {limits.MaxRequestsInFlight}. Set a positive number, or null for no limit.");
        Demand(Enum.IsDefined(limits.RequestWindowKind) && Enum.IsDefined(limits.TokenWindowKind), $"{of}: a window kind is not a defined value. Use one of WindowKind.");

        bool hasTokenWindow = limits.TokenWindow > TimeSpan.Zero && limits.TokenWindow <= TimeSpan.FromMinutes(1);
        Demand(hasTokenWindow, $"{of}: TokenWindow is {limits.TokenWindow}. Use more than zero and at most 60 seconds.");
        Demand(
            !hasTokenWindow || limits.TokensPerMinute is not > 0 || Limiter.PerWindow(limits.TokensPerMinute.Value, limits.TokenWindow) >= 1,
            $"{of}: TokensPerMinute {limits.TokensPerMinute} admits no token in a TokenWindow of {limits.TokenWindow}. Raise it, or lengthen the window.");

        bool hasWindow = limits.RequestWindow > TimeSpan.Zero && limits.RequestWindow <= TimeSpan.FromMinutes(1);
        Demand(hasWindow, $"{of}: RequestWindow is {limits.RequestWindow}. Use more than zero and at most 60 seconds.");
        Demand(
            !hasWindow || limits.RequestsPerMinute is not > 0 || Limiter.PerWindow(limits.RequestsPerMinute.Value, limits.RequestWindow) >= 1,
            $"{of}: RequestsPerMinute {limits.RequestsPerMinute} admits no request in a RequestWindow of {limits.RequestWindow}. Raise it, or lengthen the window.");
        foreach (var change in hasWindow && hasTokenWindow ? changes : [])
        {
            string? fault = change.FaultFor(limits, isProvisioned);
            Demand(fault is null, $"{of}: {fault}");
        }
    }

    private static string Of(ResourceOptions resource) => $"Resource '{Printable(resource.Name)}'";

    private static string Printable(string name) => string.Concat(name.Select(c => char.IsControl(c) ? '?' : c));

    private void Demand(bool holds, string fault)
    {
        if (!holds)
        {
            _faults.Add(fault);
        }
    }

    private void Throw(string parameter)
    {
        if (_faults.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, ["The simulator's options do not hold together:", .. _faults.Select(fault => "- " + fault)]), parameter);
        }
    }
}
