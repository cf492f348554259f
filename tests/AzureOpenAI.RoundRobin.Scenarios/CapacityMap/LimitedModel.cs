using System.ClientModel;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>An endpoint of the map: the simulator's limiter before answers that take their own time.</summary>
internal sealed class LimitedModel(Limiter limiter, HintForm hint, MapCall[] calls, VirtualTime time) : IChatClient
{
    private static readonly TimeSpan ToReject = TimeSpan.FromMilliseconds(10);

    private static readonly ChatResponse Answer = new(new ChatMessage(ChatRole.Assistant, "answer")) { FinishReason = ChatFinishReason.Stop };

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        MapCall call = calls[int.Parse(messages.Single().Text, CultureInfo.InvariantCulture)];
        call.Attempts++;
        Admission admission = limiter.Admit(0);
        if (admission.Verdict != AdmissionVerdict.Admitted)
        {
            await Task.Delay(ToReject, time, cancellationToken);
            throw new ClientResultException("HTTP 429", new FakeResponse(429, Hints(admission.RetryAfter ?? TimeSpan.Zero)));
        }

        call.Admitted = time.Seconds;
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(call.Own), time, cancellationToken);
        }
        finally
        {
            limiter.Leave(admission, 0, 0);
        }

        return Answer;
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("The map makes no streams.");

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private (string Name, string Value)[] Hints(TimeSpan wait) => hint switch
    {
        HintForm.Exact => [("retry-after-ms", Text(wait.TotalMilliseconds)), ("Retry-After", Text(wait.TotalSeconds))],
        HintForm.Seconds => [("Retry-After", Text(wait.TotalSeconds))],
        HintForm.Half => [("retry-after-ms", Text(wait.TotalMilliseconds / 2))],
        HintForm.Constant => [("Retry-After", "1")],
        _ => [],
    };

    private static string Text(double wait) => Math.Ceiling(Math.Max(1, wait)).ToString(CultureInfo.InvariantCulture);
}
