using System.ClientModel;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A pool of one is never worse than the SDK's own client, with its retries as they come: over everything that a server can do to an exchange.</summary>
public sealed class PlainClientTests
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(8);

    /// <summary>Of an attempt, where the server is silent. For all others it is the default.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2.5);

    /// <summary>Where the plain client would wait for a day.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(16);

    [Fact]
    public async Task A_pool_of_one_is_never_worse_than_the_plain_client()
    {
        PlainRow[] rows = await Task.WhenAll(
            from fault in WireFaults.All.OrderBy(static fault => !fault.IsSilent)
            from streaming in (bool[])[false, true]
            where streaming ? fault.IsForStreams : fault.IsForCalls
            from isV1 in (bool[])[false, true]
            from times in (int[])[1, 3, PlainRow.Always, -1]
            where times == PlainRow.Always || isV1 == streaming
            // A call makes two attempts that run out of time, since each may have been executed; the plain client makes four.
            where times != 3 || !fault.IsSilent
            select CompareAsync(fault, times < 0 ? PlainRow.Always : times, times < 0, streaming, isV1));

        Assert.True(rows.Length > 1000);
        int worse = rows.Count(static row => row.Worse is not null);
        Assert.True(worse == 0, $"{worse} of {rows.Length} rows are worse.\n{string.Join('\n', rows.OrderBy(static row => row.Worse is null))}");
    }

    private static async Task<PlainRow> CompareAsync(WireFault fault, int times, bool isFresh, bool streaming, bool isV1)
    {
        Task<(CallEnd End, CallEnd Next)> plain = AskAsync(fault, times, isFresh, streaming, isV1, CreatePlain);
        (CallEnd ours, CallEnd oursNext) = await AskAsync(fault, times, isFresh, streaming, isV1, CreateOurs);
        return new(fault, times, isFresh, streaming, isV1, (await plain).End, ours, (await plain).Next, oursNext);
    }

    private static async Task<(CallEnd End, CallEnd Next)> AskAsync(WireFault fault, int times, bool isFresh, bool streaming, bool isV1, Func<Uri, bool, bool, IChatClient> create)
    {
        int left = 0;
        await using RawServer server = new(exchange => Interlocked.Decrement(ref left) >= 0 ? fault.Say(exchange) : RawPair.AnswerWellAsync(exchange));
        using IChatClient client = create(new Uri(server.Endpoint, isV1 ? "openai/v1" : ""), isV1, fault.IsSilent);
        if (!isFresh)
        {
            CallEnd first = await CallEnd.OfAsync(client, streaming, Longest);
            Assert.True(first.IsAnswered, $"{fault}: {first.Failure}");
        }

        Volatile.Write(ref left, times);
        CallEnd end = await CallEnd.OfAsync(client, streaming, Longest);
        Volatile.Write(ref left, 0);
        return (end, await CallEnd.OfAsync(client, streaming, Longest));
    }

    private static IChatClient CreatePlain(Uri address, bool isV1, bool isSilent)
    {
        TimeSpan? timeout = isSilent ? Silence : null;
        ApiKeyCredential key = new(RawPair.EastKey);
        OpenAIClient client = isV1
            ? new OpenAIClient(key, new OpenAIClientOptions { Endpoint = address, NetworkTimeout = timeout })
            : new AzureOpenAIClient(address, key, new AzureOpenAIClientOptions { NetworkTimeout = timeout });
        return client.GetChatClient("gpt-4o").AsIChatClient();
    }

    private static IChatClient CreateOurs(Uri address, bool isV1, bool isSilent)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o", MaxWait = MaxWait };
        options.AttemptTimeout = isSilent ? Silence : options.AttemptTimeout;
        options.Endpoints.Add(new EndpointOptions { Endpoint = address, ApiKey = RawPair.EastKey });
        return new RoundRobinChatClient(new EndpointPool(ConfigurationResolver.ForPool(options), jitter: static () => 0));
    }
}
