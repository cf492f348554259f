using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Chat.Responses;
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
            return (attempt.Endpoint.IsSdkBacked ? RequestScope.Run(attempt, _request, static (request, running) => Ask(request, running)) : Ask(_request, attempt))
                ?? throw new InvalidOperationException($"The client of endpoint '{attempt.Endpoint.Name}' returned no task.");
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return Task.FromException<ChatResponse>(exception);
        }
    }

    public static bool IsDoubtful(ChatResponse result) => result is { RawRepresentation: not null } && ResponseAnswer.Is(result);

    public void Check(ChatResponse result, Attempt attempt, int number)
    {
        if (result is { Usage: { } usage })
        {
            attempt.Usage = TokenCounts.Of(usage);
        }

        bool isResponse = result is { RawRepresentation: not null } && ResponseAnswer.Check(result, NamesJob);
        if (result is { ConversationId: { } id })
        {
            attempt.Endpoint.Conversations?.Remember(id, attempt.Endpoint.ChatClient!);
        }

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

    private static Task<ChatResponse> Ask(in ChatRequest request, Attempt attempt) =>
        attempt.Endpoint.ChatClient!.GetResponseAsync(request.Messages, request.OptionsFor(attempt.Endpoint), attempt.Token);
}
