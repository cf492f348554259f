using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Asks an endpoint for a whole answer.</summary>
internal readonly struct ChatOperation(ChatRequest request) : IOperation<ChatResponse>
{
    private readonly ChatRequest _request = request;

    public static bool EndsAttempt => true;

    public static bool MayMove => true;

    public static bool IsUsersCode => false;

    public bool NamesModel => _request.NamesModel;

    public uint Affinity => _request.Affinity;

    public long EstimateTokens() => _request.EstimateTokens();

    public int Fingerprint() => _request.Fingerprint();

    public ValueTask<ChatResponse> InvokeAsync(Attempt attempt, int number)
    {
        try
        {
            return attempt.Endpoint.IsBuilt
                ? AskAsync(AttemptObserver.Observe(attempt, _request, Ask), attempt, number)
                : new(Ask(_request, attempt));
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<ChatResponse>(exception);
        }
    }

    private static Task<ChatResponse> Ask(ChatRequest request, Attempt attempt) =>
        attempt.Endpoint.ChatClient.GetResponseAsync(request.Messages, request.OptionsFor(attempt.Endpoint), attempt.Token);

    private static async ValueTask<ChatResponse> AskAsync(Task<ChatResponse> asked, Attempt attempt, int number)
    {
        string endpoint = attempt.Endpoint.Name;
        ChatResponse response = await asked.ConfigureAwait(false);
        if (response.FinishReason is null)
        {
            throw new IOException($"Endpoint '{endpoint}' answered without a finish reason, so the answer may be cut.");
        }

        attempt.OutputTokens = response.Usage?.OutputTokenCount ?? 0;
        AnswerOrigin.Mark(response.AdditionalProperties ??= [], endpoint, number);
        return response;
    }
}
