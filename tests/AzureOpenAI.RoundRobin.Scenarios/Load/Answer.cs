namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>The one right answer to each prompt, which both processes know: the token must come back exactly once, and nothing may be missing after it.</summary>
internal static class Answer
{
    private const string Rest = "was asked, and this is the whole of what there is to say about it, in some twenty words, to the end";

    public static string Prompt(int cell, int call) => $"<{cell}.{call}>";

    public static string To(string prompt) => $"{prompt} {Rest} {prompt.Length}.";

    public static Verdict Judge(string prompt, string answer)
    {
        if (answer == To(prompt))
        {
            return Verdict.Right;
        }

        int first = answer.IndexOf(prompt, StringComparison.Ordinal);
        return string.IsNullOrWhiteSpace(answer) ? Verdict.Empty
            : first < 0 ? Verdict.Mixed
            : answer.IndexOf(prompt, first + 1, StringComparison.Ordinal) >= 0 || answer.Length > To(prompt).Length ? Verdict.Doubled
            : Verdict.Cut;
    }
}

/// <summary>What a caller got.</summary>
internal enum Verdict
{
    Right,

    /// <summary>An exception.</summary>
    Failed,

    /// <summary>Its patience ended first.</summary>
    GaveUp,

    /// <summary>The prompt is one that the content filter refuses, and it was told so.</summary>
    Filtered,

    // Answers that look right and are not.
    Empty,
    Cut,
    Doubled,
    Mixed,
}
