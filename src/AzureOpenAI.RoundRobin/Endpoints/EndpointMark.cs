using System.Buffers;
using System.IO.Hashing;
using System.Text;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// Where an id comes from: a hash of the resource's address and one of the deployment, at the end of the id itself, so that every process that has the endpoint finds it
/// again. It names no host and has nothing of a key. A pure function, the same in every process.
/// </summary>
/// <param name="Resource">The hash of the address: what the service keeps, the resource keeps.</param>
/// <param name="Deployment">The hash of the deployment.</param>
internal readonly record struct EndpointMark(string Resource, string Deployment)
{
    private const string Sign = "_rr";
    private const int ResourceLength = 8;
    private const int DeploymentLength = 4;
    private const int Length = ResourceLength + DeploymentLength;
    private const int BitsPerCharacter = 5;
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

    private static readonly SearchValues<char> Characters = SearchValues.Create(Alphabet);

    /// <summary>The beginning of a marked token. That of an unmarked one is JSON.</summary>
    private static ReadOnlySpan<byte> TokenSign => "rr:"u8;

    public static EndpointMark Of(Uri address, string? deployment) => new(Hash(address.AbsoluteUri, ResourceLength), Hash(deployment ?? "", DeploymentLength));

    /// <summary>Reads the mark of an id. Whatever has none, or no whole one, is an id as it is.</summary>
    /// <param name="marked">The id.</param>
    /// <param name="id">The id without the mark.</param>
    public static EndpointMark? Read(string marked, out string id)
    {
        int end = marked.Length - Length - Sign.Length;
        ReadOnlySpan<char> hashes = end > 0 ? marked.AsSpan(end + Sign.Length) : default;
        if (end <= 0 || !marked.AsSpan(end).StartsWith(Sign, StringComparison.Ordinal) || hashes.ContainsAnyExcept(Characters))
        {
            id = marked;
            return null;
        }

        id = marked[..end];
        return new(hashes[..ResourceLength].ToString(), hashes[ResourceLength..].ToString());
    }

    /// <inheritdoc cref="Read(string, out string)"/>
    public static EndpointMark? Read(ResponseContinuationToken marked, out ResponseContinuationToken token)
    {
        token = marked;
        ReadOnlyMemory<byte> bytes = marked.ToBytes();
        int begin = TokenSign.Length + Length;
        if (bytes.Length <= begin || !bytes.Span.StartsWith(TokenSign))
        {
            return null;
        }

        string hashes = Encoding.Latin1.GetString(bytes.Span[TokenSign.Length..begin]);
        if (hashes.AsSpan().ContainsAnyExcept(Characters))
        {
            return null;
        }

        token = ResponseContinuationToken.FromBytes(bytes[begin..]);
        return new(hashes[..ResourceLength], hashes[ResourceLength..]);
    }

    public string Write(string id) => string.Concat(id, Sign, Resource, Deployment);

    public ResponseContinuationToken Write(ResponseContinuationToken token) =>
        ResponseContinuationToken.FromBytes((byte[])[.. TokenSign, .. Encoding.Latin1.GetBytes(Resource), .. Encoding.Latin1.GetBytes(Deployment), .. token.ToBytes().Span]);

    public override string ToString() => Resource + Deployment;

    private static string Hash(string text, int length)
    {
        ulong hash = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text.ToLowerInvariant()));
        return string.Create(length, hash, static (characters, hash) =>
        {
            for (int i = 0; i < characters.Length; i++)
            {
                characters[i] = Alphabet[(int)((hash >> (BitsPerCharacter * i)) & (ulong)(Alphabet.Length - 1))];
            }
        });
    }
}
