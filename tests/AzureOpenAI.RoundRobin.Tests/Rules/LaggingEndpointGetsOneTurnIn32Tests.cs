using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint whose median is over four times that of the others.</summary>
[Trait("Rule", "4")]
public class LaggingEndpointGetsOneTurnIn32Tests
{
    [Fact]
    public async Task TwoThatLagTogether_LoseTheirTurnsTogether()
    {
        using FakePool pool = new(5);
        foreach (FakeChatClient client in pool.Clients)
        {
            TimeSpan takes = TimeSpan.FromSeconds(client.Name is "a" or "b" ? 1 : 0.05);
            client.OnCall = async (_, _, token) =>
            {
                await Task.Delay(takes, pool.Time, token).ConfigureAwait(false);
                return FakeChatClient.Answer(client.Name);
            };
        }

        await AskOneByOneAsync(600);
        int[] before = pool.Calls;
        await AskOneByOneAsync(140);

        // One turn in about 32 each, and the others have the rest evenly.
        Assert.Equal([4, 4, 132], [pool.Calls[0] - before[0], pool.Calls[1] - before[1], pool.Calls[2..].Sum() - before[2..].Sum()]);

        // Where nobody else is left they have all turns.
        Array.ForEach(pool.Clients[2..], client => client.Fails = FakeFailure.Refused());
        before = pool.Calls;
        await AskOneByOneAsync(10);
        Assert.Equal(10, pool.Calls[..2].Sum() - before[..2].Sum());

        async Task AskOneByOneAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Task<string> call = pool.AskAsync();
                while (!call.IsCompleted)
                {
                    pool.Time.Advance(TimeSpan.FromMilliseconds(50));
                    await Task.Yield();
                }

                await call;
            }
        }
    }
}
