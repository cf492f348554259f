using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>The endpoints as the SDK's real pipeline meets them.</summary>
internal sealed class ChaosTransport(ChaosRun run, IReadOnlyList<ChaosEndpoint> endpoints) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        JsonObject body = JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!.AsObject();
        bool isEmbedding = body["input"] is not null;
        ChaosCall call = run.Find((string)(isEmbedding ? body["input"]![0]! : body["messages"]![0]!["content"]!)!);
        ChaosEndpoint endpoint = endpoints[int.Parse(request.RequestUri!.Host.Split('.')[0][1..], CultureInfo.InvariantCulture)];
        string deployment = request.RequestUri.Segments[3].TrimEnd('/');
        ChaosAttempt attempt = endpoint.Arrive(call, deployment);
        HttpResponseMessage? response = null;
        try
        {
            bool waitsInStream = call.IsStream && call.Id % 2 == 0 && attempt.Trouble is Trouble.None or Trouble.Cuts or Trouble.FailsBeforeContent;
            await run.Time.WaitAsync(waitsInStream ? 0.001 : attempt.Latency, cancellationToken);
            response = await AnswerAsync(call, attempt, endpoint, deployment, isEmbedding, waitsInStream ? attempt.Latency : 0, cancellationToken);
            response.RequestMessage = request;
            return response;
        }
        finally
        {
            if (response is null || (response.Content.Headers.ContentType?.MediaType != "text/event-stream" && attempt.Trouble != Trouble.FallsSilent))
            {
                endpoint.Leave(attempt);
            }
        }
    }

    private async Task<HttpResponseMessage> AnswerAsync(
        ChaosCall call, ChaosAttempt attempt, ChaosEndpoint endpoint, string deployment, bool isEmbedding, double contentAfter, CancellationToken cancellationToken)
    {
        switch (attempt.Trouble)
        {
            case Trouble.None when call.IsBad:
                return FakeService.Refusal(400, attempt.Says);
            case Trouble.None or Trouble.IsSlow or Trouble.IsNearItsLimit or Trouble.SpillsOver:
            case Trouble.Cuts or Trouble.HangsInTheMiddle or Trouble.FailsBeforeContent or Trouble.FallsSilent when call.IsStream:
                break;
            case Trouble.ErrsInItsAnswer when call.IsStream && attempt.BreaksAfter > 0:
                break;
            case Trouble.ErrsInItsAnswer:
                endpoint.Tell(attempt, deployment);
                if (call.IsStream)
                {
                    break;
                }

                return ChaosAnswers.Json(ChaosFailure.InBand(attempt));
            case Trouble.FallsSilent:
                return new(HttpStatusCode.OK)
                {
                    Content = new StreamContent(new ChaosBody(run.Time, [(double.PositiveInfinity, null)], () => endpoint.Leave(attempt))) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
                };
            case Trouble.IsUnforeseen when call.Kind == ChaosKind.Operation:
                return ChaosAnswers.Broken(run.Draw, call, isEmbedding);
            case Trouble.IsUnforeseen when call.IsStream:
                break;
            case Trouble.IsUnforeseen:
                return ChaosAnswers.Unforeseen(run.Draw, call, isEmbedding);
            case Trouble.Hangs or Trouble.HangsInTheMiddle:
                await run.Time.WaitAsync(double.PositiveInfinity, cancellationToken);
                break;
            case Trouble.Refuses or Trouble.IsGone:
                throw new HttpRequestException(HttpRequestError.ConnectionError, "refused", new SocketException((int)SocketError.ConnectionRefused));
            case Trouble.Resets or Trouble.Cuts:
                throw new HttpRequestException("reset", new IOException("reset", new SocketException((int)SocketError.ConnectionReset)));
            case Trouble.IsBroken:
                return ChaosAnswers.Broken(run.Draw, call, isEmbedding);
            default:
                endpoint.Tell(attempt, deployment);
                return ChaosFailure.Refusal(attempt);
        }

        HttpResponseMessage response = !call.IsStream ? ChaosAnswers.Whole(call, isEmbedding) : new(HttpStatusCode.OK)
        {
            Content = new StreamContent(new ChaosBody(run.Time, Script(call, attempt, contentAfter), () => endpoint.Leave(attempt)))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
            },
        };
        foreach ((string name, string value) in attempt.Says)
        {
            response.Headers.TryAddWithoutValidation(name, value);
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

        if (attempt.Trouble is Trouble.FallsSilent or Trouble.IsUnforeseen)
        {
            yield return attempt.Trouble == Trouble.FallsSilent ? (double.PositiveInfinity, null) : (contentAfter, ChaosAnswers.UnforeseenEvent(run.Draw));
            yield break;
        }

        for (int i = 0; i < call.Pieces; i++)
        {
            if (i == attempt.BreaksAfter && attempt.Trouble == Trouble.ErrsInItsAnswer)
            {
                break;
            }

            if (i == attempt.BreaksAfter)
            {
                yield return (attempt.Trouble == Trouble.Cuts ? 0 : double.PositiveInfinity, null);
                yield break;
            }

            yield return (i == 0 ? contentAfter : attempt.Gap, ChaosAnswers.Chunk($$"""{"role":"assistant","content":"{{call.Piece(i)}}"}""", "null"));
        }

        if (attempt.Trouble == Trouble.ErrsInItsAnswer)
        {
            yield return (0, ChaosFailure.InBand(attempt));
            yield return (0, "[DONE]");
            yield break;
        }

        if (attempt.BreaksAfter > call.Pieces)
        {
            yield return (0, ChaosAnswers.Chunk("{}", "\"stop\""));
        }

        if (attempt.BreaksAfter != int.MaxValue)
        {
            yield return (attempt.Trouble == Trouble.Cuts ? 0 : double.PositiveInfinity, null);
            yield break;
        }

        yield return (0, "[DONE]");
    }
}
