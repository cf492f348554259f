using System.Diagnostics;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>One attempt as those see it who listen: its span, how long it took, and what became of it. Made only while somebody listens.</summary>
/// <remarks>Used by the flow of its attempt, but for the status, which the request's flow writes.</remarks>
internal sealed class AttemptTrace
{
    public static readonly ActivitySource Source = new(Instruments.MeterName);

    private const string Prefix = "azure_openai.round_robin.";

    private readonly Instruments _instruments;
    private readonly TimeProvider _time;
    private readonly string _endpoint;
    private readonly string _operation;
    private readonly int _number;
    private readonly long _began;
    private readonly Activity? _span;
    private TimeSpan _waited;
    private volatile int _status;
    private string _outcome = OutcomeNames.Of(OutcomeKind.Answered);
    private string? _error;
    private string? _reason;
    private bool _endsCall = true;

    private AttemptTrace(Instruments instruments, TimeProvider time, string endpoint, string operation, int number)
    {
        (_instruments, _time, _endpoint, _operation, _number) = (instruments, time, endpoint, operation, number);
        _span = Start(endpoint);
        _began = time.GetTimestamp();
    }

    /// <summary>Begins under the current span, and makes its own the current one: to be called in an async method, which gives its caller the old one back.</summary>
    public static AttemptTrace Begin(Instruments instruments, TimeProvider time, string endpoint, string operation, int number) =>
        new(instruments, time, endpoint, operation, number);

    /// <summary>The call had waited so long, in all, before this attempt.</summary>
    public void Waited(TimeSpan waited) => _waited = waited;

    /// <summary>Headers have come, with this status.</summary>
    public void Answered(int status) => _status = status;

    /// <param name="outcome">What became of it.</param>
    /// <param name="endsCall">Whether the call is over with it; else whoever goes on tells of the call.</param>
    public void Ended(in AttemptOutcome outcome, bool endsCall)
    {
        _outcome = OutcomeNames.Of(outcome.Kind);
        _error = OutcomeNames.ErrorType(outcome);
        _reason = OutcomeNames.Prose(outcome.Kind);
        _endsCall = endsCall;
        _status = outcome.Status > 0 ? outcome.Status : _status;
    }

    /// <summary>The caller left the stream before its end.</summary>
    public void Left() => _outcome = OutcomeNames.Abandoned;

    public void End()
    {
        _instruments.AttemptEnded(_time.GetElapsedTime(_began), _endpoint, _outcome, _operation, _error);
        if (_endsCall)
        {
            _instruments.CallEnded(_number, _outcome);
        }

        if (_span is not null)
        {
            Stop(_span);
        }
    }

    private static Activity? Start(string endpoint)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        Activity? outer = Activity.Current;
        try
        {
            return Source.StartActivity($"attempt {endpoint}", ActivityKind.Client);
        }
#pragma warning disable CA1031 // A listener that throws must not change the outcome of a call, whatever it throws.
        catch
#pragma warning restore CA1031
        {
            Activity.Current = outer;
            return null;
        }
    }

    private void Stop(Activity span)
    {
        try
        {
            Describe(span);
            span.Stop();
        }
#pragma warning disable CA1031 // A listener that throws must not change the outcome of a call, whatever it throws.
        catch
#pragma warning restore CA1031
        {
        }
    }

    private void Describe(Activity span)
    {
        if (!span.IsAllDataRequested)
        {
            return;
        }

        span.SetTag(Prefix + "endpoint", _endpoint);
        span.SetTag(Prefix + "attempt", _number);
        span.SetTag(Prefix + "outcome", _outcome);
        span.SetTag(Prefix + "wait", _waited.TotalSeconds);
        if (_status > 0)
        {
            span.SetTag("http.response.status_code", _status);
        }

        if (_error is not null)
        {
            span.SetTag("error.type", _error);
            span.SetStatus(ActivityStatusCode.Error, _reason);
        }
    }
}
