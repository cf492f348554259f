using System.ClientModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace AzureOpenAI.RoundRobin.Scenarios.Clients;

/// <summary>
/// A rotation as a careful engineer builds it with Polly: around each endpoint a circuit breaker and a timeout, around all of them retries that
/// move on at once while another endpoint is untried, and otherwise wait as told by the service, or ever longer.
/// </summary>
internal sealed class PollyRotation : IChatClient
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(10);

    private static readonly ResiliencePropertyKey<HashSet<Guarded>> Tried = new("tried");

    private readonly Guarded[] _endpoints;
    private readonly ResiliencePipeline _retries;
    private uint _cursor;

    public PollyRotation(IChatClient[] clients)
    {
        _endpoints = [.. clients.Select(client => new Guarded(client))];
        _retries = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = arguments => new(IsTransient(arguments.Outcome.Exception, arguments.Context.CancellationToken)),
                MaxRetryAttempts = Math.Max(6, 2 * clients.Length),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = LongestDelay,
                DelayGenerator = arguments => new(Delay(arguments.Context)),
            })
            .Build();
    }

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await RunAsync(async (client, token) => await client.GetResponseAsync(messages, options, token), cancellationToken);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // Retries end at the first update; what comes after belongs to the caller.
        var (stream, moved) = await RunAsync(
            async (client, token) =>
            {
                IAsyncEnumerator<ChatResponseUpdate> opened = client.GetStreamingResponseAsync(messages, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
                try
                {
                    return (opened, await opened.MoveNextAsync().AsTask().WaitAsync(token));
                }
                catch
                {
                    // Not awaited: an enumerator that hangs does not let go before its move has ended.
                    _ = DisposeQuietlyAsync(opened);
                    throw;
                }
            },
            cancellationToken);
        await using (stream)
        {
            for (; moved; moved = await stream.MoveNextAsync())
            {
                yield return stream.Current;
            }
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private static async Task DisposeQuietlyAsync(IAsyncEnumerator<ChatResponseUpdate> stream)
    {
        try
        {
            await stream.DisposeAsync();
        }
        catch (NotSupportedException)
        {
            // It still moves, and ends with its request.
        }
    }

    private static bool IsTransient(Exception? exception, CancellationToken callers) => exception switch
    {
        null => false,
        ClientResultException { Status: 0 or 401 or 403 or 404 or 408 or 424 or 429 or >= 500 } => true,
        BrokenCircuitException or TimeoutRejectedException or IOException or JsonException or HttpRequestException => true,
        OperationCanceledException => !callers.IsCancellationRequested,
        _ => false,
    };

    private static TimeSpan? Hint(Exception? exception)
    {
        if (exception is not ClientResultException { Status: 429 or 503 } rejection || rejection.GetRawResponse() is not { } response)
        {
            return null;
        }

        return response.Headers.TryGetValue("retry-after-ms", out string? text) && double.TryParse(text, CultureInfo.InvariantCulture, out double milliseconds) ? TimeSpan.FromMilliseconds(milliseconds)
            : response.Headers.TryGetValue("Retry-After", out text) && double.TryParse(text, CultureInfo.InvariantCulture, out double seconds) ? TimeSpan.FromSeconds(seconds)
            : null;
    }

    private async Task<T> RunAsync<T>(Func<IChatClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(Tried, []);
        try
        {
            return await _retries.ExecuteAsync(
                async (context, call) =>
                {
                    Guarded endpoint = Next(context);
                    try
                    {
                        return await endpoint.Pipeline.ExecuteAsync(
                            async (state, token) => await state.call(state.endpoint.Client, token), (call, endpoint), context.CancellationToken);
                    }
                    catch (ClientResultException rejection) when (Hint(rejection) is { } hint)
                    {
                        endpoint.RestFor(hint);
                        throw;
                    }
                },
                context, call);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>The next in turn that is ready and untried; else the next that is ready; else the next.</summary>
    private Guarded Next(ResilienceContext context)
    {
        HashSet<Guarded> tried = context.Properties.GetValue(Tried, []);
        uint turn = Interlocked.Increment(ref _cursor);
        Guarded? chosen = null;
        for (uint i = 0; i < (uint)_endpoints.Length && (chosen is null || tried.Contains(chosen)); i++)
        {
            Guarded endpoint = _endpoints[(turn + i) % (uint)_endpoints.Length];
            chosen = endpoint.IsReady && (chosen is null || !tried.Contains(endpoint)) ? endpoint : chosen;
        }

        chosen ??= _endpoints[turn % (uint)_endpoints.Length];
        tried.Add(chosen);
        return chosen;
    }

    private TimeSpan? Delay(ResilienceContext context)
    {
        HashSet<Guarded> tried = context.Properties.GetValue(Tried, []);
        if (_endpoints.Any(endpoint => endpoint.IsReady && !tried.Contains(endpoint)))
        {
            return TimeSpan.Zero;
        }

        tried.Clear();
        TimeSpan soonest = _endpoints.Min(endpoint => endpoint.ReadyIn);
        return soonest <= TimeSpan.Zero ? null
            : (soonest < LongestDelay ? soonest : LongestDelay) + TimeSpan.FromMilliseconds(Random.Shared.Next(0, 100));
    }

    private sealed class Guarded
    {
        private readonly CircuitBreakerStateProvider _state = new();
        private long _restsUntil;

        public Guarded(IChatClient client)
        {
            Client = client;
            Pipeline = new ResiliencePipelineBuilder()
                .AddCircuitBreaker(new CircuitBreakerStrategyOptions
                {
                    // A rejection by a limit is no fault: the endpoint rests for as long as it says.
                    ShouldHandle = arguments => new(IsTransient(arguments.Outcome.Exception, arguments.Context.CancellationToken) && arguments.Outcome.Exception is not ClientResultException { Status: 429 }),
                    FailureRatio = 0.5,
                    MinimumThroughput = 10,
                    SamplingDuration = TimeSpan.FromSeconds(10),
                    BreakDuration = TimeSpan.FromSeconds(2),
                    StateProvider = _state,
                })
                // Models answer in up to half a minute, so no timeout below that is safe.
                .AddTimeout(TimeSpan.FromSeconds(30))
                .Build();
        }

        public IChatClient Client { get; }

        public ResiliencePipeline Pipeline { get; }

        public TimeSpan ReadyIn => TimeSpan.FromMilliseconds(Volatile.Read(ref _restsUntil) - Environment.TickCount64);

        public bool IsReady => ReadyIn <= TimeSpan.Zero && _state.CircuitState is CircuitState.Closed or CircuitState.HalfOpen;

        public void RestFor(TimeSpan hint) => Volatile.Write(ref _restsUntil, Environment.TickCount64 + (long)Math.Ceiling(hint.TotalMilliseconds));
    }
}
