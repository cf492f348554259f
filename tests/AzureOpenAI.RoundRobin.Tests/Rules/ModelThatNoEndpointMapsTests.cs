using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A call for a model that no endpoint has is answered all the same, by each endpoint's own deployment, and the log says so once an hour.</summary>
public sealed class ModelThatNoEndpointMapsTests
{
    private const int Event = 13;

    private readonly FakeLogCollector _logs = new();

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "")]
    [InlineData(false, "openai/v1")]
    [InlineData(true, "openai/v1")]
    public async Task IsLoggedOnceAnHour(bool streaming, string route)
    {
        using ServicePool pool = PoolOf((_, entry) => entry.Endpoint = new Uri(entry.Endpoint!, route));

        for (int i = 0; i < 5; i++)
        {
            await pool.AskAsync(streaming, new() { ModelId = "gpt-4.1" });
        }

        FakeLogRecord record = Assert.Single(_logs.GetSnapshot());
        Assert.Equal((Event, LogLevel.Warning, "gpt-4.1"), (record.Id.Id, record.Level, record.GetStructuredStateValue("Model")));
        pool.Time.Advance(TimeSpan.FromMinutes(59.9));
        await pool.AskAsync(streaming, new() { ModelId = "gpt-4.1" });
        Assert.Single(_logs.GetSnapshot());
        pool.Time.Advance(TimeSpan.FromMinutes(0.1));
        await pool.AskAsync(streaming, new() { ModelId = "o3" });
        Assert.Equal(["gpt-4.1", "o3"], _logs.GetSnapshot().Select(static told => told.GetStructuredStateValue("Model")));
        Assert.All(pool.Service.Requests.GroupBy(static request => request.Host), static requests => Assert.InRange(requests.Count(), 3, 4));
    }

    [Theory]
    [InlineData("GPT")]
    [InlineData("large")]
    [InlineData(null)]
    public async Task AModelThatIsMapped_OrADeploymentsName_OrNone_IsNotLogged(string? model)
    {
        using ServicePool pool = PoolOf((i, entry) =>
        {
            if (i == 0)
            {
                entry.Deployments["large"] = "large-one";
            }
        });

        await pool.AskAsync(options: new() { ModelId = model });

        Assert.Empty(_logs.GetSnapshot());
    }

    [Fact]
    public async Task AModelThatCouldBeAKey_IsNotShown()
    {
        using ServicePool pool = PoolOf();

        await pool.AskAsync(options: new() { ModelId = "0123456789abcdef0123456789ABCDEF" });

        Assert.Equal("(not shown)", Assert.Single(_logs.GetSnapshot()).GetStructuredStateValue("Model"));
    }

    [Fact]
    public async Task AReadyMadeClient_GetsTheModelAndMayKnowIt_SoNothingIsLogged()
    {
        using LoggerFactory factory = new([new FakeLoggerProvider(_logs)]);
        using FakePool pool = new(2, loggerFactory: factory);

        await pool.AskAsync(options: new ChatOptions { ModelId = "gpt-4.1" });

        Assert.Empty(_logs.GetSnapshot());
    }

    private ServicePool PoolOf(Action<int, EndpointOptions>? endpoint = null) =>
        new(["one/gpt", "two/gpt"], endpoint, loggerFactory: new LoggerFactory([new FakeLoggerProvider(_logs)]));
}
