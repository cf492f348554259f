namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Knows when all that has come of a stream has been read, and more is asked for.</summary>
internal sealed class ReadsHandler() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false })
{
    private readonly SemaphoreSlim _reads = new(0);

    public Task IsReadAsync() => _reads.WaitAsync(TestContext.Current.CancellationToken);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        StreamContent content = new(new Body(await response.Content.ReadAsStreamAsync(cancellationToken), _reads));
        foreach ((string name, IEnumerable<string> values) in response.Content.Headers)
        {
            content.Headers.TryAddWithoutValidation(name, values);
        }

        response.Content = content;
        return response;
    }

    protected override void Dispose(bool disposing)
    {
        _reads.Dispose();
        base.Dispose(disposing);
    }

    private sealed class Body(Stream stream, SemaphoreSlim reads) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            reads.Release();
            try
            {
                return await stream.ReadAsync(buffer, cancellationToken);
            }
            catch
            {
                // Nobody waits for it in vain.
                reads.Release(100);
                throw;
            }
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                stream.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
