using System.Diagnostics.Metrics;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using AzureOpenAI.RoundRobin;

namespace Dashboard.LiveView;

/// <summary>The frames for one client: one every half second, made when the client takes it.</summary>
/// <remarks>
/// A client that reads slowly gets fewer frames, and one that never reads gets none: nothing is queued for it. Events between two frames are held
/// in a record of bounded size, which drops the oldest. It ends with the client, or with the app.
/// </remarks>
internal static class LiveFeed
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(500);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static async IAsyncEnumerable<SseItem<string>> ReadAsync(
        EndpointPool pool, TimeProvider time, IMeterFactory? meters, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        using Observations observations = new(time, meters);
        using PeriodicTimer timer = new(Pace, time);
        PoolReader reader = new(pool, observations, time);
        do
        {
            yield return new(JsonSerializer.Serialize(reader.Read(), Json), "frame") { ReconnectionInterval = TimeSpan.FromSeconds(2) };
        }
        while (await WaitAsync(timer, end.Token));
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
