using System.Runtime.CompilerServices;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>An endpoint as a ready-made client.</summary>
internal sealed class ChaosClient(ChaosRun run, ChaosEndpoint endpoint) : IChatClient
{
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ChaosCall call = run.Find(messages.Single().Text);
        ChaosAttempt attempt = endpoint.Arrive(call, "");
        try
        {
            await WaitAsync(attempt.Latency, cancellationToken);
            await FailAsync(call, attempt, cancellationToken);
            return new ChatResponse(new ChatMessage(ChatRole.Assistant, call.Answer)) { FinishReason = ChatFinishReason.Stop };
        }
        finally
        {
            endpoint.Leave(attempt);
        }
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ChaosCall call = run.Find(messages.Single().Text);
        ChaosAttempt attempt = endpoint.Arrive(call, "");
        try
        {
            if (call.Id % 3 == 0)
            {
                yield return new ChatResponseUpdate(ChatRole.Assistant, []);
            }

            await WaitAsync(attempt.Latency, cancellationToken);
            if (attempt.BreaksAfter == int.MaxValue)
            {
                await FailAsync(call, attempt, cancellationToken);
            }

            for (int i = 0; i < call.Pieces; i++)
            {
                await WaitAsync(i == 0 ? 0 : attempt.Gap, cancellationToken);
                if (i == attempt.BreaksAfter)
                {
                    await FailAsync(call, attempt, cancellationToken);
                }

                yield return new ChatResponseUpdate(ChatRole.Assistant, call.Piece(i));
            }

            if (attempt.BreaksAfter != int.MaxValue)
            {
                await FailAsync(call, attempt, cancellationToken);
            }

            yield return new ChatResponseUpdate { FinishReason = ChatFinishReason.Stop };
        }
        finally
        {
            endpoint.Leave(attempt);
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private Task WaitAsync(double seconds, CancellationToken cancellationToken) => seconds == 0 ? Task.CompletedTask : run.Time.WaitAsync(seconds, cancellationToken);

    private async Task FailAsync(ChaosCall call, ChaosAttempt attempt, CancellationToken cancellationToken)
    {
        if (call.IsBad && attempt.Trouble == Trouble.None)
        {
            throw FakeFailure.Status(400);
        }

        switch (attempt.Trouble)
        {
            case Trouble.None or Trouble.IsSlow or Trouble.IsNearItsLimit:
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
        throw FakeFailure.Status(StatusOf(attempt.Trouble), attempt.Hint is { } hint ? [hint] : []);
    }

    public static int StatusOf(Trouble trouble) => trouble switch
    {
        Trouble.RefusesTheKey => 401,
        Trouble.IsMissing => 404,
        Trouble.IsUnavailableForATime => 503,
        Trouble.Errs or Trouble.FailsBeforeContent => 500,
        _ => 429,
    };
}
