using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>Reasoning that only the resource that sealed it can open.</summary>
internal static class SealedReasoning
{
    private const string Mark = "gAAAAA-";

    public static string Seal(string resource, string responseId) => Mark + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{resource}\n{responseId}"));

    public static bool IsOf(string resource, string text)
    {
        byte[] bytes = new byte[text.Length];
        return text.StartsWith(Mark, StringComparison.Ordinal)
            && Convert.TryFromBase64String(text[Mark.Length..], bytes, out int length)
            && Encoding.UTF8.GetString(bytes, 0, length).StartsWith(resource + "\n", StringComparison.Ordinal);
    }
}
