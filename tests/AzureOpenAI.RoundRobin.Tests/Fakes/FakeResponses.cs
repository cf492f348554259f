using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>What the SDK's adapter over the Responses API returns, with the raw types that it returns it with.</summary>
internal static class FakeResponses
{
    /// <summary>A whole answer, as the adapter makes it: without a finish reason.</summary>
    public static ChatResponse Whole(string text, string status = "completed", string more = "") => new(new ChatMessage(ChatRole.Assistant, text))
    {
        ResponseId = "resp_1",
        ConversationId = "resp_1",
        RawRepresentation = Read<ResponseResult>(Json(status, more)),
    };

    /// <summary>An update of an event, as the adapter makes it.</summary>
    public static ChatResponseUpdate Event(string type, string more, params AIContent[] contents) =>
        new(ChatRole.Assistant, contents) { RawRepresentation = Read<StreamingResponseUpdate>($$"""{"type":"{{type}}","sequence_number":0,{{more}}}""") };

    public static ChatResponseUpdate Created() => Event("response.created", $"\"response\":{Json("in_progress")}");

    public static ChatResponseUpdate Text(string text) =>
        Event("response.output_text.delta", $"\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\"", new TextContent(text));

    public static ChatResponseUpdate Completed() => Event("response.completed", $"\"response\":{Json("completed")}");

    public static ChatResponseUpdate Incomplete(string reason) =>
        Event("response.incomplete", $"\"response\":{Json("incomplete", $",\"incomplete_details\":{{\"reason\":\"{reason}\"}}")}");

    public static ChatResponseUpdate Failed(string code) =>
        Event("response.failed", $"\"response\":{Json("failed", $",\"error\":{{\"code\":\"{code}\",\"message\":\"It broke.\"}}")}");

    public static ChatResponseUpdate Error(string code) =>
        Event("error", $"\"code\":\"{code}\",\"message\":\"It broke.\",\"param\":null", new ErrorContent("It broke.") { ErrorCode = code });

    public static async IAsyncEnumerable<ChatResponseUpdate> Stream([EnumeratorCancellation] CancellationToken token, params ChatResponseUpdate[] updates)
    {
        foreach (ChatResponseUpdate update in updates)
        {
            token.ThrowIfCancellationRequested();
            yield return update;
        }

        await Task.CompletedTask;
    }

    /// <summary>The client answers so from now on, by calls and by streams.</summary>
    public static void Speaks(this FakeChatClient client, Func<ChatResponse> whole, params Func<ChatResponseUpdate>[] events)
    {
        client.OnCall = (_, _, _) => Task.FromResult(whole());
        client.OnStream = (_, _, token) => Stream(token, [.. events.Select(make => make())]);
    }

    private static string Json(string status, string more = "") =>
        $$"""{"id":"resp_1","object":"response","created_at":1,"status":"{{status}}","model":"m","output":[],"tools":[],"parallel_tool_calls":true{{more}}}""";

    private static T Read<T>(string json)
        where T : class, IPersistableModel<T> => ModelReaderWriter.Read<T>(BinaryData.FromString(json))!;
}
