using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>
/// An answer that the SDK did not foresee, whatever it throws at it, is tried at one other endpoint; where that does no better, the SDK's exception surfaces, and
/// nobody is blamed.
/// </summary>
[Trait("Rule", "R19")]
public sealed class UnreadableAnswerTests
{
    private const string Whole = RawPairText.Whole, Chunk = RawPairText.Chunk;

    private static readonly (string Name, string Body)[] Bodies =
    [
        ("an array", "[]"),
        ("a text", "\"text\""),
        ("created is a text", Whole.Replace("\"created\":1", "\"created\":\"1\"", StringComparison.Ordinal)),
        ("created is huge", Whole.Replace("\"created\":1", "\"created\":1e300", StringComparison.Ordinal)),
        ("created is beyond all time", Whole.Replace("\"created\":1", "\"created\":999999999999999", StringComparison.Ordinal)),
        ("finish_reason is a number", Whole.Replace("\"stop\"", "5", StringComparison.Ordinal)),
        ("finish_reason is unknown", Whole.Replace("\"stop\"", "\"quota_of_the_future\"", StringComparison.Ordinal)),
        ("choices is a number", """{"id":"1","choices":5}"""),
        ("choices is empty", """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[]}"""),
        ("tool arguments are an object", Whole.Replace(
            "\"content\":\"x\"", """
            "content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":{"a":1}}}]
            """, StringComparison.Ordinal)),
        ("role is a number", Whole.Replace("\"assistant\"", "5", StringComparison.Ordinal)),
        ("usage is a text", Whole.Replace("\"created\":1", "\"created\":1,\"usage\":\"none\"", StringComparison.Ordinal)),
    ];

    private static readonly (string Name, string Body)[] Events =
    [
        ("an array", "[]"),
        ("created is a text", Chunk.Replace("\"created\":1", "\"created\":\"1\"", StringComparison.Ordinal)),
        ("finish_reason is a number", Chunk.Replace("null", "5", StringComparison.Ordinal)),
        ("finish_reason is unknown", Chunk.Replace("null", "\"quota_of_the_future\"", StringComparison.Ordinal)),
        ("tool arguments are an object", Chunk.Replace(
            "\"content\":\"x\"", """
            "tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":{"a":1}}}]
            """, StringComparison.Ordinal)),
        ("choices is a number", """{"id":"1","choices":5}"""),
    ];

    public static TheoryData<string, bool> Cases
    {
        get
        {
            TheoryData<string, bool> data = [];
            Array.ForEach(Bodies, body => data.Add(body.Name, false));
            Array.ForEach(Events, body => data.Add(body.Name, true));
            return data;
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task One_other_endpoint_is_asked(string name, bool streaming)
    {
        await using RawPair pair = new(exchange => exchange.WriteAsync(Answer(name, streaming)));

        Assert.Equal(RawPair.WestText, (await pair.Client.AskAsync(streaming, "hello", null, Cancellation)).Text);

        EndpointStatus east = pair.Pool.GetStatus()[0];
        Assert.Equal((EndpointFailureReason.BrokenAnswer, EndpointState.Healthy), (east.LastError!.Reason, east.State));
        Assert.Equal([1, 1], [pair.East.Heads.Count, pair.West.Heads.Count]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_pool_of_one_asks_once_and_fails_as_the_plain_client_does(string name, bool streaming)
    {
        await using RawServer server = new(exchange => exchange.WriteAsync(Answer(name, streaming)));
        using EndpointPool pool = Pool(server);
        using RoundRobinChatClient client = new(pool);

        for (int i = 1; i <= 3; i++)
        {
            Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => client.AskAsync(streaming, "hello", null, Cancellation));

            Assert.IsNotType<EndpointsExhaustedException>(failure);
            Assert.Equal(i, server.Heads.Count);
        }

        Assert.Equal(EndpointState.Healthy, pool.GetStatus()[0].State);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Where_all_do_no_better_it_surfaces_and_nobody_is_blamed(string name, bool streaming)
    {
        await using RawServer one = new(exchange => exchange.WriteAsync(Answer(name, streaming)));
        await using RawServer two = new(exchange => exchange.WriteAsync(Answer(name, streaming)));
        await using RawServer three = new(exchange => exchange.WriteAsync(Answer(name, streaming)));
        using EndpointPool pool = Pool(one, two, three);
        using RoundRobinChatClient client = new(pool);

        for (int i = 1; i <= 4; i++)
        {
            Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => client.AskAsync(streaming, "hello", null, Cancellation));

            Assert.IsNotType<EndpointsExhaustedException>(failure);
            Assert.Equal(2 * i, one.Heads.Count + two.Heads.Count + three.Heads.Count);
        }

        Assert.All(pool.GetStatus(), static status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    /// <summary>What reached the caller cannot be taken back, but the endpoint did not cut it.</summary>
    [Theory]
    [InlineData("finish_reason is a number")]
    [InlineData("tool arguments are an object")]
    [InlineData("created is a text")]
    public async Task After_content_the_stream_breaks_off_and_nobody_is_out(string name)
    {
        string body = $"data: {Chunk}\n\ndata: {Array.Find(Events, body => body.Name == name).Body}\n\ndata: [DONE]\n\n";
        await using RawPair pair = new(exchange => exchange.WriteAsync(RawServer.Events(body)));

        (string text, Exception? failure) = await pair.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync();

        Assert.Equal("x", text);
        Assert.IsType<ChatStreamInterruptedException>(failure);
        Assert.Equal(EndpointState.Healthy, pair.Pool.GetStatus()[0].State);
    }

    private static string Answer(string name, bool streaming) => streaming
        ? RawServer.Events($"data: {Array.Find(Events, body => body.Name == name).Body}\n\ndata: [DONE]\n\n")
        : RawServer.Json(Array.Find(Bodies, body => body.Name == name).Body);

    private static EndpointPool Pool(params RawServer[] servers)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        foreach (RawServer server in servers)
        {
            options.Endpoints.Add(new EndpointOptions { Endpoint = server.Endpoint, ApiKey = RawPair.EastKey });
        }

        return new EndpointPool(ConfigurationResolver.ForPool(options), start: uint.MaxValue, jitter: static () => 0);
    }

    private static class RawPairText
    {
        public const string Whole = """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"x"}}]}""";

        public const string Chunk = """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}""";
    }
}
