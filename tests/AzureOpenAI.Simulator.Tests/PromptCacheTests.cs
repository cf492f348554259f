using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class PromptCacheTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task SamePrompt_SecondCall_ReportsCachedTokensInBothForms()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string text = Text(1300);

        var first = await client.ChatBodyAsync(Body(text));
        var second = await client.ChatBodyAsync(Body(text));
        var streamed = await client.ChatBodyAsync(Body(text, ""","stream":true,"stream_options":{"include_usage":true}"""));

        Assert.Equal((0, 1280), (first.CachedTokens, second.CachedTokens));
        Assert.Equal(1300, second.Json.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Contains("\"cached_tokens\":1280", streamed.Events[^2], StringComparison.Ordinal);
        Assert.Equal([0, 1280, 1280], azure.Ledger.Snapshot().Select(entry => entry.CachedTokens));
    }

    [Theory]
    [InlineData(1023, 0)]
    [InlineData(1024, 1024)]
    [InlineData(1151, 1024)]
    [InlineData(1152, 1152)]
    public async Task SamePrompt_Length_CountsFrom1024InStepsOf128(int tokens, int cached)
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);

        await client.ChatBodyAsync(Body(Text(tokens)));
        var second = await client.ChatBodyAsync(Body(Text(tokens)));

        Assert.Equal(cached, second.CachedTokens);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(4095, 0)]
    [InlineData(4096, 1024)]
    [InlineData(4607, 1024)]
    [InlineData(4608, 1152)]
    public async Task CommonPrefix_OneCharacterDiffers_IsCachedUpToThere(int position, int cached)
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string text = Text(2000);

        await client.ChatBodyAsync(Body(text));
        var second = await client.ChatBodyAsync(Body(text[..position] + "#" + text[(position + 1)..]));

        Assert.Equal(cached, second.CachedTokens);
    }

    [Theory]
    [InlineData("\U0001F600", "\U0001F601", 0)]
    [InlineData("\U0001F600", "\U0001F600", 1024)]
    [InlineData("é", "e", 0)]
    public async Task CommonPrefix_BeyondAscii_IsComparedExactly(string first, string other, int cached)
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string text = Text(1024);
        string Prompt(string odd) => Body(text[..511] + odd + text[511..(4096 - odd.Length)]);

        await client.ChatBodyAsync(Prompt(first));
        var second = await client.ChatBodyAsync(Prompt(other));

        Assert.Equal(cached, second.CachedTokens);
    }

    [Fact]
    public async Task Conversation_Grows_EachTurnFindsTheOneBefore()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string system = Text(1100);
        string turn = Text(300);

        await client.ChatBodyAsync(Body(system, turns: [turn]));
        var second = await client.ChatBodyAsync(Body(system, turns: [turn, "an answer", turn]));
        var third = await client.ChatBodyAsync(Body(system, turns: [turn, "an answer", turn, "another", "a question"]));

        Assert.Equal(1280, second.CachedTokens);
        Assert.Equal(1664, third.CachedTokens);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(""","prompt_cache_key":"k1" """, ""","prompt_cache_key":"k2" """)]
    [InlineData(""","tools":[{"type":"function","function":{"name":"a"}}]""", ""","tools":[{"type":"function","function":{"name":"b"}}]""")]
    [InlineData(""","response_format":{"type":"text"}""", ""","response_format":{"type":"json_object"}""")]
    public async Task AroundTheMessages_DifferentKeyToolsOrFormat_IsADifferentPrompt(string first, string other)
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string text = Text(1024);

        await client.ChatBodyAsync(Body(text, first));
        var different = await client.ChatBodyAsync(Body(text, other));
        var same = await client.ChatBodyAsync(Body(text, first));

        Assert.Equal(first == other ? 1024 : 0, different.CachedTokens);
        Assert.Equal(1024, same.CachedTokens);
    }

    [Fact]
    public async Task Roles_AndParts_AreToldApart()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string text = Text(1024);
        string Message(string role, string image) =>
            $$$"""{"messages":[{"role":"{{{role}}}","content":[{"type":"image_url","image_url":{"url":"{{{image}}}"}},{"type":"text","text":"{{{text}}}"}]}]}""";

        await client.ChatBodyAsync(Message("user", "https://a"));
        int otherRole = (await client.ChatBodyAsync(Message("system", "https://a"))).CachedTokens;
        int otherImage = (await client.ChatBodyAsync(Message("user", "https://b"))).CachedTokens;
        int same = (await client.ChatBodyAsync(Message("user", "https://a"))).CachedTokens;

        Assert.Equal([0, 0, 1024], [otherRole, otherImage, same]);
    }

    [Fact]
    public async Task Expiry_CountsFromTheLastUse()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string body = Body(Text(1024));

        int[] cached = new int[4];
        for (int i = 0; i < cached.Length; i++)
        {
            cached[i] = (await client.ChatBodyAsync(body)).CachedTokens;
            _time.Advance(TimeSpan.FromMinutes(i == 2 ? 5 : 4.9));
        }

        Assert.Equal([0, 1024, 1024, 0], cached);
    }

    [Fact]
    public async Task Deployments_AndResources_DoNotShare()
    {
        await using var azure = await Simulators.StartOneAsync(
            resource => resource
                .AddDeployment("a", deployment => deployment.PromptCacheExpiry = TimeSpan.FromMinutes(5))
                .AddDeployment("b", deployment => deployment.PromptCacheExpiry = TimeSpan.FromMinutes(5))
                .AddDeployment("off"),
            _time);
        using var client = new WireClient(azure["east"]);
        string body = Body(Text(1024));

        await client.ChatBodyAsync(body, "a");
        await client.ChatBodyAsync(body, "off");
        int other = (await client.ChatBodyAsync(body, "b")).CachedTokens;
        int off = (await client.ChatBodyAsync(body, "off")).CachedTokens;

        Assert.Equal((0, 0), (other, off));
    }

    [Fact]
    public async Task RejectedPrompt_IsNotCached()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.PromptCacheExpiry = TimeSpan.FromMinutes(5);
            deployment.TokensPerMinute = 10;
        });
        using var client = new WireClient(azure["east"]);
        string body = Body(Text(1024));

        await client.ChatBodyAsync(body);
        azure["east"]["gpt-4o"].TokensPerMinute = null;
        var admitted = await client.ChatBodyAsync(body);

        Assert.Equal((200, 0), (admitted.Status, admitted.CachedTokens));
    }

    [Fact]
    public async Task RespondersUsage_StaysAsItIs()
    {
        await using var azure = await StartAsync(deployment => deployment.Respond(_ => new ChatReply { Text = "a", Usage = new TokenUsage(9, 1) { CachedTokens = 3 } }));
        using var client = new WireClient(azure["east"]);
        string body = Body(Text(1024));

        await client.ChatBodyAsync(body);
        var second = await client.ChatBodyAsync(body);

        Assert.Equal(3, second.CachedTokens);
        Assert.Equal(1024, azure.Ledger.Snapshot()[^1].CachedTokens);
    }

    [Fact]
    public async Task Provisioned_CachedTokens_CostNothing()
    {
        await using var azure = await StartAsync(deployment =>
        {
            deployment.ProvisionedTokensPerMinute = 10_000;
            deployment.Respond(_ => "four");
        });
        using var client = new WireClient(azure["east"]);
        string body = Body(Text(1100), ""","max_tokens":100""");

        var first = await client.ChatBodyAsync(body);
        double? afterFirst = azure["east"]["gpt-4o"].Utilization;
        var second = await client.ChatBodyAsync(body);

        Assert.Equal(("12.0%", 11.01), (first.Header("azure-openai-deployment-utilization"), afterFirst));
        Assert.Equal("12.8%", second.Header("azure-openai-deployment-utilization"));
        Assert.Equal(11.01 + 0.77, azure["east"]["gpt-4o"].Utilization!.Value, precision: 6);
        Assert.Equal([1200, 176], azure.Ledger.Snapshot().Select(entry => entry.EstimatedTokens));
    }

    [Fact]
    public async Task ManyPrompts_SweptOrNot_AreFoundWhileTheyLast()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);
        string longText = Text(1024 + (128 * 99));

        for (int i = 0; i < 60; i++)
        {
            await client.ChatBodyAsync(Body($"{i:000}#{longText}"));
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        int newest = (await client.ChatBodyAsync(Body($"059#{longText}"))).CachedTokens;
        int oldest = (await client.ChatBodyAsync(Body($"000#{longText}"))).CachedTokens;
        Assert.Equal((1024 + (128 * 99), 0), (newest, oldest));
    }

    private Task<AzureOpenAISimulator> StartAsync(Action<DeploymentOptions>? configure = null) => Simulators.StartLimitedAsync(_time, deployment =>
    {
        deployment.PromptCacheExpiry = TimeSpan.FromMinutes(5);
        configure?.Invoke(deployment);
    });

    /// <summary>Four different characters for each token.</summary>
    private static string Text(int tokens) =>
        string.Concat(Enumerable.Range(0, tokens).Select(i => i.ToString("x4", System.Globalization.CultureInfo.InvariantCulture)));

    private static string Body(string system, string extra = "", params string[] turns) =>
        $$"""{"messages":[{"role":"system","content":"{{system}}"}{{string.Concat(turns.Select((turn, i) => $$""",{"role":"{{(i % 2 == 0 ? "user" : "assistant")}}","content":"{{turn}}"}"""))}}]{{extra}}}""";
}
