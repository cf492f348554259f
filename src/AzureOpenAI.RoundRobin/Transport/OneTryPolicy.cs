using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Replaces the SDK's retries: the pool retries, at another endpoint.</summary>
internal sealed class OneTryPolicy : PipelinePolicy
{
    public static readonly OneTryPolicy Instance = new();

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) => ProcessNext(message, pipeline, currentIndex);

    /// <remarks>Does what <see cref="PipelinePolicy.ProcessNextAsync"/> does, without its state machine.</remarks>
    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
        pipeline[currentIndex + 1].ProcessAsync(message, pipeline, currentIndex + 1);
}
