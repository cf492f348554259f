using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

public class AffinityKeysTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_WithThePromptCacheKeyGiven_GoByIt(bool streaming)
    {
        using FakePool pool = new(5, options => (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, (_, _) => Guid.NewGuid().ToString()));
        HashSet<string> answers = [];
        for (int i = 0; i < 20; i++)
        {
            object key = i % 2 == 0 ? "tenant" : JsonSerializer.SerializeToElement("tenant");
            answers.Add(await pool.AskAsync(streaming, new() { AdditionalProperties = new() { ["prompt_cache_key"] = key } }, $"prompt {i}"));
        }

        Assert.Single(answers);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_WithASelector_GoByIt_AndItRunsOnce(bool streaming)
    {
        int asked = 0;
        string? Tenant(IEnumerable<ChatMessage> messages, ChatOptions? given)
        {
            asked++;
            return given!.ModelId;
        }

        using FakePool pool = new(5, options => (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, Tenant));
        pool.Clients[0].Plays(FakeFailure.Status(500));
        pool.Clients[1].Plays(FakeFailure.Status(500));
        HashSet<string>[] answers = [[], [], []];
        for (int i = 0; i < 60; i++)
        {
            answers[i % 3].Add(await pool.AskAsync(streaming, new() { ModelId = $"tenant {i % 3}" }, $"prompt {i}"));
        }

        Assert.Equal(60, asked);
        Assert.All(answers, places => Assert.InRange(places.Count, 1, 2));
    }

    [Fact]
    public async Task Calls_WithoutAKey_FollowTheRotation()
    {
        using FakePool pool = new(3, options => (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, (_, _) => null));

        Assert.Equal("abcabc", await pool.AskManyAsync(6));
    }

    [Fact]
    public async Task Calls_OfBothKindsByTurns_LeaveThoseWithoutAffinityExactlyEven()
    {
        using FakePool pool = new(2, options => (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, (_, given) => given?.ModelId));
        string turns = "";
        for (int i = 0; i < 6; i++)
        {
            turns += await pool.AskAsync();
            await pool.AskAsync(options: new() { ModelId = "tenant" });
        }

        Assert.Equal("ababab", turns);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASelector_ThatThrows_IsLoggedOnceAndChangesNoCall(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = LoggerFactory.Create(builder => builder.AddProvider(new FakeLoggerProvider(logs)));
        using FakePool pool = new(
            3, options => (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, (_, _) => throw new FormatException("no")), loggerFactory: factory);

        Assert.Equal("abcabc", await pool.AskManyAsync(6, streaming));

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal((LogLevel.Warning, 8), (record.Level, record.Id.Id));
        Assert.IsType<FormatException>(record.Exception);
    }

    /// <summary>The documentation says that the key is only read; if a later SDK client sends it, say so there.</summary>
    [Fact]
    public async Task ThePromptCacheKey_InAdditionalProperties_IsNotSentByTheSdk()
    {
        using ServicePool pool = new(["east", "west"], configure: options => options.Affinity = EndpointAffinity.PromptCache);

        await pool.AskAsync(options: new() { AdditionalProperties = new() { ["prompt_cache_key"] = "tenant" } });

        Assert.False(Assert.Single(pool.Service.Requests).Body.ContainsKey("prompt_cache_key"));
    }
}
