using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Identifies a deployment, a resource or a key of one in every process that has it: 12 bytes of a hash. It tells neither address nor name nor key.
/// </summary>
[Experimental("AOAIRR001")]
public readonly record struct EndpointId
{
    private const int Bytes = 12;
    private const int Characters = 16;

    private readonly string? _text;

    private EndpointId(string text) => _text = text;

    /// <summary>Reads what <see cref="ToString"/> has written.</summary>
    /// <param name="text">16 characters of base64url.</param>
    /// <param name="id">The id.</param>
    /// <returns>Whether the text is an id.</returns>
    public static bool TryParse(string? text, out EndpointId id)
    {
        bool isId = text is { Length: Characters } && Base64Url.IsValid(text, out int bytes) && bytes == Bytes;
        id = isId ? new(text!) : default;
        return isId;
    }

    /// <summary>Returns the id as text.</summary>
    /// <returns>16 characters of base64url; none for the default value.</returns>
    public override string ToString() => _text ?? "";

    /// <param name="address">Of the resource. Case does not count in it.</param>
    /// <param name="parts">What else tells this id from others of the address.</param>
    internal static EndpointId Of(Uri address, params ReadOnlySpan<string> parts)
    {
        string text = string.Join('|', ["1", address.AbsoluteUri.ToLowerInvariant(), .. parts]);
        return new(Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, Bytes)));
    }
}
