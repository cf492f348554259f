using System.Globalization;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>An endpoint from the inside: what it does to each call that arrives, and whether that call should have come.</summary>
internal sealed class ChaosEndpoint(ChaosRun run, int index, ChaosEndpointPlan plan)
{
    private const double LongestAnswer = 90;

    /// <summary>All deployments of the resource.</summary>
    private const string All = "*";

    private readonly Dictionary<string, (long Told, long Until)> _rests = [];
    private long? _leftAt;
    private long _window;
    private int _used;

    public int Index { get; } = index;

    public ChaosEndpointPlan Plan { get; } = plan;

    public int Running { get; private set; }

    public int Arrivals { get; private set; }

    public void Joins() => _leftAt = null;

    /// <summary>It stays with these deployments besides its own. Of others nothing is known if they come back.</summary>
    public void Keeps(ICollection<string> deployments)
    {
        foreach (string deployment in run.Plan.Models.Where(model => !deployments.Contains(model)))
        {
            _rests.Remove(deployment);
        }
    }

    /// <summary>It is not in the configuration any more. If it comes back nothing is known of it.</summary>
    public void Leaves()
    {
        _leftAt ??= run.Time.GetTimestamp();
        _rests.Clear();
    }

    public ChaosAttempt Arrive(ChaosCall call, string deployment)
    {
        double now = run.Time.Seconds;
        run.Note($"{call.Id} arrives at {Index}");
        foreach (string scope in (string[])[deployment, All])
        {
            // What is let go in the same moment was under way when it was told.
            if (_rests.TryGetValue(scope, out (long Told, long Until) rest) && rest.Told < run.Time.GetTimestamp() && run.Time.GetTimestamp() < rest.Until)
            {
                run.Report($"{call} came to e{Index} {TimeSpan.FromTicks(rest.Until - run.Time.GetTimestamp()).TotalSeconds} s before the time it had named.");
            }
        }

        if (call.Attempts.Find(attempt => attempt.Left is null) is { } running)
        {
            run.Report($"{call} came to e{Index} while its attempt at e{running.Endpoint} still ran.");
        }

        if (_leftAt < run.Time.GetTimestamp())
        {
            run.Report($"{call} came to e{Index}/{deployment} after it had left.");
        }

        if (call.EndedAt is not null)
        {
            run.Report($"{call} came to e{Index} after its end.");
        }

        run.CheckTurn(call);
        ChaosAttempt attempt = Draw(call, now);
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

    /// <summary>The rejection reaches the caller at this moment.</summary>
    public void Tell(ChaosAttempt attempt, string deployment)
    {
        if (attempt.Hint is not { } hint)
        {
            return;
        }

        TimeSpan? pause = RetryAfter.Parse(hint, static ((string Name, string Value) hint, string name, out string? value) =>
        {
            value = hint.Value;
            return string.Equals(name, hint.Name, StringComparison.OrdinalIgnoreCase);
        }, run.Time.GetUtcNow());
        if (_leftAt is null && pause is { } rest && rest <= AttemptOutcome.LongestHint)
        {
            string scope = attempt.Trouble == Trouble.IsUnavailableForATime ? All : deployment;
            long now = run.Time.GetTimestamp();
            _rests[scope] = (now, Math.Max(now + rest.Ticks, _rests.GetValueOrDefault(scope).Until));
        }
    }

    private ChaosAttempt Draw(ChaosCall call, double now)
    {
        ChaosDraw draw = run.Draw;
        Trouble trouble = run.IsHealing ? Trouble.None : Plan.Spells.Find(spell => spell.Covers(now) && draw.Chance(spell.Share))?.Trouble ?? Trouble.None;
        (string, string)? hint = trouble switch
        {
            Trouble.ThrottlesForATime or Trouble.IsUnavailableForATime => Hint(Math.Min(290, draw.LogNormal(5, 1.5))),
            Trouble.ThrottlesForMilliseconds => ("retry-after-ms", draw.Between(0.2, 150).ToString(CultureInfo.InvariantCulture)),
            Trouble.ThrottlesForHours => ("Retry-After", draw.Between(301, 200_000).ToString("0", CultureInfo.InvariantCulture)),
            Trouble.SaysNonsense => ("Retry-After", draw.Of("-5", "NaN", "1e400", "soon", "0", "Thu, 01 Jan 1970 00:00:00 GMT")),
            _ => null,
        };
        if (trouble == Trouble.None && Rejects(now) is { } left)
        {
            trouble = Trouble.ThrottlesForATime;
            hint = Hint(left);
        }

        double answer = Math.Min(LongestAnswer, run.Plan.IsFast ? draw.LogNormal(0.06, 0.35) : draw.LogNormal(4, 1));
        answer = run.IsHealing ? Math.Min(answer, 0.4 * Math.Min(run.Plan.AttemptTimeout, run.Plan.FirstContentTimeout ?? LongestAnswer)) : answer;
        double latency = trouble switch
        {
            Trouble.None or Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.IsNearItsLimit => answer,
            Trouble.IsSlow => 10 * answer,
            Trouble.Errs or Trouble.FailsBeforeContent or Trouble.IsBroken or Trouble.Resets => draw.LogNormal(0.2, 1.2),
            Trouble.IsGone => 5,
            Trouble.Refuses => 0.001,
            _ => draw.Between(0.003, 0.08),
        };
        bool streams = call.IsStream && trouble is Trouble.None or Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.IsSlow or Trouble.IsNearItsLimit;
        return new ChaosAttempt(Index, now, trouble)
        {
            Latency = run.Plan.AtOnce ? 0 : streams ? latency / 4 : latency,
            Gap = run.Plan.AtOnce ? 0 : latency / call.Pieces,
            BreaksAfter = trouble is Trouble.Cuts or Trouble.HangsInTheMiddle ? draw.Below(call.Pieces + 1) : int.MaxValue,
            Hint = hint,
        };
    }

    /// <summary>Fixed windows from the start of time, in which rejected calls count too.</summary>
    private double? Rejects(double now)
    {
        if (Plan.WindowLimit is not { } limit || run.IsHealing)
        {
            return null;
        }

        long window = (long)(now / Plan.WindowSeconds);
        _used = window == _window ? _used + 1 : 1;
        _window = window;
        return _used > limit ? ((window + 1) * Plan.WindowSeconds) - now : null;
    }

    private (string, string)? Hint(double seconds) => Plan.Hint switch
    {
        ChaosHint.Exact => ("retry-after-ms", (1000 * seconds).ToString(CultureInfo.InvariantCulture)),
        ChaosHint.Azure => ("x-ms-retry-after-ms", (1000 * seconds).ToString("0", CultureInfo.InvariantCulture)),
        ChaosHint.Seconds => ("Retry-After", Math.Ceiling(seconds).ToString(CultureInfo.InvariantCulture)),
        ChaosHint.Date => ("Retry-After", (run.Time.GetUtcNow() + TimeSpan.FromSeconds(seconds)).ToString("R", CultureInfo.InvariantCulture)),
        _ => null,
    };
}
