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
            case Trouble.Hangs or Trouble.HangsInTheMiddle:
                await run.Time.WaitAsync(double.PositiveInfinity, cancellationToken);
                return;
            case Trouble.IsBroken:
                throw new JsonException("broken");
            case Trouble.Refuses or Trouble.IsGone:
                throw FakeFailure.Refused();
            case Trouble.Resets or Trouble.Cuts:
                throw FakeFailure.Reset();
        }

        endpoint.Tell(attempt, "");
        throw FakeFailure.Status(attempt.Status, attempt.Headers);
    }
}
