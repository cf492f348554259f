using System.Diagnostics;
using System.Diagnostics.Metrics;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What it costs to be listened to: nobody, measurements only, measurements and spans. The listeners do nothing themselves.</summary>
public class ListenerBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private IChatClient _client = null!;
    private MeterListener? _meters;
    private ActivityListener? _spans;

    [Params("nobody", "metrics", "metrics and spans")]
    public string Listening { get; set; } = "";

    [Params("complete", "asynchronous")]
    public string Answer { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        if (Listening != "nobody")
        {
            _meters = new MeterListener
            {
                InstrumentPublished = static (instrument, listener) =>
                {
                    if (instrument.Meter.Name == "AzureOpenAI.RoundRobin")
                    {
                        listener.EnableMeasurementEvents(instrument);
                    }
                },
            };
            _meters.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
            _meters.SetMeasurementEventCallback<int>(static (_, _, _, _) => { });
            _meters.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
            _meters.Start();
        }

        if (Listening == "metrics and spans")
        {
            _spans = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "AzureOpenAI.RoundRobin",
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            };
            ActivitySource.AddActivityListener(_spans);
        }

        _client = Peers.Create("round robin", Answer == "asynchronous");
    }

    [Benchmark]
    public Task<ChatResponse> Call() => _client.GetResponseAsync(Messages);

    [Benchmark]
    public Task<int> Stream() => _client.GetStreamingResponseAsync(Messages).CountContentsAsync();

    [GlobalCleanup]
    public void Cleanup()
    {
        _client.Dispose();
        _meters?.Dispose();
        _spans?.Dispose();
    }
}
