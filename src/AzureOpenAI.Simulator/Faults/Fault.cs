using System.Globalization;
using System.Net;

namespace AzureOpenAI.Simulator;

/// <summary>
/// A fault and its conditions. Without a condition it applies to every request until it is removed.
/// </summary>
/// <remarks>
/// Immutable: the methods that add a condition return a new fault. Conditions combine: <c>Fault.Status(500).ForStreams().WithProbability(0.5).Times(3)</c>.
/// A fault that answers, hangs or resets comes before keys and limits and is not counted by the limits; one that spoils the answer in the middle comes to requests that
/// have passed them.
/// </remarks>
public sealed partial class Fault
{
    private Fault(FaultKind kind, string name)
    {
        Kind = kind;
        Name = name;
    }

    /// <summary>Gets what the fault does.</summary>
    public FaultKind Kind { get; }

    /// <summary>Gets the name under which the ledger records the fault, such as <c>status 500</c> or <c>cut after 3 events</c>.</summary>
    public string Name { get; private init; }

    internal FaultResponse? Answer { get; private init; }

    internal Latency Wait { get; private init; } = Latency.None;

    internal int Events { get; private init; }

    internal string Text { get; private init; } = "";

    internal string? Code { get; private init; }

    internal bool IsOnArrival => Kind <= FaultKind.Delay;

    /// <summary>Answers with an error status and the body that the service sends with it.</summary>
    /// <param name="status">The status, 400 to 599.</param>
    /// <param name="message">The message in the body; by default one that fits the status.</param>
    /// <param name="code">The code in the body; by default the status.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="status"/> is not between 400 and 599.</exception>
    public static Fault Status(int status, string? message = null, string? code = null)
    {
        if (status is < 400 or > 599)
        {
            throw new ArgumentOutOfRangeException(nameof(status), status, "An error status is between 400 and 599.");
        }

        string body = ErrorBodies.Error(code ?? status.ToString(CultureInfo.InvariantCulture), message ?? ErrorBodies.DefaultMessage(status));
        return Respond(status, body, MediaTypes.Json);
    }

    /// <summary>Answers 429, with a hint when to come again in <c>Retry-After</c> (whole seconds, rounded up) and <c>retry-after-ms</c> (exact).</summary>
    /// <param name="retryAfter">The hint; <see langword="null"/> sends none.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="retryAfter"/> is negative.</exception>
    public static Fault Throttle(TimeSpan? retryAfter = null)
    {
        var fault = Status(429);
        if (retryAfter is not { } wait)
        {
            return fault;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(wait, TimeSpan.Zero, nameof(retryAfter));
        return fault
            .WithHeader("Retry-After", ((long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture))
            .WithHeader("retry-after-ms", ((long)Math.Ceiling(wait.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Answers with any status and any body.</summary>
    /// <param name="status">The status, 200 to 599.</param>
    /// <param name="body">The body, sent as UTF-8. May be empty.</param>
    /// <param name="contentType">The content type; <see langword="null"/> sends none.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="status"/> is not between 200 and 599.</exception>
    /// <exception cref="ArgumentException"><paramref name="contentType"/> is not a header value.</exception>
    public static Fault Response(int status, string body, string? contentType = "application/json")
    {
        ArgumentNullException.ThrowIfNull(body);
        if (status is < 200 or > 599)
        {
            throw new ArgumentOutOfRangeException(nameof(status), status, "A status is between 200 and 599.");
        }

        return Respond(status, body, contentType is null ? null : HeaderText.RequireValue(contentType));
    }

    /// <summary>Answers with a page of HTML, as a proxy would.</summary>
    /// <param name="status">The status, 200 to 599.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="status"/> is not between 200 and 599.</exception>
    public static Fault Html(int status = 200) =>
        Response(status, "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Something is in the way</h1></body></html>", "text/html");

    /// <summary>Answers with an empty body.</summary>
    /// <param name="status">The status, 200 to 599.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="status"/> is not between 200 and 599.</exception>
    public static Fault EmptyBody(int status = 200)
    {
        var fault = Response(status, "");
        return fault.Copy(name: $"empty {status}", answer: fault.Answer! with { StreamsWhenAsked = true });
    }

    /// <summary>Answers 200 with a body that is no JSON.</summary>
    /// <returns>The fault.</returns>
    public static Fault MalformedJson() =>
        Response(200, "{\"id\":\"chatcmpl-broken\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,,}").Copy(name: "malformed JSON");

    /// <summary>Answers 302.</summary>
    /// <param name="location">Where to.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="location"/> is <see langword="null"/>.</exception>
    public static Fault Redirect(Uri location)
    {
        ArgumentNullException.ThrowIfNull(location);
        return Response((int)HttpStatusCode.Redirect, "", contentType: null).WithHeader("Location", location.OriginalString);
    }

    /// <summary>Reads the request and never answers.</summary>
    /// <returns>The fault.</returns>
    public static Fault NeverAnswer() => new(FaultKind.NeverAnswer, "never answer");

    /// <summary>Resets the connection before headers.</summary>
    /// <returns>The fault.</returns>
    public static Fault ResetBeforeHeaders() => new(FaultKind.Reset, "reset before headers");

    /// <summary>Waits, then lets the request go on as usual.</summary>
    /// <param name="latency">How long.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="latency"/> is <see langword="null"/>.</exception>
    public static Fault Delay(Latency latency)
    {
        ArgumentNullException.ThrowIfNull(latency);
        return new(FaultKind.Delay, "delay") { Wait = latency };
    }

    /// <summary>Stops sending after some events of a stream, or in the middle of the body of another answer. The connection stays open.</summary>
    /// <param name="events">The events sent before, the prompt filter event and <c>[DONE]</c> counted.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    public static Fault StallAfter(int events) => InAnswer(FaultKind.Stall, "stall", events);

    /// <summary>Resets the connection after some events of a stream, or in the middle of the body of another answer.</summary>
    /// <param name="events">The events sent before, the prompt filter event and <c>[DONE]</c> counted.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    public static Fault CutAfter(int events) => InAnswer(FaultKind.Cut, "cut", events);

    /// <summary>Ends the answer cleanly after some events of a stream, without <c>[DONE]</c>; another answer ends in the middle of its JSON.</summary>
    /// <param name="events">The events sent before, the prompt filter event and <c>[DONE]</c> counted.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    public static Fault EndAfter(int events) => InAnswer(FaultKind.End, "end", events);

    /// <summary>Sends an error event after some events of a stream and ends it; the body of another answer is the error alone, with status 200.</summary>
    /// <param name="events">The events sent before; 0 makes the error the first event.</param>
    /// <param name="message">The message of the error.</param>
    /// <param name="code">The code of the error; by default none.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    public static Fault ErrorEventAfter(int events, string? message = null, string? code = null) =>
        InAnswer(FaultKind.ErrorEvent, "error event", events, message ?? ErrorBodies.OverloadedMessage, code);

    /// <summary>
    /// Ends a response of the Responses API with the status <c>failed</c>: a stream by <c>response.failed</c> after some events. In a chat answer it is an error event.
    /// </summary>
    /// <param name="events">The events sent before, of a stream.</param>
    /// <param name="message">The message of the error.</param>
    /// <param name="code">The code of the error.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="code"/> is <see langword="null"/> or empty.</exception>
    public static Fault FailedAfter(int events, string? message = null, string code = "server_error")
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        return InAnswer(FaultKind.Failed, "failed", events, message ?? ErrorBodies.DefaultMessage(500), code);
    }

    /// <summary>Sends an event of an unknown type after some events of a Responses stream, then goes on as usual. Other answers stay as they are.</summary>
    /// <param name="events">The events sent before.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="events"/> is negative.</exception>
    public static Fault UnknownEventAfter(int events) => InAnswer(FaultKind.UnknownEvent, "unknown event", events);

    /// <summary>
    /// Answers with the given finish reason, known or not. A response of the Responses API is then <c>incomplete</c> for that reason, unless it is <c>stop</c> or <c>tool_calls</c>.
    /// </summary>
    /// <param name="reason">The finish reason.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentException"><paramref name="reason"/> is <see langword="null"/> or empty.</exception>
    public static Fault FinishReason(string reason = "simulated_unknown_reason")
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return new(FaultKind.FinishReason, "finish reason") { Text = reason };
    }

    /// <summary>Returns the name of the fault.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    private static Fault Respond(int status, string body, string? contentType) =>
        new(FaultKind.Response, string.Create(CultureInfo.InvariantCulture, $"status {status}")) { Answer = new(status, body, contentType) };

    private static Fault InAnswer(FaultKind kind, string name, int events, string text = "", string? code = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(events);
        return new(kind, string.Create(CultureInfo.InvariantCulture, $"{name} after {events} events")) { Events = events, Text = text, Code = code };
    }
}
