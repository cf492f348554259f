using System.Collections.Concurrent;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Stands in a pool's own transport and notes what leaves. Follows no redirect, as the pool's transport does not.</summary>
internal sealed class RecordingHandler() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
{
    private readonly ConcurrentQueue<SentRequest> _sent = new();

    public IReadOnlyList<SentRequest> Sent => [.. _sent];

    public bool IsDisposed { get; private set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = request.Content is { } content ? await content.ReadAsStringAsync(cancellationToken) : "{}";
        _sent.Enqueue(new SentRequest(
            request.RequestUri!,
            request.Headers.ToDictionary(header => header.Key, header => string.Join(",", header.Value), StringComparer.OrdinalIgnoreCase),
            JsonElement.Parse(body)));
        return await base.SendAsync(request, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }
}

internal sealed record SentRequest(Uri Address, IReadOnlyDictionary<string, string> Headers, JsonElement Body)
{
    public string PathAndQuery => Address.PathAndQuery;
}
