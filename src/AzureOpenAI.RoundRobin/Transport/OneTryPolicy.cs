using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Stands where the SDK would try again: that is for the pool to do, at another endpoint.</summary>
internal sealed class OneTryPolicy : PipelinePolicy
{
    public static readonly OneTryPolicy Instance = new();

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) => ProcessNext(message, pipeline, currentIndex);

    /// <remarks>Does what <see cref="PipelinePolicy.ProcessNextAsync"/> does, without its state machine.</remarks>
    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
        pipeline[currentIndex + 1].ProcessAsync(message, pipeline, currentIndex + 1);
}
