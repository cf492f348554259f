using System.Buffers;

namespace AzureOpenAI.Simulator;

/// <summary>What may stand in a header, checked where the user wrote it rather than when the answer is sent.</summary>
internal static class HeaderText
{
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public static string RequireName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return name.AsSpan().ContainsAnyExcept(NameCharacters)
            ? throw new ArgumentException("A header name holds only letters, digits and -_.!#$%&'*+^`|~.", nameof(name))
            : name;
    }

    public static string RequireValue(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return IsPrintableAscii(value)
            ? value
            : throw new ArgumentException("A header value holds only printable ASCII characters.", nameof(value));
    }

    public static bool IsPrintableAscii(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
