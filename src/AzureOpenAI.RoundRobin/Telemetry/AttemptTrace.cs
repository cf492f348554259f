using System.Diagnostics;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>The trace of one attempt: its span, duration and outcome. Created only while a listener is attached.</summary>
/// <remarks>The attempt's flow uses it; only the status is written by the request's flow.</remarks>
internal sealed class AttemptTrace : IStatusListener
{
    public static readonly ActivitySource Source = new(Instruments.MeterName);

    private const string Prefix = "azure_openai.round_robin.";

    private readonly Instruments _instruments;
    private readonly TimeProvider _time;
    private readonly string _endpoint;
    private readonly string _operation;
    private readonly EndpointApi _api;
    private readonly int _number;
    private readonly long _began;
    private readonly Activity? _span;
    private TimeSpan _waited;
    private volatile int _status;
    private volatile bool _isOfResponses;
    private string _outcome = OutcomeNames.Of(OutcomeKind.Answered);
    private string? _error;
    private string? _reason;
    private bool _endsCall = true;

    private AttemptTrace(Instruments instruments, TimeProvider time, string endpoint, EndpointApi api, string operation, int number)
    {
        (_instruments, _time, _endpoint, _api, _operation, _number) = (instruments, time, endpoint, api, operation, number);
        _span = Start(endpoint);
        _began = time.GetTimestamp();
    }

    /// <summary>Begins a span under the current one, and makes it the current one. Called in an async method only, at whose end the old one is current again.</summary>
    public static AttemptTrace Begin(Instruments instruments, TimeProvider time, string endpoint, EndpointApi api, string operation, int number) =>
        new(instruments, time, endpoint, api, operation, number);

    /// <summary>Notes the sum of the call's waits before this attempt.</summary>
    public void Waited(TimeSpan waited) => _waited = waited;

    /// <summary>What an operation of the user's own speaks, only the address of its request says.</summary>
    public void Sent(Uri? address)
    {
        if (_operation == "invoke" && address?.AbsolutePath.Contains("/v1/responses", StringComparison.OrdinalIgnoreCase) == true)
        {
            _isOfResponses = true;
        }
    }

    /// <summary>The headers of the answer have come, with this status.</summary>
    public void Answered(int status) => _status = status;

    /// <param name="outcome">How it ended.</param>
    /// <param name="endsCall">Whether it ends the call, which is then measured here; else the loop measures the call.</param>
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
        if (_isOfResponses || (_api == EndpointApi.Responses && _operation == "chat"))
        {
            span.SetTag("openai.api.type", "responses");
        }

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
