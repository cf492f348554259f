using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>An endpoint from the inside: what it does to each call that arrives, and whether that call should have come.</summary>
internal sealed class ChaosEndpoint(ChaosRun run, int index, ChaosEndpointPlan plan)
{
    private readonly ChaosRests _rests = new(run.Time);
    private readonly ChaosTroubles _troubles = new(run, index, plan);
    private long? _leftAt;
    private int _departures;

    public int Index { get; } = index;

    public string Name { get; } = $"e{index}";

    public ChaosEndpointPlan Plan { get; } = plan;

    public int Running { get; private set; }

    public int Arrivals { get; private set; }

    /// <summary>It is in the configuration.</summary>
    public bool IsMember => _leftAt is null;

    public void Joins() => _leftAt = null;

    /// <summary>It stays with these deployments besides its own. Of others nothing is known if they come back.</summary>
    public void Keeps(ICollection<string> deployments)
    {
        foreach (string deployment in run.Plan.Models.Where(model => !deployments.Contains(model)))
        {
            _rests.Forget(deployment);
        }
    }

    /// <summary>It is not in the configuration any more. If it comes back nothing is known of it.</summary>
    public void Leaves()
    {
        _departures += IsMember ? 1 : 0;
        _leftAt ??= run.Time.GetTimestamp();
        _rests.Clear();
    }

    public ChaosAttempt Arrive(ChaosCall call, string deployment)
    {
        run.Record.Note($"{call.Id} arrives at {Index}");
        TimeSpan? rest = _rests.LeftOf(deployment);
        run.Check(rest is null, call, $"came to {Name} {rest?.TotalSeconds} s before the time it had named");
        ChaosAttempt? running = call.Attempts.Find(attempt => attempt.Left is null);
        run.Check(running is null, call, $"came to {Name} while its attempt at e{running?.Endpoint} still ran");
        run.Check(!(_leftAt < run.Time.GetTimestamp()), call, $"came to {Name}/{deployment} after it had left");
        run.Check(call.EndedAt is null, call, $"came to {Name} after its end");
        run.Check(call.Maker is null || call.Maker == Index, call, $"came to {Name}, which does not know its conversation");
        run.Check(call.Kind != ChaosKind.Operation || call.Asks == (Name, deployment), call, $"came to {Name}/{deployment}, but was to ask {call.Asks}");
        run.Turns.Check(call, this);
        ChaosAttempt attempt = _troubles.Draw(call, run.Time.Seconds);
        attempt.DeparturesBefore = _departures;
        call.Attempts.Add(attempt);
        Running++;
        Arrivals++;
        return attempt;
    }

    public void Leave(ChaosAttempt attempt)
    {
        if (attempt.Left is null)
        {
            attempt.Left = run.Time.Seconds;
            Running--;
        }
    }

    /// <summary>The rejection reaches the caller at this moment. It says nothing of an endpoint that has come back since, which is a new one.</summary>
    public void Tell(ChaosAttempt attempt, string deployment)
    {
        if (!IsMember || attempt.DeparturesBefore < _departures || (attempt.Pause is null && (attempt.Hint is null || attempt.Status is not (429 or 503))))
        {
            return;
        }

        TimeSpan? pause = attempt.Pause is { } stated ? TimeSpan.FromSeconds(stated)
            : RetryAfter.Parse(name => string.Equals(name, attempt.Hint!.Value.Name, StringComparison.OrdinalIgnoreCase) ? [attempt.Hint.Value.Value] : null, run.Time.GetUtcNow());
        if (pause is not { } rest || rest > AttemptOutcome.LongestHint)
        {
            return;
        }

        // One that also spilled over in vain speaks for all that its resource has, but not for what joins it later.
        string[] scopes = attempt.Trouble switch
        {
            Trouble.IsUnavailableForATime => [ChaosRests.All],
            Trouble.StatesAPause when attempt.Status is not (402 or 403 or 408 or 429) => [ChaosRests.All],
            Trouble.SpillsOverInVain => [.. run.Pool.Endpoints.Where(endpoint => endpoint.Name == Name).Select(endpoint => endpoint.DeploymentName ?? "")],
            _ => [deployment],
        };
        run.Record.Note($"{Name} states {rest} with {attempt.Status} to {string.Join(' ', scopes)} by {string.Join(' ', attempt.Headers.Select(static header => $"{header.Name}={header.Value}"))} {attempt.Words}");
        foreach (string scope in scopes)
        {
            _rests.Add(scope, rest);
        }
    }
}
