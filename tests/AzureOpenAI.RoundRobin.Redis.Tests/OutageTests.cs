using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.Redis.Tests.Servers;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>While Redis is away, refuses or is no Redis, calls go on as without it, one warning says why, and what was found in the meantime is told afterwards.</summary>
public sealed partial class OutageTests
{
    private const string Garnet = "Garnet";

    public static TheoryData<string> Programs => [RedisProcess.Redis, RedisProcess.Valkey];

    public static TheoryData<string> Servers => [Garnet, RedisProcess.Redis, RedisProcess.Valkey];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task AbsentAtStart_IsUsedFromWhenItIsThere(string program)
    {
        await using RedisServer server = Make(program);
        await using Fleet fleet = new(server) { On = static request => Fleet.Throttled(request, "east", 200) };
        fleet.Join(await server.ConnectAsync());
        await fleet[0].AskManyAsync(6);
        await Eventually.TrueAsync(() => fleet[0].LogsOf(2).Length == 1);
        Assert.Equal(1, fleet[0].CallsTo("east"));

        await server.StartAsync();
        await fleet[0].Ready;
        await fleet.JoinAsync();
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        Assert.Equal((1, 1), (fleet[0].LogsOf(1).Length, fleet[0].LogsOf(2).Length));
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Killed_AndBack(string program)
    {
        await using RedisServer server = Make(program);
        await server.StartAsync();
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = static request => Fleet.Throttled(request, "east", 200);
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));

        await server.KillAsync();
        await Eventually.TrueAsync(() => fleet[0].LogsOf(2).Length == 1 && fleet[1].LogsOf(2).Length == 1);
        int before = fleet[0].CallsTo("west");
        fleet.On = static request => Fleet.Throttled(request, "west", 200);
        await fleet[0].AskManyAsync(6);
        Assert.Equal((1, false), (fleet[0].CallsTo("west") - before, fleet[1].Knows("west")));

        // What it held is lost, and what was found meanwhile was never told.
        await server.StartAsync();
        await Eventually.TrueAsync(() => fleet[1].Knows("west"));
        await fleet.JoinAsync();
        await Eventually.TrueAsync(() => fleet[2].Knows("east") && fleet[2].Knows("west"));
        Assert.Equal((2, 1), (fleet[0].LogsOf(1).Length, fleet[0].LogsOf(2).Length));
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task StandsStill_AndGoesOn(string program)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = static request => Fleet.Throttled(request, "east", 200);

        await server.StopAsync();
        await fleet[0].AskManyAsync(9);
        Assert.Equal((1, false), (fleet[0].CallsTo("east"), fleet[1].Knows("east")));
        await Eventually.TrueAsync(() => fleet[0].LogsOf(2).Length == 1);

        await server.ContinueAsync();
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        await Eventually.TrueAsync(() => fleet[0].LogsOf(1).Length == 2);
    }

    /// <summary>The server finds the requests when it goes on. Nobody has use for what they ask.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public async Task StandsStill_RequestsThatWereGivenUp_AreGrantedNothing(string program)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        await using RedisBackplane backplane = (RedisBackplane)new RoundRobinOptions().UseRedis(multiplexer).Backplane!;
        using IDisposable subscription = backplane.Subscribe(static _ => { });
        await backplane.FirstRead.WaitAsync(TimeSpan.FromSeconds(60), cancellation);
        PermitRequest request = new()
        {
            Limits = [new() { Id = Facts.Facts.Id("0123456789abcdef"), Requests = 100, RequestPeriod = TimeSpan.FromSeconds(10) }],
            Wishes = [new() { Of = [0], Count = 2, Within = TimeSpan.FromSeconds(1), Hold = TimeSpan.FromMilliseconds(20) }],
        };
        Assert.Equal(2, (await backplane.AskAsync(request, cancellation)).Granted[0]);

        await server.StopAsync();
        PermitReply[] givenUp = await Task.WhenAll(backplane.AskAsync(request, cancellation).AsTask(), backplane.AskAsync(request, cancellation).AsTask());
        Assert.All(givenUp, static reply => Assert.Empty(reply.Granted));
        await server.ContinueAsync();

        Assert.Equal(4, (await backplane.AskAsync(request, cancellation)).Granted[0]);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Emptied_AsAWhole_IsFilledAgain(string program)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 1);
        fleet.On = static request => Fleet.Throttled(request, "east", 200);
        await fleet[0].AskManyAsync(3);
        // The index, two records, and the pace.
        await Eventually.TrueAsync(async () => (long)await server.ExecuteAsync("DBSIZE") == 4);
        await server.ExecuteAsync("FLUSHALL");

        await Eventually.TrueAsync(async () => (long)await server.ExecuteAsync("DBSIZE") >= 3);
    }

    /// <summary>Near a configured limit, whatever happens to Redis: calls go on by permits in hand and by the share of each, and by permits again afterwards.</summary>
    [Theory]
    [InlineData(RedisProcess.Redis, "killed")]
    [InlineData(RedisProcess.Redis, "stopped")]
    [InlineData(RedisProcess.Redis, "slow")]
    [InlineData(RedisProcess.Valkey, "killed")]
    [InlineData(RedisProcess.Valkey, "stopped")]
    [InlineData(RedisProcess.Valkey, "slow")]
    public async Task ConfiguredLimits_WhileRedisIsAway(string program, string how)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 2, perMinute: 6000, askTimeout: TimeSpan.FromMilliseconds(50));
        await using ConnectionMultiplexer admin = await server.ConnectAsync();
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => fleet[i % 2].AskAsync()));

        switch (how)
        {
            case "killed":
                await server.KillAsync();
                break;
            case "stopped":
                await server.StopAsync();
                break;
            default:
                await admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "6000", "ALL");
                break;
        }

        int before = fleet[0].Alone + fleet[1].Alone;
        await Eventually.TrueAsync(async () =>
        {
            await Task.WhenAll(fleet[0].AskAsync(), fleet[1].AskAsync());
            return fleet[0].Alone + fleet[1].Alone > before + 10;
        });
        if (how != "killed")
        {
            // Of a server that is killed the lost connection is logged.
            await Eventually.TrueAsync(async () =>
            {
                await fleet[0].AskAsync();
                return fleet[0].LogsOf(5).Length == 1;
            });
            Assert.Contains(": it does not answer in time.", fleet[0].LogsOf(5)[0], StringComparison.Ordinal);
        }

        if (how == "killed")
        {
            await server.StartAsync();
        }
        else if (how == "stopped")
        {
            await server.ContinueAsync();
        }

        // As many calls in a row with permits as no chance explains.
        int inRow = 0;
        await Eventually.TrueAsync(async () =>
        {
            int alone = fleet[0].Alone;
            await fleet[0].AskAsync();
            inRow = fleet[0].Alone == alone ? inRow + 1 : 0;
            return inRow == 20;
        });
    }

    /// <summary>No call waits for an answer that takes 0.3 s; but what it grants is in time for the start of the next second.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public async Task ConfiguredLimits_AnswerThatComesLate_IsUsed(string program)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 1, perMinute: 60, askTimeout: TimeSpan.FromMilliseconds(50));
        await using ConnectionMultiplexer admin = await server.ConnectAsync();
        await fleet[0].AskAsync();

        await Eventually.TrueAsync(async () =>
        {
            int alone = fleet[0].Alone;
            await admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "300", "ALL");
            await fleet[0].AskAsync();
            return fleet[0].Alone == alone;
        });
    }

    [Theory]
    [InlineData(RedisProcess.Redis, "FLUSHALL")]
    [InlineData(RedisProcess.Redis, "SCRIPT")]
    [InlineData(RedisProcess.Valkey, "FLUSHALL")]
    [InlineData(RedisProcess.Valkey, "SCRIPT")]
    public async Task ConfiguredLimits_WhileRedisIsEmptied(string program, string command)
    {
        await using RedisProcess server = await RedisProcess.RunAsync(program);
        await using Fleet fleet = await Fleet.StartAsync(server, 2, perMinute: 1200);
        Task<string>[] calls = [.. Enumerable.Range(0, 120).Select(i => fleet[i % 2].AskAsync())];
        await Eventually.TrueAsync(() => calls.Any(static call => call.IsCompleted));
        _ = command == "SCRIPT" ? await server.ExecuteAsync("SCRIPT", "FLUSH") : await server.ExecuteAsync("FLUSHALL");
        await Task.WhenAll(calls);
        await Task.WhenAll(fleet[0].AskAsync(), fleet[1].AskAsync());

        // The limits are learned again; a script is only loaded again.
        await Eventually.TrueAsync(async () =>
        {
            await Task.WhenAll(fleet[0].AskAsync(), fleet[1].AskAsync());
            return command == "SCRIPT" || fleet[0].LogsOf(4).Length + fleet[1].LogsOf(4).Length > 0;
        });
        Assert.Equal(command == "SCRIPT" ? 0 : 1, Math.Min(1, fleet[0].LogsOf(4).Length + fleet[1].LogsOf(4).Length));
    }

    [Fact]
    public async Task WithoutScripts_IsSaid()
    {
        await using EmbeddedGarnet server = new(runsScripts: false);
        await server.StartAsync();

        Assert.Contains("runs no scripts, for which Garnet needs --lua true", await WarningAsync(server.Port), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WithoutRights_IsSaid(string program)
    {
        await using RedisProcess server = await WithUserAsync(program, "-@all +ping +info +echo +hello +subscribe");

        Assert.Contains("the user lacks a right (NOPERM", await WarningAsync(server.Port, ",user=app,password=secret-password"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WrongPassword_IsSaid_AndNotShown(string program)
    {
        await using RedisProcess server = await WithUserAsync(program, "+@all");

        string warning = await WarningAsync(server.Port, ",user=app,password=another-secret");
        Assert.Contains("or it refuses the user or password", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoRedisAtAll_IsSaid()
    {
        using TcpListener web = new(IPAddress.Loopback, 0);
        web.Start();
        Task answering = AnswerAsync(web);

        Assert.Contains("there is no connection", await WarningAsync(((IPEndPoint)web.LocalEndpoint).Port), StringComparison.Ordinal);
        web.Stop();
        await answering;

        static async Task AnswerAsync(TcpListener web)
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await web.AcceptTcpClientAsync();
                    await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
                }
            }
            catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException or IOException)
            {
            }
        }
    }

    /// <summary>The rights that the readme names are enough, and are not all.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public async Task RightsOfTheReadme_AreEnough(string program)
    {
        string rights = Rights().Match(File.ReadAllText(Path.Combine(Repository.Root, "src", "AzureOpenAI.RoundRobin.Redis", "README.md"))).Groups["rights"].Value;
        await using RedisProcess server = await WithUserAsync(program, rights, andKeys: false);
        await using Fleet fleet = new(server) { PerMinute = 6000, On = static request => Fleet.Throttled(request, "east") };
        for (int i = 0; i < 2; i++)
        {
            await fleet.Join(await ConnectionMultiplexer.ConnectAsync($"{server.Address},protocol=resp3,abortConnect=false,user=app,password=secret-password")).Ready;
        }

        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        Assert.Equal(0, fleet[0].Alone);
        await Assert.ThrowsAsync<RedisServerException>(() => fleet[0].Multiplexer.GetDatabase().StringSetAsync("another", "key"));
    }

    private static RedisServer Make(string program)
    {
        if (program == Garnet)
        {
            return new EmbeddedGarnet();
        }

        RedisProcess.SkipWhereMissing(program);
        return new RedisProcess(program);
    }

    private static async Task<RedisProcess> WithUserAsync(string program, string rights, bool andKeys = true)
    {
        RedisProcess server = await RedisProcess.RunAsync(program);
        try
        {
            string all = andKeys ? $"~* &* {rights}" : rights;
            await server.ExecuteAsync("ACL", ["SETUSER", "app", "on", ">secret-password", .. all.Split(' ')]);
            // Else a connection whose user is refused would go on as this one, which may do everything.
            await server.ExecuteAsync("ACL", "SETUSER", "default", "off");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Calls are made as ever, and the warning is logged once.</summary>
    private static async Task<string> WarningAsync(int port, string more = "")
    {
        await using EmbeddedGarnet none = new();
        await using Fleet fleet = new(none) { On = static request => Fleet.Throttled(request, "east") };
        fleet.Join(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},protocol=resp3,abortConnect=false,connectTimeout=2000{more}"));
        await fleet[0].AskManyAsync(6);
        await Eventually.TrueAsync(() => fleet[0].LogsOf(2).Length > 0);
        Assert.Equal(1, fleet[0].CallsTo("east"));
        return Assert.Single(fleet[0].LogsOf(2));
    }

    [GeneratedRegex("ACL SETUSER \\w+ on >\\S+ (?<rights>[^\n]+)")]
    private static partial Regex Rights();
}
