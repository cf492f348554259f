using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>One target, and the outcomes that it meets.</summary>
public abstract class HealthStateFixture
{
    private protected readonly FakeTimeProvider _time = new();

    private protected readonly HealthState _health;

    private protected int _generation;

    protected HealthStateFixture() => _health = new(_time, () => 0);

    private protected long Now => _time.GetTimestamp();

    private protected double OutFor => _time.Until(Now, _health.UnavailableUntil).TotalSeconds;

    private protected double StatedFor => _time.Until(Now, _health.RetryAfterUntil).TotalSeconds;

    private protected bool Fail(OutcomeKind kind, double? hint = null, double cost = 0, bool onProbation = false) =>
        _health.TryEject(OutcomeOf(kind, hint), TimeSpan.FromSeconds(cost), onProbation, Now, ++_generation);

    private protected void GoOut(OutcomeKind kind, double? hint = null, double cost = 0, bool onProbation = true)
    {
        Assert.True(Fail(kind, hint, cost, onProbation));
        Assert.Equal((EndpointState.Unavailable, kind, _generation, Now), (_health.State, _health.Reason, _health.Epoch, _health.LastFailedAt));
    }

    private protected void PassAProbe()
    {
        _health.BeginProbing();
        _health.Acquire(Now);
        _health.Admit(Now);
    }

    private protected bool FailLate(double? hint) => _health.FailedLate(OutcomeOf(OutcomeKind.RateLimited, hint), Now, ++_generation);

    private protected static AttemptOutcome OutcomeOf(OutcomeKind kind, double? hint) =>
        new(kind, new InvalidOperationException(), hint: hint is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

    /// <summary>How many calls it takes at once. Takes them all.</summary>
    private protected int Permits()
    {
        int permits = 0;
        for (; _health.CanAcquire && permits < 100; permits++)
        {
            _health.Acquire(Now);
        }

        return permits;
    }
}
