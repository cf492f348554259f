using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>
/// A chat request as a resource received it. Immutable, and valid for as long as it is referenced.
/// </summary>
/// <remarks>A request of the Responses API is one too: its instructions, what its conversation holds, and its input are the messages.</remarks>
public sealed class ChatRequest
{
    private IReadOnlyList<string>? _toolNames;

    internal ChatRequest(string resource, string deployment, JsonElement body)
        : this(resource, deployment, body, body.ReadMessages())
    {
    }

    internal ChatRequest(string resource, string deployment, JsonElement body, IReadOnlyList<RequestMessage> messages)
    {
        Resource = resource;
        Deployment = deployment;
        Body = body;
        Messages = messages;
    }

    /// <summary>Gets the name of the resource that was asked.</summary>
    public string Resource { get; }

    /// <summary>Gets the name of the deployment that was asked.</summary>
    public string Deployment { get; }

    /// <summary>Gets the whole body, for what has no property here.</summary>
    public JsonElement Body { get; }

    /// <summary>Gets the messages.</summary>
    public IReadOnlyList<RequestMessage> Messages { get; }

    /// <summary>Gets the text of the last user message, or an empty string if there is none.</summary>
    public string LastUserText
    {
        get
        {
            for (int i = Messages.Count - 1; i >= 0; i--)
            {
                if (Messages[i].Role == "user")
                {
                    return Messages[i].Text;
                }
            }

            return "";
        }
    }

    /// <summary>Gets a value indicating whether the answer is to be streamed.</summary>
    public bool Streamed => Body.ReadBoolean("stream"u8);

    /// <summary>Gets the limit on the answer's tokens (<c>max_completion_tokens</c>, <c>max_tokens</c>, or <c>max_output_tokens</c>), or <see langword="null"/>. The simulator does not shorten answers to it.</summary>
    public int? MaxTokens => Body.ReadInt32("max_completion_tokens"u8) ?? Body.ReadInt32("max_tokens"u8) ?? Body.ReadInt32("max_output_tokens"u8);

    /// <summary>Gets the temperature, or <see langword="null"/>.</summary>
    public double? Temperature => Body.TryRead("temperature"u8, JsonValueKind.Number, out var value) ? value.GetDouble() : null;

    /// <summary>Gets the <c>model</c> of the body, which on the v1 route is the deployment, or <see langword="null"/>.</summary>
    public string? Model => Body.ReadString("model"u8);

    /// <summary>Gets the names of the tools that the answer may call.</summary>
    public IReadOnlyList<string> ToolNames => _toolNames ??= Body.ReadToolNames();

    /// <summary>Gets the JSON schema that the answer is to follow, or <see langword="null"/>.</summary>
    public JsonElement? JsonSchema =>
        Body.TryRead("response_format"u8, JsonValueKind.Object, out var format)
        && format.TryRead("json_schema"u8, JsonValueKind.Object, out var named)
        && named.TryRead("schema"u8, JsonValueKind.Object, out var schema)
            ? schema
            : Body.TryRead("text"u8, JsonValueKind.Object, out var text)
            && text.TryRead("format"u8, JsonValueKind.Object, out var response)
            && response.TryRead("schema"u8, JsonValueKind.Object, out schema)
                ? schema
                : null;

    /// <summary>Gets the characters of all messages together.</summary>
    public int PromptCharacters
    {
        get
        {
            int characters = 0;
            foreach (var message in Messages)
            {
                characters += message.Text.Length;
            }

            return characters;
        }
    }

    internal bool IncludesUsage => Body.TryRead("stream_options"u8, JsonValueKind.Object, out var options) && options.ReadBoolean("include_usage"u8);
}
