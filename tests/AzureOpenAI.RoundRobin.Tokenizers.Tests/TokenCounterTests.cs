using System.ComponentModel;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tokenizers.Tests;

public class TokenCounterTests
{
    public enum Unit
    {
        Celsius,
        Fahrenheit,
    }

    private static ChatMessage[] Question => [new(ChatRole.System, "You are a helpful assistant that can answer to questions about the weather."), new(ChatRole.User, "What's the weather like in San Francisco?")];

    /// <summary>What the service was seen to charge for these messages, as published by its makers.</summary>
    [Theory]
    [InlineData("gpt-35-turbo", 129)]
    [InlineData("gpt-4-0613", 129)]
    [InlineData("gpt-4o", 124)]
    [InlineData("gpt-4o-mini-2024-07-18", 124)]
    public void CountTokens_OfAConversation_IsWhatTheServiceCharges(string model, int expected)
    {
        ChatMessage[] messages =
        [
            new(ChatRole.System, "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."),
            new(ChatRole.System, "New synergies will help drive top-line growth.") { AuthorName = "example_user" },
            new(ChatRole.System, "Things working well together will increase revenue.") { AuthorName = "example_assistant" },
            new(ChatRole.System, "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.") { AuthorName = "example_user" },
            new(ChatRole.System, "Let's talk later when we're less busy about how to do better.") { AuthorName = "example_assistant" },
            new(ChatRole.User, "This late pivot means we don't have time to boil the ocean for the client deliverable."),
        ];

        Assert.Equal(expected, TokenCounter.ForModel(model).CountTokens(messages));
    }

    /// <summary>The same for a function.</summary>
    [Theory]
    [InlineData("gpt-3.5-turbo", 105)]
    [InlineData("gpt-4", 105)]
    [InlineData("gpt-4o", 101)]
    [InlineData("gpt-4o-mini", 101)]
    public void CountTokens_OfAFunction_IsWhatTheServiceCharges(string model, int expected)
    {
        AITool weather = Function("get_current_weather", "Get the current weather in a given location", """
            {"type":"object","properties":{
              "location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
              "unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},
             "required":["location"]}
            """);

        Assert.Equal(expected, TokenCounter.ForModel(model).CountTokens(Question, [weather]));
    }

    [Fact]
    public void CountTokens_OfFunctions_GrowsWithEachAndWithWhatIsInIt()
    {
        TokenCounter counter = TokenCounter.ForModel("gpt-4o");
        AITool plain = Function("f", "Does it", """{"type":"object","properties":{}}""");
        AITool flat = Function("f", "Does it", """{"type":"object","properties":{"a":{"type":"object"}}}""");
        AITool nested = Function("f", "Does it", """{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string","description":"inner"}}}}}""");
        AITool items = Function("f", "Does it", """{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","enum":["x","y"]}}}}""");
        int nothing = counter.CountTokens(Question);

        Assert.Equal(nothing, counter.CountTokens(Question, []));
        Assert.Equal(nothing, counter.CountTokens(Question, [new HostedWebSearchTool()]));
        int one = counter.CountTokens(Question, [plain]) - nothing;
        Assert.Equal(12 + 7 + counter.CountTokens("f:Does it"), one);
        Assert.Equal(12 + (2 * (one - 12)), counter.CountTokens(Question, [plain, plain]) - nothing);
        Assert.Equal(one + 3 + 3 + counter.CountTokens("a:object:"), counter.CountTokens(Question, [flat]) - nothing);
        Assert.Equal(one + 3 + 3 + counter.CountTokens("a:object:") + 3 + 3 + counter.CountTokens("b:string:inner"), counter.CountTokens(Question, [nested]) - nothing);
        Assert.Equal(one + 3 + 3 + counter.CountTokens("a:array:") - 3 + 3 + 1 + 3 + 1, counter.CountTokens(Question, [items]) - nothing);
    }

    [Fact]
    public void CountTokens_OfAFunctionOfDotNet_ReadsItsSchema()
    {
        TokenCounter counter = TokenCounter.ForModel("gpt-4o");
        AIFunction function = AIFunctionFactory.Create(
            ([Description("The city.")] string city, Unit unit = Unit.Celsius, int[]? days = null) => 21, "read_thermometer", "Reads a thermometer.");

        int withTool = counter.CountTokens(Question, [function]) - counter.CountTokens(Question);

        Assert.InRange(withTool, 12 + 7 + 3 + (3 * 3) + counter.CountTokens("read_thermometer:Reads a thermometer" + "city:string:The city"), 100);
    }

    [Fact]
    public void CountTokens_OfCallsAndResults_CountsEachResultAsAMessage()
    {
        TokenCounter counter = TokenCounter.ForModel("gpt-4o");
        Dictionary<string, object?> arguments = new() { ["city"] = "Bern" };
        ChatMessage calls = new(ChatRole.Assistant, [new FunctionCallContent("1", "read", arguments), new FunctionCallContent("2", "read")]);
        ChatMessage results = new(ChatRole.Tool, [new FunctionResultContent("1", "21 degrees"), new FunctionResultContent("2", 21), new FunctionResultContent("3", null)]);

        int before = counter.CountTokens([]);

        Assert.Equal(3, before);
        Assert.Equal(3 + 1 + (2 * (3 + 1)) + counter.CountTokens(JsonSerializer.Serialize(arguments, AIJsonUtilities.DefaultOptions)) + counter.CountTokens("{}"), counter.CountTokens([calls]) - before);
        Assert.Equal((3 * (3 + 1)) + counter.CountTokens("21 degrees") + 1, counter.CountTokens([results]) - before);
    }

    [Fact]
    public void CountTokens_OfWhatIsNoText_IsNothing()
    {
        TokenCounter counter = TokenCounter.ForModel("gpt-4o");
        ChatMessage message = new(ChatRole.User, [new TextContent("What is this?"), new DataContent(new byte[100_000], "image/png"), new TextReasoningContent("hm"), new UriContent("https://example.com/x.png", "image/png")]);

        Assert.Equal(counter.CountTokens([new ChatMessage(ChatRole.User, "What is this?")]), counter.CountTokens([message]));
        Assert.Equal(3 + 3 + 1, counter.CountTokens([new ChatMessage(ChatRole.User, "")]));
    }

    [Theory]
    [InlineData("tiktoken is great!", "o200k_base", 6)]
    [InlineData("tiktoken is great!", "cl100k_base", 6)]
    [InlineData("", "o200k_base", 0)]
    [InlineData("お誕生日おめでとう", "cl100k_base", 9)]
    [InlineData("お誕生日おめでとう", "o200k_base", 8)]
    public void CountTokens_OfAText_IsThatOfItsEncoding(string text, string encoding, int expected) =>
        Assert.Equal(expected, TokenCounter.ForEncoding(encoding, 1000).CountTokens(text));

    [Fact]
    public void RemainingTokens_OfARequest_IsTheWindowLessWhatItCounts()
    {
        TokenCounter counter = TokenCounter.ForModel("gpt-4", contextWindow: 50);
        AITool tool = Function("f", "Does it", """{"type":"object","properties":{}}""");

        Assert.Equal(50 - counter.CountTokens(Question), counter.RemainingTokens(Question));
        Assert.Equal(50 - counter.CountTokens(Question, [tool]), counter.RemainingTokens(Question, [tool]));
        Assert.True(counter.RemainingTokens([.. Question, .. Question, .. Question]) < 0);
    }

    [Theory]
    [InlineData("gpt-4o", "o200k_base", 128_000)]
    [InlineData("GPT-4o-2024-11-20", "o200k_base", 128_000)]
    [InlineData(" gpt-4.1-mini-2025-04-14 ", "o200k_base", 1_047_576)]
    [InlineData("gpt-5", "o200k_base", 400_000)]
    [InlineData("gpt-5-chat", "o200k_base", 128_000)]
    [InlineData("o3-mini", "o200k_base", 200_000)]
    [InlineData("gpt-35-turbo", "cl100k_base", 16_385)]
    [InlineData("gpt-35-turbo-0613", "cl100k_base", 4_096)]
    [InlineData("gpt-35-turbo-1106", "cl100k_base", 16_385)]
    [InlineData("gpt-4", "cl100k_base", 8_192)]
    [InlineData("gpt-4-0613", "cl100k_base", 8_192)]
    [InlineData("gpt-4-1106-preview", "cl100k_base", 128_000)]
    [InlineData("gpt-4-turbo-2024-04-09", "cl100k_base", 128_000)]
    [InlineData("text-embedding-3-large", "cl100k_base", 8_192)]
    public void ForModel_ThatIsKnown_KnowsItsEncodingAndWindow(string model, string encoding, int window)
    {
        TokenCounter counter = TokenCounter.ForModel(model);

        Assert.Equal((model, encoding, window), (counter.Model, counter.EncodingName, counter.ContextWindow));
        Assert.Equal(model, counter.ToString());
        Assert.Equal(1000, TokenCounter.ForModel(model, 1000).ContextWindow);
    }

    [Theory]
    [InlineData("my-deployment")]
    [InlineData("gpt-4o-audio-preview")]
    [InlineData("gpt-9")]
    [InlineData("gpt-4oo")]
    [InlineData("")]
    public void ForModel_ThatIsUnknown_SaysSoAndWhatToDo(string model)
    {
        ArgumentException failure = Assert.Throws<ArgumentException>(nameof(model), () => TokenCounter.ForModel(model));

        Assert.StartsWith($"'{model}' is not a model whose encoding and context window are known here.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("use ForEncoding with \"o200k_base\" and its context window", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_ThatAreWrong_Throw()
    {
        TokenCounter counter = TokenCounter.ForEncoding("o200k_base", 10);

        Assert.Null(counter.Model);
        Assert.Equal("o200k_base", counter.ToString());
        Assert.Throws<ArgumentNullException>("model", () => TokenCounter.ForModel(null!));
        Assert.Throws<ArgumentNullException>("encodingName", () => TokenCounter.ForEncoding(null!, 1));
        Assert.Throws<ArgumentException>("encodingName", () => TokenCounter.ForEncoding("p50k_base", 1));
        Assert.Throws<ArgumentOutOfRangeException>("contextWindow", () => TokenCounter.ForEncoding("o200k_base", 0));
        Assert.Throws<ArgumentOutOfRangeException>("contextWindow", () => TokenCounter.ForModel("gpt-4o", -1));
        Assert.Throws<ArgumentNullException>("text", () => counter.CountTokens((string)null!));
        Assert.Throws<ArgumentNullException>("messages", () => counter.CountTokens((IEnumerable<ChatMessage>)null!));
        Assert.Throws<ArgumentNullException>("messages", () => counter.RemainingTokens(null!));
    }

    [Fact]
    public async Task ACounter_FromManyThreads_CountsTheSame()
    {
        int[] counts = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(
            () => Enumerable.Range(0, 50).Sum(_ => TokenCounter.ForModel("gpt-4").CountTokens(Question)), TestContext.Current.CancellationToken)));

        Assert.Equal(50 * TokenCounter.ForModel("gpt-4").CountTokens(Question), Assert.Single(counts.Distinct()));
    }

    private static AIFunctionDeclaration Function(string name, string description, string schema) =>
        AIFunctionFactory.CreateDeclaration(name, description, JsonElement.Parse(schema));
}
