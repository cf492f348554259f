using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>A deployment and its resource, and how they are brought into a state.</summary>
public abstract class EndpointHealthFixture
{
    private protected readonly FakeTimeProvider _time = new(Clocks.Start);
    private protected readonly HealthState _deployment;
    private protected readonly HealthState _resource;
    private protected readonly EndpointHealth _health;
    private protected int _epoch;

    protected EndpointHealthFixture()
    {
        _deployment = new(_time, static () => 0);
        _resource = new(_time, static () => 0);
        _health = new(_deployment, _resource);
    }

    private protected long Now => _time.GetTimestamp();

    private protected double In(long timestamp) => Math.Round(_time.GetElapsedTime(Now, timestamp).TotalSeconds, 4);

    private protected bool Eject(HealthState part, OutcomeKind kind, double? hint = null, double cost = 0, bool onProbation = true) =>
        part.TryEject(BalancerParts.OutcomeOf(kind, hint), TimeSpan.FromSeconds(cost), onProbation, Now, ++_epoch);

    private protected void PassAProbe(HealthState part)
    {
        part.BeginProbing();
        part.Acquire(Now);
        part.Admit(Now);
    }

    private protected void Bring(HealthState part, string state, OutcomeKind reason)
    {
        if (state == "Healthy")
        {
            return;
        }

        Eject(part, reason);
        if (state == "Probing")
        {
            part.BeginProbing();
        }
        else if (state is "Recovering" or "Promoted")
        {
            PassAProbe(part);
            while (state == "Promoted" && !part.TryPromote())
            {
                part.Acquire(Now);
                part.Admit(Now);
            }
        }
    }
}
