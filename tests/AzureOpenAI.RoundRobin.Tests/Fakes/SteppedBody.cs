using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Threading.Channels;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>The body of an answer, which says something when the test wants it to, and knows when that has been read.</summary>
internal sealed class SteppedBody : MemoryStream
{
    private readonly Channel<byte[]> _pieces = Channel.CreateUnbounded<byte[]>();
    private readonly SemaphoreSlim _reads = new(0);

    public override bool CanSeek => false;

    public HttpResponseMessage Response => new(HttpStatusCode.OK) { Content = new StreamContent(this) { Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") } } };

    /// <summary>Until all that was said has been read, and more is asked for.</summary>
    public Task IsReadAsync() => _reads.WaitAsync(TestContext.Current.CancellationToken);

    public Task SayAsync(string text)
    {
        _pieces.Writer.TryWrite(Encoding.UTF8.GetBytes(text));
        return IsReadAsync();
    }

    public void End(string text)
    {
        _pieces.Writer.TryWrite(Encoding.UTF8.GetBytes(text));
        _pieces.Writer.Complete();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _reads.Release();
        try
        {
            if (!await _pieces.Reader.WaitToReadAsync(cancellationToken))
            {
                return 0;
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody waits for it in vain.
            _reads.Release(100);
            throw;
        }

        byte[] piece = await _pieces.Reader.ReadAsync(cancellationToken);
        piece.CopyTo(buffer);
        return piece.Length;
    }
}
