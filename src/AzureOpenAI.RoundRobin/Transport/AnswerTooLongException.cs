namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>An endpoint sent more bytes than an answer can have.</summary>
internal sealed class AnswerTooLongException(AnswerLimit limit)
    : IOException($"The endpoint sent more than {limit.Most:N0} bytes, which is more than {limit.What} can have.");
