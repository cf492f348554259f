using System.ClientModel;
using Microsoft.Extensions.AI;
using Polly;
using Polly.CircuitBreaker;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>A rotation with a Polly pipeline of a circuit breaker and a timeout for each endpoint. A call that is refused goes to the next endpoint.</summary>
internal sealed class PollyPerEndpoint : IChatClient
{
    private readonly (IChatClient Client, ResiliencePipeline Pipeline)[] _endpoints;
    private uint _cursor;

    public PollyPerEndpoint(IChatClient[] clients) => _endpoints = Array.ConvertAll(clients, static client => (client, new ResiliencePipelineBuilder()
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions { ShouldHandle = static arguments => new(arguments.Outcome.Exception is ClientResultException or BrokenCircuitException) })
        .AddTimeout(TimeSpan.FromSeconds(100))
        .Build()));

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        uint turn = Interlocked.Increment(ref _cursor);
        for (uint i = 0; ; i++)
        {
            (IChatClient client, ResiliencePipeline pipeline) = _endpoints[(turn + i) % (uint)_endpoints.Length];
            try
            {
                return await pipeline.ExecuteAsync(
                    static async (state, token) => await state.client.GetResponseAsync(state.messages, state.options, token).ConfigureAwait(false), (client, messages, options), cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is ClientResultException or BrokenCircuitException && i + 1 < _endpoints.Length)
            {
            }
        }
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
