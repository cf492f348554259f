using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// An answer whose body is bounded from the moment that the transport sets it. It is clean where it is an error, and an exception where it only says that it is none.
/// </summary>
internal sealed class BoundedResponse(PipelineResponse response, EndpointMessage message, AnswerLimit limit, long? announced) : PipelineResponse
{
    private readonly PipelineResponse _response = response;
    private readonly EndpointMessage _message = message;
    private readonly long? _announced = announced;
    private readonly AnswerLimit _limit = limit;

    public override int Status => _response.Status;

    public override string ReasonPhrase => _response.ReasonPhrase;

    public override Stream? ContentStream
    {
        get => _response.ContentStream;
        set => _response.ContentStream = value is null || IsShort ? value : new AnswerStream(value, _limit, _message.Received, _announced ?? 0, this);
    }

    public override BinaryData Content => _response.Content;

    /// <summary>One that names its length cannot be longer, and is read as it is.</summary>
    private bool IsShort => _limit is { EndsThere: false, PerEvent: false } && _message.Received is null && _announced <= _limit.Most;

    protected override PipelineResponseHeaders HeadersCore => _response.Headers;

    protected override bool IsErrorCore { get; set; }

    public override BinaryData BufferContent(CancellationToken cancellationToken = default)
    {
        _response.BufferContent(cancellationToken);
        return Check();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await _response.BufferContentAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException) when (ErrorBody.Is(_response))
        {
            // The body of an error broke off: the status counts, as of one that is too long.
            if (_response.ContentStream is { } stream)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }

            _response.ContentStream = new MemoryStream();
        }

        return Check();
    }

    public override void Dispose() => _response.Dispose();

    /// <summary>What the service has said in an answer that is none.</summary>
    public InBandErrorException ExceptionOf(InBandError error) => InBandErrorException.Of(error, _message.Request, _response);

    private BinaryData Check()
    {
        ErrorBody.Clean(_message.Request, _response);
        BinaryData content = _response.BufferContent();
        return !ErrorBody.Is(_response) && InBandError.Find(content.ToMemory().Span, isWhole: true) is { } error ? throw ExceptionOf(error) : content;
    }
}
