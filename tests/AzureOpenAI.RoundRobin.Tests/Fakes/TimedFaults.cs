using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Everything that an endpoint can do to a request, by name, and how long it takes for it. Time passes only where the test says so.</summary>
internal sealed class TimedFaults
{
    /// <summary>The silence that only a deadline ends.</summary>
    public const double Never = 1e6;

    private const string Role = """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}""" + "\n\n";

    private const string InBand = """{"error":{"code":"server_error","message":"no"}}""";

    private readonly ConcurrentQueue<Waiting> _waits = new();

    /// <summary>How a request fails, for calls, streams, embeddings and operations alike.</summary>
    public static string[] Names =>
    [
        .. from status in (int[])[302, 400, 401, 403, 404, 408, 409, 413, 421, 424, 429, 499, 500, 502, 503, 504, 529] from after in (int[])[0, 3] select $"{status} after {after}",
        .. from status in (int[])[403, 408, 429, 500, 503] from hint in (int[])[1, 5, 20, 400] select $"{status} hint {hint}",
        "silence before the head", "silence in the body", "silence in the body of an error", "silence after 3", "connect timeout", "refused", "reset", "reset after 3", "aborted", "aborted after 3", "disposed",
        "html", "empty", "half", "half after 3", "cut", "cut after 3", "unreadable", "in band", "in band after 3", "in band rate limit", "unknown", "unknown after 3",
    ];

    /// <summary>How long an attempt takes that meets it. What a stream has begun with moves its deadline.</summary>
    public static double Takes(string name, double limit) => After(name) + (name.StartsWith("silence", StringComparison.Ordinal) ? limit : name == "connect timeout" ? 5 : 0);

    /// <summary>How many requests are kept now.</summary>
    public int Running => _waits.Count(static wait => !wait.End.Task.IsCompleted);

    /// <summary>Ends all that is due.</summary>
    public void Pass(double seconds)
    {
        foreach (Waiting wait in _waits)
        {
            if (!wait.End.Task.IsCompleted && (wait.Left -= seconds) <= 1e-9)
            {
                wait.End.TrySetResult();
            }
        }
    }

    public async Task<HttpResponseMessage> AnswerAsync(string name, bool isStream, CancellationToken cancellationToken)
    {
        string[] words = name.Split(' ');
        await WaitAsync(name switch { "silence before the head" => Never, "connect timeout" => 5, _ => After(name) }, cancellationToken);
        if (int.TryParse(words[0], out int status))
        {
            return words[1] == "hint" ? FakeService.Refusal(status, ("Retry-After", words[2])) : FakeService.Refusal(status);
        }

        switch (words[0])
        {
            case "connect" or "refused":
                throw new HttpRequestException(HttpRequestError.ConnectionError, "refused", new SocketException((int)SocketError.ConnectionRefused));
            case "reset":
                throw new HttpRequestException("reset", new IOException("reset", new SocketException((int)SocketError.ConnectionReset)));
            case "aborted":
                throw new HttpRequestException("aborted", new IOException("aborted", new SocketException((int)SocketError.OperationAborted)));
            case "disposed":
                throw new ObjectDisposedException("SslStream");
            case "unknown":
                throw new UnknownSdkException("no");
            case "silence":
                HttpStatusCode code = name.EndsWith("error", StringComparison.Ordinal) ? HttpStatusCode.InternalServerError : HttpStatusCode.OK;
                return Streamed(code, isStream, new Body(isStream && code == HttpStatusCode.OK ? Role : "{", token => WaitAsync(Never, token)));
            case "cut":
                return Streamed(HttpStatusCode.OK, isStream, new Body(isStream ? Role : "{", static _ => throw new HttpIOException(HttpRequestError.ResponseEnded)));
            default:
                string text = words[0] switch { "html" => "<html>", "half" => "{\"choices\":[", "unreadable" => "[5]", "in" when name.EndsWith("limit", StringComparison.Ordinal) => InBand.Replace("server_error", "rate_limit_exceeded", StringComparison.Ordinal), "in" => InBand, _ => "" };
                return Streamed(HttpStatusCode.OK, isStream, new FakeService.OneWay(isStream && words[0] is not ("empty" or "html") ? $"{Role}data: {text}\n\n" : text));
        }
    }

    private static double After(string name) => name.Split(' ') is [.., "after", var seconds] ? int.Parse(seconds, CultureInfo.InvariantCulture) : 0;

    private static HttpResponseMessage Streamed(HttpStatusCode status, bool isStream, Stream body) => new(status)
    {
        Content = new StreamContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(isStream && status == HttpStatusCode.OK ? "text/event-stream" : "application/json") } },
    };

    private async Task WaitAsync(double seconds, CancellationToken cancellationToken)
    {
        if (seconds == 0)
        {
            return;
        }

        Waiting wait = new() { Left = seconds };
        await using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static (state, token) => ((Waiting)state!).End.TrySetCanceled(token), wait);
        _waits.Enqueue(wait);
        await wait.End.Task;
    }

    private sealed class Waiting
    {
        public TaskCompletionSource End { get; } = new();

        public double Left { get; set; }
    }

    /// <summary>A body that begins well and then does something else.</summary>
    private sealed class Body(string text, Func<CancellationToken, Task> then) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override bool CanSeek => false;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = Read(buffer.Span);
            if (count == 0)
            {
                await then(cancellationToken);
            }

            return count;
        }

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            byte[] buffer = new byte[1024];
            while (await ReadAsync(buffer.AsMemory(), cancellationToken) is > 0 and int count)
            {
                destination.Write(buffer, 0, count);
            }
        }
    }
}
