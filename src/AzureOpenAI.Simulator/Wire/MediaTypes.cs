namespace AzureOpenAI.Simulator;

internal static class MediaTypes
{
    public const string Json = "application/json";
    public const string EventStream = "text/event-stream; charset=utf-8";
}
