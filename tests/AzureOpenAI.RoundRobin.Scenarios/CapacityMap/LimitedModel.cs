using System.ClientModel;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>An endpoint of the map: the simulator's limiter before answers that take their own time.</summary>
internal sealed class LimitedModel(int place, MapCell cell, EndpointLimit limit, MapCall[] calls, VirtualTime time) : IChatClient, ITransportModel
{
    private static readonly TimeSpan ToReject = TimeSpan.FromMilliseconds(10);

    private readonly RetryHint _hint = cell.Hint switch
    {
        HintForm.Exact => RetryHint.Exact,
        HintForm.Seconds => RetryHint.WholeSeconds,
        HintForm.Half => RetryHint.Times(0.5),
        HintForm.Constant => RetryHint.Constant(TimeSpan.FromSeconds(1)),
        HintForm.Turns => RetryHint.InTurn(RetryHint.Exact, RetryHint.WholeSeconds, RetryHint.None, RetryHint.Times(0.5)),
        _ => RetryHint.None,
    };

    public string Name => string.Create(CultureInfo.InvariantCulture, $"m{place}");

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        string prompt = messages.Single().Text;
        int tokens = (await AnswerAsync(prompt, 0, cancellationToken)).Tokens;
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, prompt)) { FinishReason = ChatFinishReason.Stop, Usage = new UsageDetails { OutputTokenCount = tokens } };
    }

    public async Task<TransportAnswer> AnswerAsync(string prompt, int tokens, CancellationToken cancellationToken)
    {
        MapCall call = calls[int.Parse(prompt, CultureInfo.InvariantCulture)];
        call.Attempts++;
        Admission admission = limit.Admit(call);
        LimitHeaders headers = new(cell.Headers, place, admission);
        if (admission.Verdict != AdmissionVerdict.Admitted)
        {
            RetryHeaders hint = _hint.For(admission.RetryAfter);
            await Task.Delay(ToReject, time, cancellationToken);
            throw new ClientResultException("HTTP 429", new FakeResponse(429, [.. headers.Hints(hint), .. headers.Limits])
            {
                Body = ErrorBodies.RateLimit(ApiOperation.Chat, admission.Verdict, hint),
            });
        }

        call.Admitted = time.Seconds;
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(call.Own), time, cancellationToken);
        }
        finally
        {
            limit.Leave(call, admission);
        }

        return new TransportAnswer(Math.Max(1, call.Size.Used), headers.Limits);
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("The map makes no streams.");

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
