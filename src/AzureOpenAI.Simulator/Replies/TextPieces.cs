namespace AzureOpenAI.Simulator;

/// <summary>Cuts text as a model's tokens would: word by word, the space in front; long words in pieces, no character broken.</summary>
internal static class TextPieces
{
    private const int Longest = 12;

    public static List<string> Cut(string text)
    {
        var pieces = new List<string>((text.Length / 5) + 1);
        int start = 0;
        for (int i = 1; i <= text.Length; i++)
        {
            bool whole = i == text.Length
                || (char.IsWhiteSpace(text[i]) && !char.IsWhiteSpace(text[i - 1]))
                || (i - start >= Longest && !char.IsLowSurrogate(text[i]));
            if (whole)
            {
                pieces.Add(text[start..i]);
                start = i;
            }
        }

        return pieces;
    }
}
