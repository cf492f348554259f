using System.ComponentModel;
using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Agents.AI;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>Agents over the Responses API: their sessions are kept by the resource where they began, and go on in another process.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class AgentTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Session_is_saved_and_goes_on_in_another_process_while_its_endpoint_throttles(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], static setup =>
        {
            setup.Api = EndpointApi.Responses;
            setup.Simulator = static options => options.Respond(static request =>
            {
                string city = request.LastUserText.Split(' ')[^1].TrimEnd('?');
                return request.Messages[^1] is { Role: "tool" } read ? $"It is {read.Text} in {city}; you have asked {request.Messages.Count(message => message.Role == "user")} times."
                    : ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames[0], $"{{\"city\":\"{city}\"}}"));
            });
        });
        using RoundRobinChatClient restarted = new(fleet.CreatePool());

        for (int i = 0; i < 3; i++)
        {
            AIAgent agent = AgentOver(fleet.Client);
            AgentSession session = await agent.CreateSessionAsync(Cancellation);
            Assert.Equal("It is 21 in Bern; you have asked 1 times.", await agent.AskAsync(session, "How warm is it in Bern?", streaming, Cancellation));
            JsonElement saved = await agent.SerializeSessionAsync(session, cancellationToken: Cancellation);

            string home = fleet.Ledger.Snapshot()[^1].Resource;
            fleet[home].Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(200)).Times(1));
            AIAgent later = AgentOver(restarted);
            AgentSession resumed = await later.DeserializeSessionAsync(saved, cancellationToken: Cancellation);

            Assert.Equal("It is 21 in Basel; you have asked 2 times.", await later.AskAsync(resumed, "And in Basel?", streaming, Cancellation));
        }

        Assert.DoesNotContain(fleet.Ledger.Snapshot(), entry => entry.Status is 400 or 404);
        Assert.Equal(3, fleet.Ledger.Snapshot().Count(entry => entry.Status == 429));
    }

    private static ChatClientAgent AgentOver(IChatClient client) => new(client, instructions: "You read thermometers.", tools: [AIFunctionFactory.Create(ReadThermometer)]);

    [Description("Reads a thermometer.")]
    private static int ReadThermometer(string city) => city.Length > 0 ? 21 : 0;
}
