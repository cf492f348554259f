using System.ClientModel;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// What the Azure SDK's client does by itself, in simulated time: up to three more tries after 0.8, 1.6 and 3.2 s or as long as the service says,
/// and 100 s for each.
/// </summary>
internal sealed class SdkRetries(IChatClient inner, TimeProvider time) : DelegatingChatClient(inner)
{
    private const int Tries = 4;
    private static readonly TimeSpan NetworkTimeout = TimeSpan.FromSeconds(100);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(800);

    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        List<Exception> failures = [];
        while (true)
        {
            using CancellationTokenSource limit = new(NetworkTimeout, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            Exception failure;
            try
            {
                return await base.GetResponseAsync(messages, options, either.Token);
            }
            catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
            {
                failure = exception;
            }
            catch (ClientResultException exception) when (exception.Status is 0 or 408 or 429 or 500 or 502 or 503 or 504)
            {
                failure = exception;
            }

            failures.Add(failure);
            if (failures.Count == Tries)
            {
                throw failure is ClientResultException { Status: > 0 } ? failure : new AggregateException(failures);
            }

            await Task.Delay(RetryHint.Of(failure) ?? FirstDelay * (1 << (failures.Count - 1)), time, cancellationToken);
        }
    }
}
