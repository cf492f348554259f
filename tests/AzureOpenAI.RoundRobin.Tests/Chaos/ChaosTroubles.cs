using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What an endpoint does to each call: its spells of trouble, and what it has room for.</summary>
internal sealed class ChaosTroubles(ChaosRun run, int index, ChaosEndpointPlan plan)
{
    private const double LongestAnswer = 90;

    private long _window;
    private int _used;

    public ChaosAttempt Draw(ChaosCall call, double now)
    {
        ChaosDraw draw = run.Draw;
        Trouble trouble = run.IsHealing ? Trouble.None : plan.Spells.Find(spell => spell.Covers(now) && draw.Chance(spell.Share))?.Trouble ?? Trouble.None;
        (string, string)? hint = trouble switch
        {
            Trouble.ThrottlesForATime or Trouble.IsUnavailableForATime => Hint(Math.Min(290, draw.LogNormal(5, 1.5))),
            Trouble.SpillsOverInVain => draw.Chance(0.8) ? Exactly(Math.Min(290, draw.LogNormal(1, 2))) : null,
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
        else if (trouble == Trouble.None && !run.IsHealing && plan.Bucket?.Take(now, draw.Between(0.3, 1.7)) is { } drains)
        {
            trouble = Trouble.ThrottlesForATime;
            hint = Exactly(drains);
        }

        ChaosPause? pause = trouble switch
        {
            Trouble.StatesAPause => ChaosPause.Draw(draw),
            Trouble.ErrsInItsAnswer => ChaosPause.DrawInBand(draw),
            _ => null,
        };
        double answer = Math.Min(LongestAnswer, run.Plan.IsFast ? draw.LogNormal(0.06, 0.35) : draw.LogNormal(4, 1));
        answer = run.IsHealing ? Math.Min(answer, 0.4 * Math.Min(run.Plan.AttemptTimeout, run.Plan.FirstContentTimeout ?? LongestAnswer)) : answer;
        double latency = trouble switch
        {
            Trouble.None or Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.IsNearItsLimit or Trouble.SpillsOver => answer,
            Trouble.IsSlow => 10 * answer,
            Trouble.Errs or Trouble.FailsBeforeContent or Trouble.IsBroken or Trouble.IsUnforeseen or Trouble.ErrsInItsAnswer or Trouble.FallsSilent or Trouble.Resets => draw.LogNormal(0.2, 1.2),
            Trouble.IsGone => 5,
            Trouble.Refuses => 0.001,
            _ => draw.Between(0.003, 0.08),
        };
        bool streams = call.IsStream && trouble is Trouble.None or Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.IsSlow or Trouble.IsNearItsLimit or Trouble.SpillsOver;
        return new ChaosAttempt(index, now, trouble)
        {
            Latency = run.Plan.AtOnce ? 0 : streams ? latency / 4 : latency,
            Gap = run.Plan.AtOnce ? 0 : latency / call.Pieces,
            BreaksAfter = trouble is Trouble.Cuts or Trouble.HangsInTheMiddle ? draw.Below(call.Pieces + 2) : trouble == Trouble.ErrsInItsAnswer ? draw.Of(0, 0, draw.Below(call.Pieces + 1)) : int.MaxValue,
            Status = trouble switch
            {
                Trouble.SpillsOverInVain => draw.Of(429, 429, 429, 400, 500, 503),
                Trouble.RefusesTheRequest => run.Plan.IsBuilt ? draw.Of(400, 421, 423, 451) : draw.Of(421, 423, 451),
                _ => pause?.Status ?? ChaosFailure.StatusOf(trouble),
            },
            Hint = hint,
            Pause = pause?.Seconds,
            Words = trouble == Trouble.RefusesTheRequest ? "OperationNotSupported" : pause?.Words ?? "",
            Says = [.. pause?.Headers ?? [], .. Says(trouble, now)],
        };
    }

    /// <summary>Fixed windows from the start of time, in which rejected calls count too.</summary>
    private double? Rejects(double now)
    {
        if (plan.WindowLimit is not { } limit || run.IsHealing)
        {
            return null;
        }

        long window = (long)(now / plan.WindowSeconds);
        _used = window == _window ? _used + 1 : 1;
        _window = window;
        return _used > limit ? LeftOfWindow(now) : null;
    }

    private double LeftOfWindow(double now) => (((long)(now / plan.WindowSeconds) + 1) * plan.WindowSeconds) - now;

    /// <summary>What the service says of its limits with each answer, and with some of them only nonsense.</summary>
    private IEnumerable<(string Name, string Value)> Says(Trouble trouble, double now)
    {
        ChaosDraw draw = run.Draw;
        switch (trouble)
        {
            case Trouble.IsNearItsLimit:
                yield return ("x-ratelimit-limit-requests", "100");
                yield return ("x-ratelimit-remaining-requests", draw.Of("3", "0", "-1", "x", "50"));
                yield return ("x-ratelimit-reset-requests", draw.Of("1s", "30s", "0s", "17ms", "", "-3s"));
                yield break;
            case Trouble.SpillsOver:
                yield return (draw.Of("x-ms-spillover-from-deployment", "x-ms-spillover-from-default"), "default");
                yield return ("x-ms-deployment-name", "standard");
                yield break;
            case Trouble.StatesAPause or Trouble.ErrsInItsAnswer:
                // What it says of its limits would be a pause of its own.
                yield break;
            case Trouble.SpillsOverInVain:
                yield return ("x-ms-spillover-error", draw.Of("429", "500", "404"));
                break;
        }

        if (plan.Bucket is { } bucket)
        {
            double percent = run.IsHealing ? 5 : 100 * bucket.Utilization(now);
            yield return ("azure-openai-deployment-utilization", percent.ToString("0.0", CultureInfo.InvariantCulture) + draw.Of("%", ""));
        }

        if (plan is { TellsLimits: true, WindowLimit: { } limit })
        {
            int used = run.IsHealing ? 0 : _used;
            yield return ("x-ratelimit-limit-requests", limit.ToString(CultureInfo.InvariantCulture));
            yield return ("x-ratelimit-remaining-requests", Math.Max(0, limit - used).ToString(CultureInfo.InvariantCulture));
            yield return ("x-ratelimit-reset-requests", LeftOfWindow(now).ToString("0.000", CultureInfo.InvariantCulture) + draw.Of("s", ""));
        }
    }

    private static (string, string) Exactly(double seconds) => ("retry-after-ms", (1000 * seconds).ToString(CultureInfo.InvariantCulture));

    private (string, string)? Hint(double seconds) => plan.Hint switch
    {
        ChaosHint.Exact => Exactly(seconds),
        ChaosHint.Azure => ("x-ms-retry-after-ms", (1000 * seconds).ToString("0", CultureInfo.InvariantCulture)),
        ChaosHint.Seconds => ("Retry-After", Math.Ceiling(seconds).ToString(CultureInfo.InvariantCulture)),
        ChaosHint.Date => ("Retry-After", (run.Time.GetUtcNow() + TimeSpan.FromSeconds(seconds)).ToString("R", CultureInfo.InvariantCulture)),
        _ => null,
    };
}
