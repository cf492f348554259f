using System.Text;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Finds keys in a text, and parts of them: a key that was cut, or pasted over other text, leaves a part in a place where no key belongs.</summary>
/// <remarks>Its time depends on the length of the text and not on the number of keys, of which there may be thousands.</remarks>
internal sealed class KnownKeys
{
    /// <summary>Shorter keys are words of a test set-up, and shorter parts occur in words: hiding them would make the messages unreadable.</summary>
    public const int Shortest = 8;

    private readonly Dictionary<string, List<string>> _byStart = new(StringComparer.OrdinalIgnoreCase);
    private HashSet<string>? _parts;

    public void Add(string key)
    {
        if (key.Length < Shortest)
        {
            return;
        }

        string start = key[..Shortest];
        if (!_byStart.TryGetValue(start, out List<string>? keys))
        {
            _byStart.Add(start, keys = []);
        }

        if (!keys.Contains(key, StringComparer.OrdinalIgnoreCase))
        {
            keys.Add(key);
            _parts = null;
        }
    }

    public bool AreIn(string text)
    {
        for (int i = 0; _byStart.Count > 0 && i + Shortest <= text.Length; i++)
        {
            if (LengthAt(text, i) > 0)
            {
                return true;
            }
        }

        return false;
    }

    public string BlotOut(string text)
    {
        if (_byStart.Count == 0)
        {
            return text;
        }

        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> parts = (_parts ??= Parts()).GetAlternateLookup<ReadOnlySpan<char>>();
        StringBuilder blotted = new(text.Length);
        int hiddenUntil = 0;
        for (int i = 0; i < text.Length; i++)
        {
            int length = i + Shortest > text.Length ? 0 : LengthAt(text, i) is > 0 and int whole ? whole : parts.Contains(text.AsSpan(i, Shortest)) ? Shortest : 0;
            if (length > 0)
            {
                blotted.Append(i >= hiddenUntil ? "(key)" : "");
                hiddenUntil = Math.Max(hiddenUntil, i + length);
            }

            if (i >= hiddenUntil)
            {
                blotted.Append(text[i]);
            }
        }

        return blotted.ToString();
    }

    /// <summary>The length of the longest key that begins at a position.</summary>
    private int LengthAt(string text, int at)
    {
        ReadOnlySpan<char> rest = text.AsSpan(at);
        if (!_byStart.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(rest[..Shortest], out List<string>? keys))
        {
            return 0;
        }

        int longest = 0;
        foreach (string key in keys)
        {
            longest = key.Length > longest && rest.StartsWith(key, StringComparison.OrdinalIgnoreCase) ? key.Length : longest;
        }

        return longest;
    }

    /// <summary>Parts of keys that look like keys, and only parts with a digit: other parts may be words, which the messages themselves consist of.</summary>
    private HashSet<string> Parts()
    {
        HashSet<string> parts = new(StringComparer.OrdinalIgnoreCase);
        foreach (string key in _byStart.Values.SelectMany(static keys => keys).Where(static key => !TextRules.CanShow(key) && key.All(char.IsAsciiLetterOrDigit)))
        {
            for (int i = 0; i + Shortest <= key.Length; i++)
            {
                if (key.AsSpan(i, Shortest).ContainsAnyInRange('0', '9'))
                {
                    parts.Add(key.Substring(i, Shortest));
                }
            }
        }

        return parts;
    }
}
