using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Calls;

/// <summary>Which endpoint answered, and after how many attempts, in the properties of an answer.</summary>
public class AnswerOriginTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BuiltEndpoint_OriginIsInTheProperties(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429) : null;
        CancellationToken token = TestContext.Current.CancellationToken;

        AdditionalPropertiesDictionary properties = streaming
            ? (await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: token).ToListAsync(token))[0].AdditionalProperties!
            : (await pool.Client.GetResponseAsync("hi", cancellationToken: token)).AdditionalProperties!;

        Assert.Equal("two", properties["azure_openai.round_robin.endpoint"]);
        Assert.Equal(2, properties["azure_openai.round_robin.attempts"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadyMadeClient_AnswerIsNotTouched(bool streaming)
    {
        using FakePool pool = new(1);
        ChatResponse response = FakeChatClient.Answer("a");
        ChatResponseUpdate sent = new(ChatRole.Assistant, "a");
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(response);
        pool.Clients[0].OnStream = (_, _, _) => new[] { sent }.ToAsyncEnumerable();
        CancellationToken token = TestContext.Current.CancellationToken;

        if (streaming)
        {
            Assert.Same(sent, Assert.Single(await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: token).ToListAsync(token)));
            Assert.Null(sent.AdditionalProperties);
        }
        else
        {
            Assert.Same(response, await pool.Client.GetResponseAsync("hi", cancellationToken: token));
            Assert.Null(response.AdditionalProperties);
        }
    }
}
