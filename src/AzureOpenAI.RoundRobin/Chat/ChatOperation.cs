using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Chat.Responses;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Asks an endpoint for a whole answer.</summary>
internal readonly struct ChatOperation(ChatRequest request) : IOperation<ChatResponse>
{
    private readonly ChatRequest _request = request;

    public static string Name => "chat";

    public static bool EndsAttempt => true;

    public static bool MayRelocate => true;

    public static bool IsUserCode => false;

    public bool NamesModel => _request.NamesModel;

    public bool NamesJob => _request.NamesJob;

    public bool NamesState => _request.NamesState;

    public uint Affinity => _request.Affinity;

    public TokenEstimate EstimateTokens() => _request.EstimateTokens();

    public int Fingerprint() => _request.Fingerprint();

    public Task<ChatResponse> InvokeAsync(Attempt attempt, int number)
    {
        try
        {
            Endpoint endpoint = attempt.Endpoint;
            return (endpoint.IsSdkBacked ? RequestScope.Run(attempt, _request, static (request, running) => Ask(request, running, running.Endpoint.Setup)) : Ask(_request, attempt, endpoint.Setup))
                ?? throw new InvalidOperationException($"The client of endpoint '{attempt.Endpoint.Name}' returned no task.");
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return Task.FromException<ChatResponse>(exception);
        }
    }

    public static bool TryTake(ChatResponse result, Attempt attempt)
    {
        if (result is { RawRepresentation: not null } && ResponseAnswer.Is(result))
        {
            return false;
        }

        Note(result, attempt);
        return true;
    }

    public void Check(ChatResponse result, Attempt attempt, int number)
    {
        Note(result, attempt);
        bool isResponse = ResponseAnswer.Is(result) && ResponseAnswer.Check(result, NamesJob);
        if (!attempt.Endpoint.IsSdkBacked)
        {
            return;
        }

        if (result!.FinishReason is null && !isResponse)
        {
            throw new IOException($"Endpoint '{attempt.Endpoint.Name}' answered without a finish reason, so the answer may be cut.");
        }

        AnswerOrigin.Mark(result.AdditionalProperties ??= [], attempt.Endpoint, number);
    }

    private static void Note(ChatResponse? result, Attempt attempt)
    {
        if (result is { Usage: { } usage })
        {
            attempt.Usage = TokenCounts.Of(usage);
        }

        if (result is { ConversationId: { } id })
        {
            attempt.Endpoint.Conversations?.Remember(id, attempt.Endpoint.ChatClient!);
        }
    }

    private static Task<ChatResponse> Ask(in ChatRequest request, Attempt attempt, EndpointSetup setup) =>
        setup.ChatClient!.GetResponseAsync(request.Messages, request.OptionsFor(attempt.Endpoint, setup), attempt.Token);
}
