namespace AzureOpenAI.Simulator;

/// <summary>Ids in the service's form that are the same in every run.</summary>
internal static class RequestIds
{
    public static string FromSequence(long sequence) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{sequence:x8}-0000-4000-8000-{sequence:x12}");

    public static string Completion(long sequence) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"chatcmpl-{sequence:x29}");
}
