using System.ComponentModel;
using System.Text.Json;
using OpenAI.Chat;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ChatResponseFormat = Microsoft.Extensions.AI.ChatResponseFormat;

#pragma warning disable SCME0001 // The SDK calls its patches experimental; several choices can be asked for in no other way.
namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A call of an app, and what the service answers.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Reply">The message of the answer, as JSON; several for several choices. The same fields are the deltas of a stream.</param>
internal sealed record ParityCase(string Name, params string[] Reply)
{
    private const string Hello = """{"role":"assistant","content":"Hello there","refusal":null}""";
    private const string Cited =
        """{"role":"assistant","content":"See here.","annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":3,"url":"https://example.com/a","title":"A"}}]}""";

    private const string Wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

    public IReadOnlyList<ChatMessage> Messages { get; init; } = [new(ChatRole.User, "Hello")];

    /// <summary>A part of the request by which it is seen that the case is what its name says.</summary>
    public string Sends { get; init; } = "\"messages\":[";

    public Func<ChatOptions?> Options { get; init; } = static () => null;

    public string Finish { get; init; } = "stop";

    /// <summary>More fields of each choice, as JSON.</summary>
    public string OfChoice { get; init; } = "";

    public string Usage { get; init; } = """{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}""";

    /// <summary>Its request has its body from the caller.</summary>
    public static IEnumerable<ParityCase> All { get; } =
    [
        new("a prompt", Hello),
        new("a conversation", Hello)
        {
            Sends = "\"role\":\"assistant\"",
            Messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi"), new(ChatRole.Assistant, "Hi!"), new(ChatRole.User, "Grüße 👋 \"quoted\"\n")],
        },
        new("the author of a message", Hello) { Sends = "\"name\":\"anna\"", Messages = [new(ChatRole.User, "Hi") { AuthorName = "anna" }] },
        new("a role of its own", Hello) { Sends = "\"role\":\"developer\"", Messages = [new(new ChatRole("developer"), "Be brief."), new(ChatRole.User, "Hi")] },
        new("instructions", Hello) { Sends = "Be brief.", Options = static () => new() { Instructions = "Be brief." } },
        new("sampling", Hello)
        {
            Sends = "\"seed\":42",
            Options = static () => new() { Temperature = 0.25f, TopP = 0.5f, FrequencyPenalty = 0.1f, PresencePenalty = -0.1f, Seed = 42 },
        },
        new("a limit of tokens, reached", """{"role":"assistant","content":"Hello"}""")
        {
            Sends = "\"max_completion_tokens\":1",
            Options = static () => new() { MaxOutputTokens = 1, StopSequences = ["END", "\n"] },
            Finish = "length",
        },
        new("a model by name", Hello) { Options = static () => new() { ModelId = "gpt-4o" } },
        new("a conversation's id", Hello) { Options = static () => new() { ConversationId = "thread-1" } },
        new("additional properties, which the SDK does not send", Hello) { Options = static () => new() { AdditionalProperties = new() { ["prompt_cache_key"] = "k", ["strict"] = true } } },
        new("tools, none called", Hello) { Sends = "\"tools\":[", Options = static () => new() { Tools = [Thermometer] } },
        new("tools, two called", Calls("read_thermometer", "read_thermometer"))
        {
            Sends = "\"parallel_tool_calls\":true",
            Options = static () => new() { Tools = [Thermometer], ToolMode = ChatToolMode.RequireSpecific("read_thermometer"), AllowMultipleToolCalls = true },
            Finish = "tool_calls",
        },
        new("tools, one at a time", Calls("read_thermometer"))
        {
            Sends = "\"tool_choice\":\"required\"",
            Options = static () => new() { Tools = [Thermometer], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = false },
            Finish = "tool_calls",
        },
        new("tools, forbidden", Hello) { Sends = "\"tool_choice\":\"none\"", Options = static () => new() { Tools = [Thermometer], ToolMode = ChatToolMode.None } },
        new("the results of tools", Hello)
        {
            Sends = "\"role\":\"tool\"",
            Messages =
            [
                new(ChatRole.User, "How warm is it?"),
                new(ChatRole.Assistant, [new FunctionCallContent("call-1", "read_thermometer", new Dictionary<string, object?> { ["city"] = "Bern" })]),
                new(ChatRole.Tool, [new FunctionResultContent("call-1", 21)]),
            ],
            Options = static () => new() { Tools = [Thermometer] },
        },
        new("a search of the web", Cited)
        {
            Sends = "\"web_search_options\":{",
            Options = static () => new() { Tools = [new HostedWebSearchTool()] },
        },
        new("JSON", """{"role":"assistant","content":"{\"name\":\"Bern\"}"}""") { Sends = "\"json_object\"", Options = static () => new() { ResponseFormat = ChatResponseFormat.Json } },
        new("structured output", """{"role":"assistant","content":"{\"name\":\"Bern\",\"population\":134000}"}""")
        {
            Sends = "\"json_schema\"",
            Options = static () => new() { ResponseFormat = ChatResponseFormat.ForJsonSchema<City>() },
        },
        new("structured output, strict", """{"role":"assistant","content":"{\"name\":\"Bern\",\"population\":134000}"}""")
        {
            Sends = "\"strict\":true",
            Options = static () => new() { ResponseFormat = ChatResponseFormat.ForJsonSchema<City>(), AdditionalProperties = new() { ["strict"] = true } },
        },
        new("a refusal", """{"role":"assistant","content":null,"refusal":"I would rather not."}"""),
        new("an image by its address", Hello)
        {
            Sends = "https://example.com/cat.png",
            Messages = [new(ChatRole.User, [new TextContent("What is this?"), new UriContent("https://example.com/cat.png", "image/png")])],
        },
        new("an image by its bytes", Hello)
        {
            Sends = "\"detail\":\"low\"",
            Messages = [new(ChatRole.User, [new DataContent(new byte[] { 1, 2, 3 }, "image/png") { AdditionalProperties = new() { ["detail"] = "low" } }])],
        },
        new("a file", Hello)
        {
            Sends = "\"file_data\":",
            Messages = [new(ChatRole.User, [new DataContent(new byte[] { 1, 2, 3 }, "application/pdf") { Name = "a.pdf" }, new TextContent("Read it.")])],
        },
        new("audio that goes in", Hello) { Sends = "\"input_audio\":", Messages = [new(ChatRole.User, [new DataContent(Convert.FromBase64String(Wav), "audio/wav")])] },
        new("audio that comes out", """{"role":"assistant","content":null,"audio":{"id":"audio-1","expires_at":1735689600,"data":"AQID","transcript":"Hello"}}""")
        {
            Sends = "\"modalities\":[\"text\",\"audio\"]",
            Options = static () => Raw(static raw =>
            {
                raw.ResponseModalities = ChatResponseModalities.Text | ChatResponseModalities.Audio;
                raw.AudioOptions = new ChatAudioOptions(ChatOutputAudioVoice.Alloy, ChatOutputAudioFormat.Mp3);
            }),
        },
        new("reasoning", Hello)
        {
            Sends = "\"reasoning_effort\":\"low\"",
            Options = static () => new() { Reasoning = new() { Effort = ReasoningEffort.Low }, MaxOutputTokens = 500 },
            Usage = """
                {"prompt_tokens":11,"completion_tokens":70,"total_tokens":81,"completion_tokens_details":{"reasoning_tokens":64,"accepted_prediction_tokens":2,"rejected_prediction_tokens":1}}
                """,
        },
        new("log probabilities", Hello)
        {
            Sends = "\"top_logprobs\":2",
            Options = static () => Raw(static raw => (raw.IncludeLogProbabilities, raw.TopLogProbabilityCount) = (true, 2)),
            OfChoice = """
                ,"logprobs":{"content":[{"token":"Hello","logprob":-0.01,"bytes":[72],"top_logprobs":[{"token":"Hi","logprob":-4.6,"bytes":null}]}],"refusal":null}
                """,
        },
        new("several choices", Hello, """{"role":"assistant","content":"Good day"}""") { Sends = "\"n\":2", Options = static () => Raw(static raw => raw.Patch.Set("$.n"u8, 2)) },
        new("options of the SDK", Hello)
        {
            Sends = "\"user\":\"user-7\"",
            Options = static () => Raw(static raw =>
            {
                (raw.EndUserId, raw.StoredOutputEnabled) = ("user-7", true);
                raw.Metadata["purpose"] = "test";
                raw.Temperature = 0.5f;
                raw.LogitBiases[50256] = -100;
            }),
        },
        new("an option that the SDK does not know", Hello) { Sends = "\"verbosity\":\"low\"", Options = static () => Raw(static raw => raw.Patch.Set("$.verbosity"u8, "low")) },
        new("a prompt from the service's cache", Hello)
        {
            Usage = """{"prompt_tokens":2006,"completion_tokens":7,"total_tokens":2013,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0}}""",
        },
        new("the remarks of the content filter", Hello)
        {
            OfChoice = ""","content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"protected_material_text":{"detected":false,"filtered":false}}""",
        },
        new("an answer that the content filter cut", """{"role":"assistant","content":"Hell"}""") { Finish = "content_filter" },
        new("an empty answer", """{"role":"assistant","content":""}"""),
    ];

    private static AIFunction Thermometer => AIFunctionFactory.Create(
        [Description("Reads a thermometer.")] static ([Description("Where it hangs.")] string city, int? floor) => 21, "read_thermometer");

    /// <summary>What the service sends, to a call or to a stream.</summary>
    public string Answer(bool streaming)
    {
        const string Head = "\"id\":\"answer-1\",\"created\":1735689600,\"model\":\"gpt-4o-2024-11-20\",\"system_fingerprint\":\"fp_1\",\"service_tier\":\"default\"";
        if (!streaming)
        {
            IEnumerable<string> choices = Reply.Select((message, i) => $$"""{"index":{{i}},"message":{{message}},"finish_reason":"{{Finish}}"{{OfChoice}}}""");
            return RawServer.Json($$"""{{{Head}},"object":"chat.completion","choices":[{{string.Join(',', choices)}}],"usage":{{Usage}}}""");
        }

        IEnumerable<string> events = Reply.SelectMany((message, i) => Deltas(message)
            .Select(delta => $$"""[{"index":{{i}},"delta":{{delta}},"finish_reason":null{{OfChoice}}}],"usage":null""")
            .Append($$$"""[{"index":{{{i}}},"delta":{},"finish_reason":"{{{Finish}}}"}],"usage":null"""))
            .Append($$"""[],"usage":{{Usage}}""");
        return RawServer.Events(string.Concat(events.Select(choices => $$"""data: {{{Head}},"object":"chat.completion.chunk","choices":{{choices}}}""" + "\n\n")) + "data: [DONE]\n\n");
    }

    public override string ToString() => Name;

    /// <summary>A field at a time, as the service sends them; of a text one half, then the other.</summary>
    private static IEnumerable<string> Deltas(string message)
    {
        foreach (JsonProperty field in JsonElement.Parse(message).EnumerateObject())
        {
            if (field is { Name: "content", Value: { ValueKind: JsonValueKind.String } value } && value.GetString() is { Length: > 1 } text)
            {
                yield return JsonSerializer.Serialize(new Dictionary<string, string> { ["content"] = text[..(text.Length / 2)] });
                yield return JsonSerializer.Serialize(new Dictionary<string, string> { ["content"] = text[(text.Length / 2)..] });
            }
            else
            {
                yield return $$"""{"{{field.Name}}":{{field.Value.GetRawText()}}}""";
            }
        }
    }

    private static string Calls(params string[] tools)
    {
        IEnumerable<string> calls = tools.Select(static (tool, i) =>
            $$$"""{"index":{{{i}}},"id":"call-{{{i}}}","type":"function","function":{"name":"{{{tool}}}","arguments":"{\"city\":\"Bern\"}"}}""");
        return $$"""{"role":"assistant","content":null,"tool_calls":[{{string.Join(',', calls)}}]}""";
    }

    private static ChatOptions Raw(Action<ChatCompletionOptions> set) => new()
    {
        RawRepresentationFactory = _ =>
        {
            ChatCompletionOptions raw = new();
            set(raw);
            return raw;
        },
    };

    [Description("A city and how many live there")]
    private sealed record City(string Name, int Population);
}
