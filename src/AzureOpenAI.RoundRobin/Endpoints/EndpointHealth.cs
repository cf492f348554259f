using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The health of an endpoint: that of its deployment and that of its resource, which other deployments share. The worse of the two counts.</summary>
/// <remarks>Not safe for concurrent use, but for <see cref="IsClean"/>; the balancer's lock guards it.</remarks>
internal readonly struct EndpointHealth(HealthState deployment, HealthState resource)
{
    public HealthState Deployment { get; } = deployment;

    public HealthState Resource { get; } = resource;

    public EndpointState State => (EndpointState)Math.Max((int)Deployment.State, (int)Resource.State);

    /// <inheritdoc cref="HealthState.IsClean"/>
    public bool IsClean => Deployment.IsClean && Resource.IsClean;

    public bool IsHealthy => Deployment.State == EndpointState.Healthy && Resource.State == EndpointState.Healthy;

    /// <inheritdoc cref="HealthState.IsAvailable"/>
    public bool IsAvailable => Deployment.IsAvailable && Resource.IsAvailable;

    public bool IsMisconfigured => Deployment.IsMisconfigured || Resource.IsMisconfigured;

    /// <inheritdoc cref="HealthState.CanAcquire"/>
    public bool CanAcquire => Deployment.CanAcquire && Resource.CanAcquire;

    /// <summary>It is probing, and its only permit is taken.</summary>
    public bool IsBeingProbed => State == EndpointState.Probing && !CanAcquire;

    /// <summary>It is probing for another reason than a rejection, so the number of calls that it takes is not known.</summary>
    public bool IsProbedForFault => IsForFault(Deployment) || IsForFault(Resource);

    /// <summary>If it is not healthy, then because of errors between its answers only.</summary>
    public bool IsIntermittent => Deployment.State == EndpointState.Healthy && Resource.IsIntermittent;

    /// <summary>It was ejected for errors, so a stream that opens without content proves nothing.</summary>
    public bool IsEjectedForErrors => Resource is { State: not EndpointState.Healthy, Reason: OutcomeKind.Failed or OutcomeKind.BrokenAnswer };

    /// <inheritdoc cref="HealthState.NeedsCompletion"/>
    public bool NeedsCompletion => Deployment.NeedsCompletion || Resource.NeedsCompletion;

    /// <summary>Only an answer shows that it has admitted a call: it must complete one, or it is probed on hearsay, and how long a failure takes there is not known.</summary>
    public bool NeedsAnswer => NeedsCompletion || IsProbedOnHearsay(Deployment) || IsProbedOnHearsay(Resource);

    public long UnavailableUntil => Math.Max(
        Deployment.State == EndpointState.Unavailable ? Deployment.UnavailableUntil : long.MinValue,
        Resource.State == EndpointState.Unavailable ? Resource.UnavailableUntil : long.MinValue);

    public long RetryAfterUntil => Math.Max(Deployment.RetryAfterUntil, Resource.RetryAfterUntil);

    public long LastFailedAt => Math.Max(Deployment.LastFailedAt, Resource.LastFailedAt);

    public long LastFailureBeganAt => Deployment.LastFailedAt >= Resource.LastFailedAt ? Deployment.LastFailureBeganAt : Resource.LastFailureBeganAt;

    public TimeSpan LastFailureTook => Timestamps.Max(Deployment.LastFailureTook, Resource.LastFailureTook);

    /// <summary>When the last call with a permit began. It may have been at another deployment of the resource.</summary>
    public long ProbeBeganAt => Math.Max(Deployment.ProbeBeganAt, Resource.ProbeBeganAt);

    public int FailedProbes => Math.Max(Deployment.FailedProbes, Resource.FailedProbes);

    /// <summary>Why it is not healthy: the resource's reason where its state is no better than the deployment's.</summary>
    public OutcomeKind Reason => Resource.State >= Deployment.State ? Resource.Reason : Deployment.Reason;

    /// <summary>Another process said why it is not healthy.</summary>
    public bool IsHearsay => !IsHealthy && (Resource.State >= Deployment.State ? Resource.IsHearsay : Deployment.IsHearsay);

    /// <summary>The health that an outcome concerns: the resource's or the deployment's.</summary>
    public HealthState TargetOf(OutcomeKind kind) => kind switch
    {
        OutcomeKind.CredentialRefused or OutcomeKind.Unreachable or OutcomeKind.Failed or OutcomeKind.BrokenAnswer => Resource,
        _ => Deployment,
    };

    public Permit Acquire(long now) => new(Deployment.Acquire(now), Resource.Acquire(now));

    /// <summary>Returns a permit whose call was not admitted.</summary>
    public void Release(in Permit permit, int epoch)
    {
        if (permit.OfDeployment)
        {
            Deployment.Release(epoch);
        }

        if (permit.OfResource)
        {
            Resource.Release(epoch);
        }
    }

    /// <summary>The deployment has admitted a call that held a permit of it. A call from an earlier epoch changes nothing.</summary>
    public void AdmitAtDeployment(in Permit permit, int epoch, long now)
    {
        if (permit.OfDeployment && epoch >= Deployment.Epoch)
        {
            Deployment.Admit(now);
        }
    }

    /// <summary>The resource has admitted a call that held a permit of it.</summary>
    /// <returns>False where nothing has changed: the call is from an earlier epoch.</returns>
    public bool AdmitAtResource(in Permit permit, int epoch, long now)
    {
        if (!permit.OfResource || epoch < Resource.Epoch)
        {
            return false;
        }

        Resource.Admit(now);
        return true;
    }

    /// <inheritdoc cref="HealthState.Succeeded"/>
    public void Succeeded(int epoch)
    {
        Deployment.Succeeded(epoch);
        Resource.Succeeded(epoch);
    }

    /// <summary>It has another key or api-version from here on.</summary>
    /// <returns>Whether it was misconfigured before, and is available now.</returns>
    public bool Reconfigured(int epoch, long now) =>
        Deployment.Recover(RecoveryReason.Reconfigured, epoch, now) | Resource.Recover(RecoveryReason.Reconfigured, epoch, now);

    private static bool IsProbedOnHearsay(HealthState health) => health is { State: EndpointState.Probing, IsHearsay: true };

    private static bool IsForFault(HealthState health) => health is { State: EndpointState.Probing, Reason: not OutcomeKind.RateLimited };
}
