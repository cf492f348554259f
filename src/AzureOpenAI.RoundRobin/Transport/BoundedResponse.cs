using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>An answer whose body is limited as soon as the transport sets it, and whose error body is cleaned of keys.</summary>
internal sealed class BoundedResponse(PipelineResponse response, EndpointMessage message, AnswerLimit limit, long announced) : PipelineResponse
{
    private readonly PipelineResponse _response = response;
    private readonly EndpointMessage _message = message;
    private readonly long _announced = announced;
    private readonly AnswerLimit _limit = limit;

    public override int Status => _response.Status;

    public override string ReasonPhrase => _response.ReasonPhrase;

    public override Stream? ContentStream
    {
        get => _response.ContentStream;
        set => _response.ContentStream = value is null ? null : new AnswerStream(value, _limit, _message.Received, _announced);
    }

    public override BinaryData Content => _response.Content;

    protected override PipelineResponseHeaders HeadersCore => _response.Headers;

    protected override bool IsErrorCore { get; set; }

    public override BinaryData BufferContent(CancellationToken cancellationToken = default)
    {
        _response.BufferContent(cancellationToken);
        return Clean();
    }

    public override async ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default)
    {
        await _response.BufferContentAsync(cancellationToken).ConfigureAwait(false);
        return Clean();
    }

    public override void Dispose() => _response.Dispose();

    private BinaryData Clean()
    {
        ErrorBody.Clean(_message.Request, _response);
        return _response.BufferContent();
    }
}
