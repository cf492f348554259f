using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>How a ready-made client or generator fails: by exception only.</summary>
internal static class ChaosFailure
{
    public static int StatusOf(Trouble trouble) => trouble switch
    {
        Trouble.RefusesTheKey => 401,
        Trouble.IsMissing => 404,
        Trouble.IsUnavailableForATime => 503,
        Trouble.Errs or Trouble.FailsBeforeContent => 500,
        _ => 429,
    };

    public static async Task OfAsync(ChaosRun run, ChaosEndpoint endpoint, ChaosCall call, ChaosAttempt attempt, CancellationToken cancellationToken)
    {
        switch (attempt.Trouble)
        {
            case Trouble.None when call.IsBad:
                throw FakeFailure.Status(400);
            case Trouble.None when call.Conversation is { } id && !run.Conversations.IsKept(id, endpoint.Index):
                throw FakeFailure.Status(404);
            case Trouble.None or Trouble.IsSlow or Trouble.IsNearItsLimit or Trouble.SpillsOver:
                return;
            case Trouble.Hangs or Trouble.HangsInTheMiddle or Trouble.FallsSilent:
                await run.Time.WaitAsync(double.PositiveInfinity, cancellationToken);
                return;
            case Trouble.IsBroken:
                throw new JsonException("broken");
            case Trouble.Refuses or Trouble.IsGone:
                throw FakeFailure.Refused();
            case Trouble.Resets or Trouble.Cuts:
                throw FakeFailure.Reset();
        }

        // What comes after content cuts the stream, and states no pause.
        if (attempt.Trouble != Trouble.ErrsInItsAnswer || !call.IsStream || attempt.BreaksAfter == 0)
        {
            endpoint.Tell(attempt, "");
        }

        throw attempt.Trouble == Trouble.IsUnforeseen ? Foreign(call)
            : attempt.Words.Length > 0 ? FakeFailure.Saying(attempt.Status, attempt.Words, attempt.Headers)
            : FakeFailure.Status(attempt.Status, attempt.Headers);
    }

    /// <summary>What SDKs throw that nobody knows, with a status somewhere or with none.</summary>
    private static Exception Foreign(ChaosCall call) => (call.Id % 4) switch
    {
        0 => ForeignSdkException.Of(503),
        1 => new ForeignNumberException(500),
        2 => new InvalidOperationException("wrapped", ForeignSdkException.Of(502)),
        _ => new UnknownSdkException("nobody knows"),
    };

    /// <summary>An error as the service writes it into an answer.</summary>
    public static string InBand(ChaosAttempt attempt) =>
        $$$"""{"error":{"code":"{{{(attempt.Status == 429 ? "rate_limit_exceeded" : "server_error")}}}","message":"{{{attempt.Words}}}"}}""";

    /// <summary>A refusal as the service writes it.</summary>
    public static HttpResponseMessage Refusal(ChaosAttempt attempt)
    {
        HttpResponseMessage response = FakeService.Refusal(attempt.Status, attempt.Headers);
        if (attempt.Words.Length > 0)
        {
            response.Content = new StringContent($$$"""{"error":{"code":"{{{attempt.Status}}}","message":"{{{attempt.Words}}}"}}""", System.Text.Encoding.UTF8, "application/json");
        }

        return response;
    }
}
