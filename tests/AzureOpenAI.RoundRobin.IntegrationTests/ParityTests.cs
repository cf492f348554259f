using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.DependencyInjection;
using OpenAI;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>
/// What the pool sends is what the SDK's own client sends, and what its caller gets is what the caller of the SDK's own client gets: byte by byte and field by field, but for
/// the endpoint's mark.
/// </summary>
public sealed class ParityTests
{
    /// <summary>Of one request or connection alone.</summary>
    private static readonly string[] OfItsOwn = ["Host", "x-ms-client-request-id", "traceparent", "Authorization", "api-key"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool, bool> Cases =>
        [.. from asked in ParityCase.All from isV1 in (bool[])[false, true] from streaming in (bool[])[false, true] select (asked.Name, isV1, streaming)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_pool_sends_and_answers_what_the_plain_client_does(string name, bool isV1, bool streaming)
    {
        ParityCase asked = ParityCase.All.Single(one => one.Name == name);
        List<RawExchange> heard = [];
        await using RawServer server = new(exchange =>
        {
            heard.Add(exchange);
            return exchange.WriteAsync(asked.Answer(exchange.WantsStream));
        });
        await using RawServer busy = new(static exchange => exchange.WriteAsync(RawServer.Json("""{"error":{"code":"429","message":"busy"}}""", 429, "retry-after-ms: 60000\r\n")));
        using IChatClient plain = PlainOf(server, isV1);
        using IChatClient pool = PoolOf([server], isV1);
        using IChatClient moving = PoolOf([busy, server], isV1);

        string[] expected = await AskAsync(plain, asked, streaming);
        Assert.Contains(asked.Sends, heard[0].Body, StringComparison.Ordinal);

        Assert.Equal(expected, await AskAsync(pool, asked, streaming));
        Assert.Equal(expected, await AskAsync(moving, asked, streaming));
        Assert.Single(busy.Heads);
        Assert.Equal(3, heard.Count);
        Assert.All(heard, request => AssertSame(heard[0], request));
    }

    /// <summary>Answers that a cache around either client keeps.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cached_answer_is_that_of_the_plain_client(bool streaming)
    {
        foreach (ParityCase asked in ParityCase.All)
        {
            await using RawServer server = new(exchange => exchange.WriteAsync(asked.Answer(exchange.WantsStream)));
            await using ServiceProvider services = new ServiceCollection().AddDistributedMemoryCache().BuildServiceProvider();
            using IChatClient plain = CachedOf(PlainOf(server, isV1: false), "plain", services);
            using IChatClient pool = CachedOf(PoolOf([server], isV1: false), "pool", services);
            await AskAsync(plain, asked, streaming);
            await AskAsync(pool, asked, streaming);

            string[] kept = await AskAsync(pool, asked, streaming);

            // A part that has nothing but the mark is of the pool alone.
            Assert.Equal((await AskAsync(plain, asked, streaming)).Where(static part => part != Empty), kept.Where(static part => part != Empty));
            // A cache keeps nothing of a conversation that the service keeps.
            Assert.Equal(asked.Options()?.ConversationId is null ? 2 : 4, server.Heads.Count);
        }
    }

    [Theory]
    [InlineData(false, 400)]
    [InlineData(true, 400)]
    [InlineData(false, 404)]
    [InlineData(true, 404)]
    public async Task A_failure_is_that_of_the_plain_client(bool streaming, int status)
    {
        const string Error = """{"error":{"code":"content_filter","type":"t","param":"prompt","message":"The prompt was filtered."}}""";
        await using RawServer server = new(exchange => exchange.WriteAsync(RawServer.Json(Error, status)));
        using IChatClient plain = PlainOf(server, isV1: false);
        using IChatClient pool = PoolOf([server], isV1: false);
        ParityCase asked = ParityCase.All.First();

        ClientResultException expected = await Assert.ThrowsAsync<ClientResultException>(() => AskAsync(plain, asked, streaming));
        ClientResultException actual = await Assert.ThrowsAsync<ClientResultException>(() => AskAsync(pool, asked, streaming));

        Assert.Equal((expected.Status, expected.Message), (actual.Status, actual.Message));
        Assert.Equal($"{expected.GetRawResponse()!.Content}", $"{actual.GetRawResponse()!.Content}");
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(false, 2)]
    [InlineData(true, 2)]
    public async Task Vectors_are_asked_for_and_given_as_by_the_plain_generator(bool isV1, int? dimensions)
    {
        List<RawExchange> heard = [];
        await using RawServer server = new(exchange =>
        {
            heard.Add(exchange);
            return exchange.WriteAsync(RawServer.Json(RawPair.Vector));
        });
        EmbeddingGenerationOptions? options = dimensions is null ? null : new() { Dimensions = dimensions };
        using IEmbeddingGenerator<string, Embedding<float>> plain = ClientOf(server, isV1).GetEmbeddingClient("gpt-4o").AsIEmbeddingGenerator();
        using RoundRobinChatClient chat = PoolOf([server], isV1);
        using RoundRobinEmbeddingGenerator pool = new(chat.Pool, leaveOpen: true);

        GeneratedEmbeddings<Embedding<float>> expected = await plain.GenerateAsync(["Hello"], options, Cancellation);
        GeneratedEmbeddings<Embedding<float>> actual = await pool.GenerateAsync(["Hello"], options, Cancellation);

        Assert.Equal(dimensions is not null, heard[0].Body.Contains("\"dimensions\":2", StringComparison.Ordinal));
        AssertSame(heard[0], heard[1]);
        // When the vector came is read from the clock.
        actual.Single().CreatedAt = expected.Single().CreatedAt;
        Assert.Equal((Json(expected.Single()), Json(expected.Usage!)), (Json(actual.Single()), Json(actual.Usage!)));
    }

    private static string Empty { get; } = Json(new ChatResponseUpdate());

    private static void AssertSame(RawExchange expected, RawExchange actual)
    {
        Assert.Equal(expected.Body, actual.Body);
        Assert.Equal(HeadOf(expected), HeadOf(actual));
        Assert.Contains(RawPair.EastKey, actual.Head, StringComparison.Ordinal);
    }

    private static IEnumerable<string> HeadOf(RawExchange exchange) =>
        exchange.Head.Split("\r\n").Where(static line => !OfItsOwn.Contains(line.Split(':')[0], StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal);

    private static async Task<string[]> AskAsync(IChatClient client, ParityCase asked, bool streaming)
    {
        if (!streaming)
        {
            ChatResponse response = await client.GetResponseAsync(asked.Messages, asked.Options(), Cancellation);
            return [.. RawParts(response.RawRepresentation, response.Messages.SelectMany(static message => message.Contents)), Json(response)];
        }

        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync(asked.Messages, asked.Options(), Cancellation).ToListAsync(Cancellation);
        return [.. updates.SelectMany(static update => RawParts(update.RawRepresentation, update.Contents).Append(Json(update)))];
    }

    /// <summary>The SDK's objects, of which people read what Microsoft.Extensions.AI does not have.</summary>
    private static IEnumerable<string> RawParts(object? whole, IEnumerable<AIContent> contents) =>
        contents.Select(static content => content.RawRepresentation).Prepend(whole).OfType<object>().Select(static part =>
            $"{part.GetType().FullName} {(part is IPersistableModel<object> or IJsonModel<object> ? ModelReaderWriter.Write(part) : "")}");

    private static string Json(object answer)
    {
        JsonNode node = JsonSerializer.SerializeToNode(answer, AIJsonUtilities.DefaultOptions)!;
        foreach (JsonObject marked in Objects(node).Where(static one => one["additionalProperties"] is JsonObject).ToArray())
        {
            JsonObject properties = marked["additionalProperties"]!.AsObject();
            properties.Remove("azure_openai.round_robin.endpoint");
            properties.Remove("azure_openai.round_robin.attempts");
            if (properties.Count == 0)
            {
                marked.Remove("additionalProperties");
            }
        }

        return node.ToJsonString();
    }

    private static IEnumerable<JsonObject> Objects(JsonNode? node) => node switch
    {
        JsonObject one => one.SelectMany(static field => Objects(field.Value)).Prepend(one),
        JsonArray many => many.SelectMany(Objects),
        _ => [],
    };

    private static IChatClient PlainOf(RawServer server, bool isV1) => ClientOf(server, isV1).GetChatClient("gpt-4o").AsIChatClient();

    private static OpenAIClient ClientOf(RawServer server, bool isV1)
    {
        ApiKeyCredential key = new(RawPair.EastKey);
        return isV1
            ? new OpenAIClient(key, new OpenAIClientOptions { Endpoint = new Uri(server.Endpoint, "openai/v1") })
            : new AzureOpenAIClient(server.Endpoint, key, new AzureOpenAIClientOptions(AzureOpenAIClientOptions.ServiceVersion.V2024_10_21));
    }

    private static IChatClient CachedOf(IChatClient client, string key, IServiceProvider services) =>
        client.AsBuilder().UseDistributedCache(configure: caching => caching.CacheKeyAdditionalValues = [key]).Build(services);

    private static RoundRobinChatClient PoolOf(RawServer[] servers, bool isV1)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        foreach (RawServer server in servers)
        {
            Uri address = isV1 ? new Uri(server.Endpoint, "openai/v1") : server.Endpoint;
            options.Endpoints.Add(new EndpointOptions { Name = $"at-{server.Endpoint.Port}", Endpoint = address, ApiKey = RawPair.EastKey });
        }

        return new(new EndpointPool(ConfigurationResolver.ForPool(options), start: uint.MaxValue, jitter: static () => 0));
    }
}
