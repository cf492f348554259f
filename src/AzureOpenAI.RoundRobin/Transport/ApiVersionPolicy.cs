using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Sends any <c>api-version</c>; the SDK's own setting knows two of them.</summary>
internal sealed class ApiVersionPolicy(string version) : PipelinePolicy
{
    private const string Parameter = "api-version=";

    private readonly string _version = version;

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Rewrite(message.Request);
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Rewrite(message.Request);
        return ProcessNextAsync(message, pipeline, currentIndex);
    }

    private void Rewrite(PipelineRequest request)
    {
        if (request.Uri is not { Query: { Length: > 0 } query } address)
        {
            return;
        }

        string rewritten = string.Join('&', query[1..].Split('&').Select(part =>
            part.StartsWith(Parameter, StringComparison.OrdinalIgnoreCase) ? Parameter + _version : part));
        request.Uri = new UriBuilder(address) { Query = rewritten }.Uri;
    }
}
