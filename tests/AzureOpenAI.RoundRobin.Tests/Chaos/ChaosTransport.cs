using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>The endpoints as the SDK's real pipeline meets them.</summary>
internal sealed class ChaosTransport(ChaosRun run, IReadOnlyList<ChaosEndpoint> endpoints) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        JsonObject body = JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!.AsObject();
        ChaosCall call = run.Find((string)body["messages"]![0]!["content"]!);
        ChaosEndpoint endpoint = endpoints[int.Parse(request.RequestUri!.Host.Split('.')[0][1..], System.Globalization.CultureInfo.InvariantCulture)];
        string deployment = request.RequestUri.Segments[3].TrimEnd('/');
        ChaosAttempt attempt = endpoint.Arrive(call, deployment);
        HttpResponseMessage? response = null;
        try
        {
            bool waitsInStream = call.IsStream && call.Id % 2 == 0 && attempt.Trouble is Trouble.None or Trouble.Cuts or Trouble.FailsBeforeContent;
            await run.Time.WaitAsync(waitsInStream ? 0.001 : attempt.Latency, cancellationToken);
            response = await AnswerAsync(call, attempt, endpoint, deployment, waitsInStream ? attempt.Latency : 0, cancellationToken);
            response.RequestMessage = request;
            return response;
        }
        finally
        {
            if (response is null || response.Content.Headers.ContentType?.MediaType != "text/event-stream")
            {
                endpoint.Leave(attempt);
            }
        }
    }

    private async Task<HttpResponseMessage> AnswerAsync(
        ChaosCall call, ChaosAttempt attempt, ChaosEndpoint endpoint, string deployment, double contentAfter, CancellationToken cancellationToken)
    {
        switch (attempt.Trouble)
        {
            case Trouble.None when call.IsBad:
                return FakeService.Refusal(400);
            case Trouble.None or Trouble.IsSlow or Trouble.IsNearItsLimit:
            case Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.FailsBeforeContent when call.IsStream:
                break;
            case Trouble.Hangs or Trouble.HangsInTheMiddle:
                await run.Time.WaitAsync(double.PositiveInfinity, cancellationToken);
                break;
            case Trouble.Refuses or Trouble.IsGone:
                throw new HttpRequestException(HttpRequestError.ConnectionError, "refused", new SocketException((int)SocketError.ConnectionRefused));
            case Trouble.Resets or Trouble.Cuts:
                throw new HttpRequestException("reset", new IOException("reset", new SocketException((int)SocketError.ConnectionReset)));
            case Trouble.IsBroken:
                return Json(run.Draw.Of("", "<html></html>", "{\"choices\":[", "{}", Completion(call, "null")));
            default:
                endpoint.Tell(attempt, deployment);
                return FakeService.Refusal(ChaosClient.StatusOf(attempt.Trouble), attempt.Hint is { } hint ? [hint] : []);
        }

        HttpResponseMessage response = call.IsStream
            ? new(HttpStatusCode.OK)
            {
                Content = new StreamContent(new ChaosBody(run.Time, Script(call, attempt, contentAfter), () => endpoint.Leave(attempt)))
                {
                    Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
                },
            }
            : Json(Completion(call, "\"stop\""));
        if (attempt.Trouble == Trouble.IsNearItsLimit)
        {
            response.Headers.TryAddWithoutValidation("x-ratelimit-limit-requests", "100");
            response.Headers.TryAddWithoutValidation("x-ratelimit-remaining-requests", run.Draw.Of("3", "0", "-1", "x", "50"));
            response.Headers.TryAddWithoutValidation("x-ratelimit-reset-requests", run.Draw.Of("1s", "30s", "0s", "17ms", "", "-3s"));
        }

        return response;
    }

    private IEnumerable<(double After, string? Event)> Script(ChaosCall call, ChaosAttempt attempt, double contentAfter)
    {
        yield return (0, """{"id":"","object":"","created":0,"model":"","prompt_filter_results":[],"choices":[]}""");
        if (attempt.Trouble == Trouble.FailsBeforeContent)
        {
            yield return (contentAfter, run.Draw.Chance(0.5) ? null : """{"error":{"code":"500","message":"no"}}""");
            yield break;
        }

        for (int i = 0; i < call.Pieces; i++)
        {
            if (i == attempt.BreaksAfter)
            {
                yield return (attempt.Trouble == Trouble.Cuts ? 0 : double.PositiveInfinity, null);
                yield break;
            }

            yield return (i == 0 ? contentAfter : attempt.Gap, Chunk($$"""{"role":"assistant","content":"{{call.Piece(i)}}"}""", "null"));
        }

        if (attempt.BreaksAfter != int.MaxValue)
        {
            yield return (attempt.Trouble == Trouble.Cuts ? 0 : double.PositiveInfinity, null);
            yield break;
        }

        yield return (0, Chunk("{}", "\"stop\""));
        yield return (0, "[DONE]");
    }

    private static string Chunk(string delta, string finish) =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}""";

    private static string Completion(ChaosCall call, string finish) => $$$"""
        {"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":{{{finish}}},"message":{"role":"assistant","content":"{{{call.Answer}}}"}}]}
        """;

    private static HttpResponseMessage Json(string text) => new(HttpStatusCode.OK)
    {
        Content = new StreamContent(new FakeService.OneWay(text)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
    };

    /// <summary>Server-sent events that come in their time; null is the end of the connection, and one that is never due a hang.</summary>
    private sealed class ChaosBody(ChaosTime time, IEnumerable<(double After, string? Event)> script, Action onEnd) : Stream
    {
        private readonly IEnumerator<(double After, string? Event)> _script = script.GetEnumerator();
        private ReadOnlyMemory<byte> _rest;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_rest.IsEmpty)
            {
                if (!_script.MoveNext())
                {
                    return 0;
                }

                (double after, string? data) = _script.Current;
                if (after > 0)
                {
                    await time.WaitAsync(after, cancellationToken);
                }

                if (data is null)
                {
                    throw new IOException("reset", new SocketException((int)SocketError.ConnectionReset));
                }

                _rest = Encoding.UTF8.GetBytes($"data: {data}\n\n");
            }

            int count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            onEnd();
            base.Dispose(disposing);
        }
    }
}
