using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using OpenAI.Chat;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A deployment has limits of its own for each service tier: what it says to a call of one tier says nothing of the others.</summary>
[Trait("Rule", "5.7")]
public class ServiceTierTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    /// <summary>Every form in which the SDK takes the tier.</summary>
    public static TheoryData<string, bool> Forms => new(
        from form in new[] { "chat", "chat patch", "responses", "responses patch" } from streaming in new[] { false, true } select (form, streaming));

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task RejectionOfFlex_SaysNothingOfTheStandardTier(string form, bool streaming)
    {
        using FakePool pool = new(2, static options => options.MaxWait = TimeSpan.FromSeconds(5));
        RejectFlex(pool, TimeSpan.FromSeconds(20));

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming, Asking(form)));

        Assert.Equal((429, 2), (exception.Status, exception.Attempts.Count));
        Assert.Equal("abab", await pool.AskManyAsync(4, streaming));
        Assert.Equal(
            [("a", null, EndpointState.Healthy), ("b", null, EndpointState.Healthy), ("a (flex)", "flex", EndpointState.Unavailable), ("b (flex)", "flex", EndpointState.Unavailable)],
            pool.Pool.GetStatus().Select(static status => (status.Name, status.ServiceTier, status.State)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RejectionOfTheStandardTier_SaysNothingOfFlex(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        await pool.AskAsync(streaming);

        await pool.AskAsync(streaming, Asking("chat"));
        await pool.AskAsync(streaming, Asking("chat"));

        Assert.Equal(20, pool.OutFor(0));
        Assert.Equal([1L, 1L], pool.Pool.GetStatus().Where(static status => status.ServiceTier == "flex").Select(static status => status.Answered));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FaultOfTheResource_CountsForAllTiers(bool streaming)
    {
        using FakePool pool = new(2);
        await pool.AskAsync(streaming, Asking("chat"));
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = null;
        await pool.AskManyAsync(4, streaming);

        int asked = pool.Clients[0].Calls;
        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync(streaming, Asking("chat"));
        }

        Assert.Equal(asked, pool.Clients[0].Calls);
    }

    /// <summary>20 standard calls a second for 15 s, beside two flex calls a second that the service is out of flex for.</summary>
    /// <param name="isSeen">Whether the pool can see the tier; else the flex calls are as any other, as they were before there were tiers.</param>
    /// <param name="least">The fewest standard calls that are answered.</param>
    /// <param name="most">The most.</param>
    [Theory]
    [InlineData(true, 300, 300)]
    [InlineData(false, 0, 30)]
    public async Task FlexTraffic_TakesNothingFromStandardTraffic(bool isSeen, int least, int most)
    {
        using FakePool pool = new(2, static options => options.MaxWait = TimeSpan.FromSeconds(5));
        RejectFlex(pool, TimeSpan.FromSeconds(20));
        ChatOptions flex = isSeen ? Asking("chat") : new() { AdditionalProperties = new() { ["tier"] = "flex" } };
        List<Task<string>> standard = [];
        List<Task<string>> flexible = [];

        for (int i = 0; i < 300; i++)
        {
            if (i % 10 == 0)
            {
                flexible.Add(pool.AskAsync(options: flex));
            }

            standard.Add(pool.AskAsync());
            await pool.AdvanceAsync(Step);
        }

        Assert.InRange(standard.Count(static call => call.IsCompletedSuccessfully), least, most);
        pool.Time.Advance(TimeSpan.FromMinutes(1));
        await Eventually.TrueAsync(() => standard.Concat(flexible).All(static call => call.IsCompleted));
        Assert.DoesNotContain(flexible, static call => call.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task ConfiguredLimit_IsSharedByTheTiers()
    {
        using FakePool pool = new(1, endpoint: static (_, entry) => entry.RequestsPerMinute = 120);

        await pool.AskAsync(options: Asking("chat"));
        await pool.AskAsync();
        Task<string> third = pool.AskAsync();
        Task<string> fourth = pool.AskAsync(options: Asking("chat"));

        Assert.Equal((2, 2), (pool.Clients[0].Calls, pool.Waiting));
        await pool.AdvanceAsync(1);
        await Task.WhenAll(third, fourth);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FallBackFromFlex_GoesOnToTheStandardTierWhereNoEndpointTakesItAsFlex(bool streaming)
    {
        using FakePool pool = new(2, static options => options.FallBackFromFlex = true);
        RejectFlex(pool, TimeSpan.FromSeconds(20));

        await pool.AskAsync(streaming, Asking("chat"));
        Assert.Equal(3, pool.Calls.Sum());
        await pool.AskAsync(streaming, Asking("responses patch"));
        Assert.Equal(4, pool.Calls.Sum());
        pool.Time.Advance(TimeSpan.FromSeconds(21));
        Array.ForEach(pool.Clients, static client => client.Fails = null);
        await pool.AskAsync(streaming, Asking("chat"));

        Assert.Equal([1L, 1L], [Answered(pool, "flex"), Answered(pool, null) - 1]);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FallBackFromFlex_IsOneCallInTheMetrics(bool streaming)
    {
        using FakeMeters meters = new();
        using MetricCollector<int> calls = meters.Collect<int>("call.attempts");
        using FakePool pool = new(2, static options => options.FallBackFromFlex = true, meterFactory: meters.Factory);
        RejectFlex(pool, TimeSpan.FromSeconds(20));

        await pool.AskAsync(streaming, Asking("chat"));

        Assert.Equal(["1 outcome=answered"], FakeMeters.Lines(calls));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FallBackFromFlex_TakesOnlyWhatSaysThatFlexIsOut(bool streaming)
    {
        using FakePool pool = new(2, static options => options.FallBackFromFlex = true);
        Array.ForEach(pool.Clients, static client => client.Fails = FakeFailure.Status(400));

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, Asking("chat")));

        Assert.Equal((400, 1), (exception.Status, pool.Calls.Sum()));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("default")]
    [InlineData("some-other")]
    public async Task OtherNames_AreTheStandardTier(string tier)
    {
        using FakePool pool = new(2);

        await pool.AskAsync(options: new ChatOptions { RawRepresentationFactory = _ => new ChatCompletionOptions { ServiceTier = new ChatServiceTier(tier) } });

        Assert.Equal(2, pool.Pool.GetStatus().Count);
        Assert.Equal(1, Answered(pool, null));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FactoryThatThrows_IsAskedAgainByTheClient(bool streaming)
    {
        using FakePool pool = new(2);

        Assert.Equal("a", await pool.AskAsync(streaming, new ChatOptions { RawRepresentationFactory = static _ => throw new InvalidOperationException("Not now.") }));
    }

    [Fact]
    public async Task Update_KeepsTheStateOfEachTier()
    {
        using FakePool pool = new(2, static options => options.MaxWait = TimeSpan.FromSeconds(5));
        RejectFlex(pool, TimeSpan.FromSeconds(20));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(options: Asking("chat")));

        pool.Update("ab", static options => options.MaxWait = TimeSpan.FromSeconds(6), static (_, entry) => entry.Weight = 2);
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(options: Asking("chat")));

        Assert.Equal(2, pool.Calls.Sum());
        pool.Update("b");
        Assert.Equal(["b", "b (flex)"], pool.Pool.GetStatus().Select(static status => status.Name));
    }

    private static long Answered(FakePool pool, string? tier) => pool.Pool.GetStatus().Where(status => status.ServiceTier == tier).Sum(static status => status.Answered);

    private static void RejectFlex(FakePool pool, TimeSpan hint)
    {
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, options, _) => IsFlex(client, options) ? Task.FromException<ChatResponse>(FakeFailure.RateLimited(hint)) : Task.FromResult(FakeChatClient.Answer(client.Name));
            client.OnStream = (_, options, token) => IsFlex(client, options) ? FakeChatClient.Failing(FakeFailure.RateLimited(hint)) : FakeChatClient.Updates(token, client.Name);
        }
    }

    /// <summary>As the service reads it, from what the SDK sends.</summary>
    private static bool IsFlex(IChatClient client, ChatOptions? options) => options?.AdditionalProperties?.ContainsKey("tier") == true
        || (options?.RawRepresentationFactory?.Invoke(client) is { } raw
            && System.ClientModel.Primitives.ModelReaderWriter.Write(raw).ToString().Contains("\"service_tier\":\"flex\"", StringComparison.Ordinal));

    private static ChatOptions Asking(string form) => new()
    {
        RawRepresentationFactory = _ =>
        {
            CreateResponseOptions response = new();
            ChatCompletionOptions chat = new();
#pragma warning disable SCME0001 // As a user writes it where the SDK has no property.
            switch (form)
            {
                case "chat":
                    chat.ServiceTier = new ChatServiceTier("flex");
                    return chat;
                case "chat patch":
                    chat.Patch.Set("$.service_tier"u8, "flex");
                    return chat;
                case "responses":
                    response.ServiceTier = new ResponseServiceTier("flex");
                    return response;
                default:
                    response.Patch.Set("$.service_tier"u8, "flex");
                    return response;
            }
#pragma warning restore SCME0001
        },
    };
}
