using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI.Chat;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Flex beside the standard tier, as the SDK sends it by either API.</summary>
public sealed class ServiceTierTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Service_out_of_flex_takes_nothing_from_standard_calls(bool streaming) => TakesNothingAsync(EndpointApi.Chat, streaming);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Needs", "OpenAI 2.14")]
    public Task Service_out_of_flex_takes_nothing_from_standard_responses(bool streaming) => TakesNothingAsync(EndpointApi.Responses, streaming);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Call_goes_on_to_the_standard_tier_and_its_answer_says_so(bool streaming) => FallsBackAsync(EndpointApi.Chat, streaming);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Needs", "OpenAI 2.14")]
    public Task Response_goes_on_to_the_standard_tier_and_its_answer_says_so(bool streaming) => FallsBackAsync(EndpointApi.Responses, streaming);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Needs", "OpenAI 2.14")]
    public async Task Conversation_goes_on_at_its_endpoint_in_either_tier(bool streaming)
    {
        await using Fleet fleet = await StartAsync(EndpointApi.Responses, fallsBack: true);
        for (int i = 0; i < 2; i++)
        {
            Answer first = await fleet.AskAsync(streaming);
            Answer flex = await fleet.AskAsync(streaming, options: Flex(EndpointApi.Responses, first.Response.ConversationId));
            fleet[first.Endpoint!].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(20)).ForServiceTier("flex"));
            Answer again = await fleet.AskAsync(streaming, options: Flex(EndpointApi.Responses, flex.Response.ConversationId));

            Assert.Equal([first.Endpoint, first.Endpoint, first.Endpoint], [first.Endpoint, flex.Endpoint, again.Endpoint]);
            Assert.Equal((null, "flex", "default"), (first.Response.GetRoundRobinServiceTier(), flex.Response.GetRoundRobinServiceTier(), again.Response.GetRoundRobinServiceTier()));
        }
    }

    private static async Task TakesNothingAsync(EndpointApi api, bool streaming)
    {
        await using Fleet fleet = await StartAsync(api, fallsBack: false);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(60)).ForServiceTier("flex"));
        fleet["west"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(60)).ForServiceTier("flex"));

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming, options: Flex(api)));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming, options: Flex(api)));
        await fleet.AskAsync(streaming, times: 4);

        Assert.Equal([("east", "flex", 429), ("west", "flex", 429)], fleet.Ledger.Snapshot().Take(2).Select(entry => (entry.Resource, entry.ServiceTier!, entry.Status!.Value)));
        Assert.Equal(["east", "west", "east", "west"], fleet.Ledger.Snapshot().Skip(2).Select(entry => entry.Resource));
        Assert.All(fleet.Ledger.Snapshot().Skip(2), entry => Assert.Equal(200, entry.Status));
    }

    private static async Task FallsBackAsync(EndpointApi api, bool streaming)
    {
        await using Fleet fleet = await StartAsync(api, fallsBack: true);

        Answer flex = await fleet.AskAsync(streaming, options: Flex(api));
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(60)).ForServiceTier("flex"));
        fleet["west"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(60)).ForServiceTier("flex"));
        Answer first = await fleet.AskAsync(streaming, options: Flex(api));
        Answer second = await fleet.AskAsync(streaming, options: Flex(api));
        Answer standard = await fleet.AskAsync(streaming);

        Assert.Equal(["flex", "default", "default", null], new[] { flex, first, second, standard }.Select(answer => answer.Response.GetRoundRobinServiceTier()));
        Assert.All([flex, first, second], answer => Assert.Equal(["east", "west"], new[] { "east", "west" }.Union([answer.Endpoint!])));
        Assert.Equal(["flex", "flex", "flex"], fleet.Ledger.Snapshot().Take(3).Select(entry => entry.ServiceTier));
        Assert.All(fleet.Ledger.Snapshot().Skip(3), entry => Assert.Equal((200, false), (entry.Status, entry.ServiceTier == "flex")));
    }

    private static ChatOptions Flex(EndpointApi api, string? conversation = null) => new()
    {
        ConversationId = conversation,
        RawRepresentationFactory = _ => api == EndpointApi.Chat
            ? new ChatCompletionOptions { ServiceTier = new ChatServiceTier("flex") }
            : new CreateResponseOptions { ServiceTier = new ResponseServiceTier("flex") },
    };

    private static Task<Fleet> StartAsync(EndpointApi api, bool fallsBack) => Fleet.StartAsync(["east", "west"], setup =>
    {
        setup.Api = api;
        setup.Pool = options => (options.FallBackFromFlex, options.MaxWait) = (fallsBack, TimeSpan.FromSeconds(5));
    });
}
