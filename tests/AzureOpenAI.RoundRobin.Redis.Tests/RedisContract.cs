using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using AzureOpenAI.RoundRobin.Redis.Facts;
using AzureOpenAI.RoundRobin.Redis.Permits;
using AzureOpenAI.RoundRobin.Redis.Tests.Servers;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>What holds on every server that speaks Redis and runs scripts.</summary>
public abstract class RedisContract(RedisServer server)
{
    [Theory]
    [InlineData(429)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(0)]
    public async Task WhatOneInstanceHasFound_TheOtherDoesNotAsk(int fault)
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = request => fault switch
        {
            0 => Fleet.Dead(request, "east"),
            429 => Fleet.Throttled(request, "east"),
            _ => request.Host == "east" ? FakeService.Refusal(fault) : null,
        };
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        await fleet[1].AskManyAsync(9);

        Assert.Equal((1, 0), (fleet[0].CallsTo("east"), fleet[1].CallsTo("east")));
        Assert.Equal((null, "another process"), (fleet[0].StatusOf("east").ToldBy, fleet[1].StatusOf("east").ToldBy));
        Assert.Equal(fleet[0].StatusOf("east").Reason, fleet[1].StatusOf("east").Reason);
        Assert.InRange(fleet[1].StatusOf("east").ReadyIn!.Value, TimeSpan.Zero, TimeSpan.FromSeconds(21));
    }

    [Fact]
    public async Task Return_IsTold()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        bool isDead = true;
        fleet.On = request => isDead ? Fleet.Dead(request, "east") : null;
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));

        // The second asks nobody, and knows from the first that the endpoint answers again.
        isDead = false;
        await Eventually.TrueAsync(async () =>
        {
            await fleet[0].AskAsync();
            return fleet[1].StatusOf("east").State is EndpointState.Recovering or EndpointState.Healthy;
        });
        Assert.Equal(0, fleet[1].CallsTo("east"));
        await Eventually.TrueAsync(async () => await fleet[1].AskAsync() == "east");
    }

    /// <summary>One call waits in each instance, which says nothing there. Together they say that the endpoint hangs, and each call goes on elsewhere.</summary>
    [Fact]
    public async Task HangThatNoInstanceCanKnow_IsFoundTogether()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 8);
        List<Task<string>> waiting = [];
        for (int i = 0; i < 8; i++)
        {
            Instance instance = fleet[i];
            bool hangs = false;
            instance.Service.Before = async request =>
            {
                await Task.Yield();
                await (hangs && request.Host == "east" ? Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken) : Task.CompletedTask);
            };
            await instance.AskManyAsync(12);
            hangs = true;
            for (int before = instance.CallsTo("east"); instance.CallsTo("east") == before;)
            {
                waiting.Add(instance.AskAsync());
            }

            await instance.AskManyAsync(2);
        }

        Assert.All(await Task.WhenAll(waiting), answer => Assert.NotEqual("east", answer));
        HashSet<int> found = [];
        await Eventually.TrueAsync(() =>
        {
            found.UnionWith(Enumerable.Range(0, 8).Where(i => fleet[i].StatusOf("east").Reason == EndpointFailureReason.Stalled));
            return found.Count == 8;
        });
    }

    [Fact]
    public async Task Probe_IsTold_AndTheOthersKeepAway()
    {
        await using ConnectionMultiplexer listener = await server.ConnectAsync();
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await listener.GetSubscriber().SubscribeAsync(RedisChannel.Literal(fleet.Keys.Channel), (_, message) =>
        {
            if ($"{message}".Contains(" probing ", StringComparison.Ordinal))
            {
                told.TrySetResult();
            }
        });
        fleet.On = request => Fleet.Dead(request, "east");
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));

        await Eventually.TrueAsync(async () =>
        {
            await fleet[0].AskAsync();
            return told.Task.IsCompleted;
        });
        await Eventually.TrueAsync(() => fleet[1].StatusOf("east").ReadyIn > TimeSpan.FromSeconds(5));
        Assert.Equal((0, "another process"), (fleet[1].CallsTo("east"), fleet[1].StatusOf("east").ToldBy));
    }

    /// <summary>Messages come in order, so when the second instance has heard the last of them, the first has had them all.</summary>
    [Fact]
    public async Task WithoutSharedFaults_NothingThatOthersSayIsHeard()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        string fleet = $"{Guid.NewGuid():N}";
        await using RedisBackplane alone = Backplane(multiplexer, fleet, sharesFaults: false);
        await using RedisBackplane sharing = Backplane(multiplexer, fleet, sharesFaults: true);
        (int heardAlone, int heardSharing) = (0, 0);
        using IDisposable first = alone.Subscribe(_ => Interlocked.Increment(ref heardAlone));
        using IDisposable second = sharing.Subscribe(_ => Interlocked.Increment(ref heardSharing));
        await Task.WhenAll(alone.FirstRead, sharing.FirstRead);
        Assert.True(EndpointId.TryParse("abcdefghijklmnop", out EndpointId id));

        await Eventually.TrueAsync(() =>
        {
            sharing.Publish(new() { Id = id, Kind = PoolFactKind.Silent, For = TimeSpan.FromSeconds(1), Evidence = 8, Answered = 7, Generation = 1, Source = Guid.NewGuid() });
            return Volatile.Read(ref heardSharing) > 5;
        });

        Assert.Equal(0, Volatile.Read(ref heardAlone));
    }

    [Fact]
    public async Task InstanceThatStartsLater_KnowsBeforeItsFirstCall()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 1);
        fleet.On = request => Fleet.Throttled(request, "east", 60);
        await fleet[0].AskManyAsync(3);
        await RecordsAsync(fleet, 1);
        await fleet.JoinAsync();

        Assert.True(fleet[1].Knows("east"));
        Assert.InRange(fleet[1].StatusOf("east").ReadyIn!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task ManyWhoFindTheSame_MakeFewMessages()
    {
        await using ConnectionMultiplexer listener = await server.ConnectAsync();
        await using Fleet fleet = await Fleet.StartAsync(server, 4);
        int messages = 0;
        await listener.GetSubscriber().SubscribeAsync(RedisChannel.Literal(fleet.Keys.Channel), (_, _) => Interlocked.Increment(ref messages));
        int arrived = 0;
        TaskCompletionSource all = new();
        fleet.On = request => Fleet.Throttled(request, "east");
        for (int i = 0; i < 4; i++)
        {
            fleet[i].Service.Before = request => request.Host != "east" ? Task.CompletedTask : Release(Interlocked.Increment(ref arrived), all);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => fleet[i].AskManyAsync(3)));
        await RecordsAsync(fleet, 1);
        // What comes after it shows that nothing came before.
        await listener.GetSubscriber().PublishAsync(RedisChannel.Literal(fleet.Keys.Channel), "the end");
        await Eventually.TrueAsync(() => Volatile.Read(ref messages) >= 2);

        // Two as a rule, the ejection and the pace, besides the end. Who hears of it just before its own rejection arrives may tell of that too; never all four of both.
        Assert.InRange(messages, 2, 6);

        static Task Release(int count, TaskCompletionSource all)
        {
            if (count == 4)
            {
                all.SetResult();
            }

            return all.Task;
        }
    }

    /// <summary>Each trip until the others know costs calls.</summary>
    [Fact]
    public async Task FactsOfOneMoment_WaitForNoAnswer()
    {
        await using ConnectionMultiplexer listener = await server.ConnectAsync();
        await using RecordingRelay relay = new(server.Port) { HoldsAnswersAfter = "\r\nejected\r\n"u8.ToArray() };
        string fleet = $"{Guid.NewGuid():N}";
        ConcurrentQueue<string> messages = [];
        await listener.GetSubscriber().SubscribeAsync(RedisChannel.Literal(new FleetKeys(fleet).Channel), (_, message) => messages.Enqueue($"{message}".Split(' ')[0]));
        await using ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{relay.Port},protocol=resp3,abortConnect=false");
        await using RedisBackplane backplane = Backplane(multiplexer, fleet, sharesFaults: true);
        string[] ids = ["abcdefghijklmnop", "bcdefghijklmnopa", "cdefghijklmnopab"];
        foreach (string text in ids)
        {
            Assert.True(EndpointId.TryParse(text, out EndpointId id));
            backplane.Publish(new() { Id = id, Kind = PoolFactKind.Ejected, For = TimeSpan.FromSeconds(100), Generation = 1, Source = Guid.NewGuid() });
        }

        using IDisposable subscription = backplane.Subscribe(static _ => { });
        await Eventually.TrueAsync(() => messages.Count == 3);
        // The client hands messages to a handler in any order.
        Assert.Equal(ids, messages.Order());
        relay.HoldsAnswersAfter = [];
    }

    /// <summary>What a process has missed makes it number its ejections too low; the server puts that right.</summary>
    [Fact]
    public async Task Numbers_AreTheServers()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        await using Fleet fleet = new(server);
        string first = $"{Guid.NewGuid():N}", second = $"{Guid.NewGuid():N}", third = $"{Guid.NewGuid():N}";
        Assert.True(EndpointId.TryParse("abcdefghijklmnop", out EndpointId id));

        Assert.Equal((true, "ejected 1"), await TellAsync("ejected", 1, 10, first));
        Assert.Equal((false, "ejected 1"), await TellAsync("ejected", 1, 10.9, second));
        Assert.Equal((true, "ejected 2"), await TellAsync("ejected", 1, 20, second));
        Assert.Equal((false, "ejected 2"), await TellAsync("recovered", 1, 0, first));
        Assert.Equal((true, "recovered 2"), await TellAsync("recovered", 1, 0, second));
        Assert.Equal((false, "recovered 2"), await TellAsync("recovered", 2, 0, first));
        Assert.Equal((true, "ejected 3"), await TellAsync("ejected", 1, 5, third));
        Assert.Equal((true, "ejected 9"), await TellAsync("ejected", 9, 1, first));
        Assert.Equal((true, "recovered 9"), await TellAsync("recovered", 9, 0, third));

        async Task<(bool IsChanged, string Held)> TellAsync(string kind, long generation, double seconds, string source)
        {
            RedisResult reply = await multiplexer.GetDatabase().ScriptEvaluateAsync(
                FactScripts.Tell, [fleet.Keys.Index, fleet.Keys.RecordOf(id)], [fleet.Keys.Channel, $"{id}", kind, generation, seconds * 1000, "RateLimited", 0, source]);
            RedisValue[] held = await multiplexer.GetDatabase().HashGetAsync(fleet.Keys.RecordOf(id), ["kind", "gen"]);
            return ((int)reply[1] == 1, $"{held[0]} {held[1]}");
        }
    }

    [Fact]
    public async Task Everything_ExpiresByItself()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        await using Fleet fleet = await Fleet.StartAsync(server, 1);
        fleet.On = request => Fleet.Throttled(request, "east", 290);
        await fleet[0].AskManyAsync(3);
        FactRecord told = Assert.Single(await RecordsAsync(fleet, 1));

        foreach (RedisKey key in (RedisKey[])[fleet.Keys.Index, fleet.Keys.RecordOf(told.Id)])
        {
            Assert.InRange((await multiplexer.GetDatabase().KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromMinutes(11), TimeSpan.FromMinutes(16));
        }
    }

    [Fact]
    public async Task AfterItWasEmptied_WhatHoldsIsToldAgain()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 1);
        fleet.On = request => Fleet.Throttled(request, "east", 120);
        await fleet[0].AskManyAsync(3);
        await RecordsAsync(fleet, 1);
        await EmptyAsync(fleet);
        await RecordsAsync(fleet, 1);
        await fleet.JoinAsync();

        Assert.True(fleet[1].Knows("east"));
    }

    [Fact]
    public async Task AfterItsScriptsWereFlushed_ItCarriesOn()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = request => Fleet.Throttled(request, "east");
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        await server.ExecuteAsync("SCRIPT", "FLUSH");
        fleet.On = request => Fleet.Throttled(request, "east") ?? Fleet.Throttled(request, "west");
        await fleet[0].AskManyAsync(3);

        await Eventually.TrueAsync(() => fleet[1].Knows("west"));
    }

    [Fact]
    public async Task MessageThatIsLost_IsMadeGoodByTheNextRead()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = request => Fleet.Throttled(request, "east", 120);
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east"));
        FactRecord told = Assert.Single(await RecordsAsync(fleet, 1));

        // The same fact in another fleet, told on a channel to which nobody listens.
        await using Fleet other = await Fleet.StartAsync(server, 1);
        await using ConnectionMultiplexer writer = await server.ConnectAsync();
        await writer.GetDatabase().ScriptEvaluateAsync(
            FactScripts.Tell, [other.Keys.Index, other.Keys.RecordOf(told.Id)], ["elsewhere", $"{told.Id}", "ejected", 1, 100_000, "RateLimited", 1, $"{Guid.NewGuid():N}"]);

        await Eventually.TrueAsync(() => other[0].Knows("east"));
    }

    [Fact]
    public async Task LaterVersion_IsUnderstoodWhereItCanBe()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = request => Fleet.Throttled(request, "east", 120) ?? Fleet.Throttled(request, "west", 120);
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(() => fleet[1].Knows("east") && fleet[1].Knows("west"));
        FactRecord[] told = await RecordsAsync(fleet, 2);
        await using Fleet other = await Fleet.StartAsync(server, 1);
        await using ConnectionMultiplexer writer = await server.ConnectAsync();
        IDatabase database = writer.GetDatabase();
        string[] fields = [$"{told[0].Id}", "ejected", "1", $"{told[0].Until}", "RateLimited", "1", $"{Guid.NewGuid():N}", $"{told[0].Until - 100_000}"];
        string[][] unknown = [Changed(1, "drained"), Changed(4, "Overheated"), ["2", .. fields]];
        foreach (string[] message in unknown)
        {
            await writer.GetSubscriber().PublishAsync(RedisChannel.Literal(other.Keys.Channel), string.Join(' ', message));
        }

        // Other schemas have other keys and channels.
        string next = other.Keys.Channel.Replace("rr1", "rr2", StringComparison.Ordinal);
        await database.HashSetAsync($"{next}:h:{told[0].Id}", [new("kind", "ejected"), new("gen", 1), new("until", told[0].Until), new("reason", "RateLimited"), new("by", fields[6])]);
        await writer.GetSubscriber().PublishAsync(RedisChannel.Literal(next), string.Join(' ', fields));

        // A record with a field more, and a message with two.
        FactRecord west = told[1];
        await database.HashSetAsync(other.Keys.RecordOf(west.Id), [new("kind", "ejected"), new("gen", 1), new("until", west.Until), new("reason", "RateLimited"), new("stated", 1), new("by", fields[6]), new("mood", "bad")]);
        await database.SortedSetAddAsync(other.Keys.Index, $"{west.Id}", west.Until + 60_000);
        await Eventually.TrueAsync(() => Instance.Hosts.Count(other[0].Knows) == 1);
        await writer.GetSubscriber().PublishAsync(RedisChannel.Literal(other.Keys.Channel), string.Join(' ', [.. fields, "more", "words"]));
        await Eventually.TrueAsync(() => Instance.Hosts.Count(other[0].Knows) == 2);

        string[] Changed(int field, string value) => [.. fields.Select((text, i) => i == field ? value : text)];
    }

    [Fact]
    public async Task HostileWriter_FailsNoCall()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2);
        fleet.On = request => Fleet.Throttled(request, "east", 2);
        await fleet[0].AskManyAsync(3);
        FactRecord[] told = await RecordsAsync(fleet, 1);
        await using ConnectionMultiplexer writer = await server.ConnectAsync();
        IDatabase database = writer.GetDatabase();
        Random random = new(20);
        for (int i = 0; i < 300; i++)
        {
            byte[] noise = new byte[random.Next(1, 700)];
            random.NextBytes(noise);
            string some = RandomNumberGenerator.GetString("0123456789eE+-.naif ", 12);
            await writer.GetSubscriber().PublishAsync(RedisChannel.Literal(fleet.Keys.Channel), noise, CommandFlags.FireAndForget);
            await writer.GetSubscriber().PublishAsync(
                RedisChannel.Literal(fleet.Keys.Channel), $"{told[0].Id} ejected {random.NextInt64()} {random.NextInt64()} RateLimited 1 {Guid.NewGuid():N} {random.NextInt64()}", CommandFlags.FireAndForget);
            await database.KeyDeleteAsync([fleet.Keys.Index, fleet.Keys.RecordOf(told[0].Id)]);
            switch (i % 4)
            {
                case 0:
                    await database.StringSetAsync(fleet.Keys.Index, noise);
                    await database.StringSetAsync(fleet.Keys.RecordOf(told[0].Id), noise);
                    break;
                case 1:
                    await database.ListLeftPushAsync(fleet.Keys.RecordOf(told[0].Id), noise);
                    await database.SortedSetAddAsync(fleet.Keys.Index, noise, double.PositiveInfinity);
                    await database.SortedSetAddAsync(fleet.Keys.Index, $"{told[0].Id}", double.PositiveInfinity);
                    break;
                default:
                    await database.HashSetAsync(fleet.Keys.RecordOf(told[0].Id), [new("kind", "ejected"), new("gen", some), new("until", some), new("reason", noise), new("stated", noise), new("by", some)]);
                    await database.SortedSetAddAsync(fleet.Keys.Index, $"{told[0].Id}", random.NextDouble() * 1e13);
                    break;
            }

            await Task.WhenAll(fleet[0].AskAsync(), fleet[1].AskAsync());
        }

        // And it still carries what is true.
        fleet.On = request => Fleet.Dead(request, "west");
        await fleet[0].AskManyAsync(3);
        await Eventually.TrueAsync(async () =>
        {
            await fleet[0].AskAsync();
            return fleet[1].Knows("west");
        });
    }

    [Fact]
    public async Task Traffic_HoldsNoNameKeyOrPrompt()
    {
        await using RecordingRelay relay = new(server.Port);
        await using Fleet fleet = new(server);
        for (int i = 0; i < 2; i++)
        {
            await fleet.Join(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{relay.Port},protocol=resp3,abortConnect=false")).Ready;
        }

        fleet.On = request => request.Host switch
        {
            "east" => FakeService.Refusal(401),
            "west" => FakeService.Refusal(429, ("retry-after", "20")),
            _ => null,
        };
        for (int i = 0; i < 3; i++)
        {
            await fleet[0].AskAsync("a-secret-prompt");
        }

        await Eventually.TrueAsync(() => fleet[1].Knows("east") && fleet[1].Knows("west"));
        string traffic = relay.Traffic;
        Assert.Contains("RateLimited", traffic, StringComparison.Ordinal);
        Assert.All(["east", "west", "north", "secret", "gpt", "azure.com", fleet.Name], word => Assert.DoesNotContain(word, traffic, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task DisposedMultiplexer_IsSaidOnce_AndThePoolGoesOnAlone()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 1);
        await fleet[0].Multiplexer.DisposeAsync();
        fleet.On = request => Fleet.Throttled(request, "east");
        await fleet[0].AskManyAsync(6);
        await Eventually.TrueAsync(() => fleet[0].LogsOf(2).Length > 0);

        Assert.Equal(1, fleet[0].CallsTo("east"));
        Assert.Contains("the connection multiplexer is disposed", Assert.Single(fleet[0].LogsOf(2)), StringComparison.Ordinal);
    }

    /// <summary>Random requests for permits, in the server's time: the script grants what the ring in C# grants.</summary>
    [Fact]
    public async Task Script_GrantsWhatTheRingGrants()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        IDatabase database = multiplexer.GetDatabase();
        await Gen.Int[0, 1_000_000].SampleAsync(
            async seed =>
            {
                Random random = new(seed);
                FleetKeys keys = new($"ring-{Guid.NewGuid():N}");
                StartRings rings = new();
                HashSet<EndpointId> known = [];
                EndpointId[] ids = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Facts.Facts.Id(RandomNumberGenerator.GetHexString(16)))];
                PermitLimit[] limits = [.. ids.Select(id => RandomLimit(id, random))];
                for (int i = 0; i < 25; i++)
                {
                    if (random.Next(12) == 0)
                    {
                        rings.Wipe();
                        await database.KeyDeleteAsync([.. ids.SelectMany(id => new[] { keys.CallsOf(id), keys.TokensOf(id) })]);
                    }

                    PermitRequest request = RandomRequest(limits, random);
                    string[] text = (string[])(await database.ScriptEvaluateAsync(PermitScript.Text, PermitMessage.KeysOf(request, keys), PermitMessage.NumbersOf(request, known.Contains)))!;
                    long now = 0;
                    PermitReply actual = PermitMessage.Read(text, limits.Length, time => TimeSpan.FromTicks(now = time) * 0, out _);
                    PermitReply expected = rings.Ask(request, now);

                    Assert.Equal(Words(expected), Words(actual));
                    known.UnionWith(ids.Where((_, place) => actual.Granted[place] > 0));
                }
            },
            iter: 30, threads: 1);

        static string Words(PermitReply reply) =>
            $"{string.Join(' ', reply.Permits.Select(static permit => $"{permit.Limit}:{permit.In}+{permit.For}:{permit.Tokens}"))} | {string.Join(' ', reply.NextIn)} | {string.Join(' ', reply.Granted)}";
    }

    /// <summary>A server that stood still finds requests that were given up.</summary>
    [Fact]
    public async Task Script_GrantsAndCountsNothing_WhereNobodyWaitsAnyLonger()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        IDatabase database = multiplexer.GetDatabase();
        FleetKeys keys = new($"late-{Guid.NewGuid():N}");
        EndpointId id = Facts.Facts.Id(RandomNumberGenerator.GetHexString(16));
        PermitRequest request = new()
        {
            Limits = [new() { Id = id, Requests = 10, RequestPeriod = TimeSpan.FromSeconds(1), TakenRequests = 3 }],
            Wishes = [new() { Of = [0], Count = 2, Within = TimeSpan.FromSeconds(1), Hold = TimeSpan.FromMilliseconds(20) }],
        };

        string[] time = (string[])(await AskAsync(1))!;
        Assert.True(PermitMessage.IsBusy(time, request));
        long now = long.Parse(time[0], CultureInfo.InvariantCulture) / 1000;
        string[] last = [];
        foreach (long? until in new long?[] { now - 1, now + 60_000, null })
        {
            last = (string[])(await AskAsync(until))!;
        }

        PermitReply reply = PermitMessage.Read(last, 1, static _ => TimeSpan.Zero, out _);
        Assert.Equal((2, 10), (reply.Permits.Count, reply.Granted[0]));

        Task<RedisResult> AskAsync(long? until) =>
            database.ScriptEvaluateAsync(PermitScript.Text, PermitMessage.KeysOf(request, keys), PermitMessage.NumbersOf(request, static _ => false, until));
    }

    [Fact]
    public async Task Script_KeepsThePaceAsTheLineDoes()
    {
        await using ConnectionMultiplexer multiplexer = await server.ConnectAsync();
        IDatabase database = multiplexer.GetDatabase();
        await Gen.Int[0, 1_000_000].SampleAsync(
            async seed =>
            {
                Random random = new(seed);
                FleetKeys keys = new($"pace-{Guid.NewGuid():N}");
                StartRings lines = new();
                EndpointId[] ids = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Facts.Facts.Id(RandomNumberGenerator.GetHexString(16)))];
                PermitPace[] known = [.. ids.Select(static _ => new PermitPace { Version = 0 })];
                for (int i = 0; i < 40; i++)
                {
                    if (random.Next(15) == 0)
                    {
                        lines.Wipe();
                        await database.KeyDeleteAsync([.. ids.Select(keys.PaceOf)]);
                    }

                    PermitLimit[] limits = [.. ids.Select((id, place) => RandomPace(id, known[place], random))];
                    PermitRequest request = RandomRequest(limits, random);
                    request = new() { Limits = limits, Wishes = request.Wishes };
                    string[] text = (string[])(await database.ScriptEvaluateAsync(PermitScript.Text, PermitMessage.KeysOf(request, keys), PermitMessage.NumbersOf(request, static _ => false)))!;
                    long now = 0;
                    PermitReply actual = PermitMessage.Read(text, limits.Length, time => TimeSpan.FromTicks(now = time) * 0, out _);
                    (double[] expected, double[] said) = (Numbers(lines.Ask(request, now)), Numbers(actual));

                    Assert.Equal(expected.Length, said.Length);
                    Assert.All(expected.Zip(said), static pair => Assert.InRange(pair.Second, pair.First - (0.002 * Math.Max(1, Math.Abs(pair.First))), pair.First + (0.002 * Math.Max(1, Math.Abs(pair.First)))));
                    known = random.Next(3) == 0 ? known : [.. actual.Paces.Select(static pace => pace!)];
                    await Task.Delay(random.Next(20) == 0 ? 120 : random.Next(4));
                }
            },
            iter: 30, threads: 1);

        // A request says millionths.
        static double[] Numbers(PermitReply reply) =>
        [
            .. reply.Permits.SelectMany(static permit => new[] { permit.Limit, permit.In.TotalMilliseconds, permit.Place }),
            .. reply.NextIn.Select(static next => next.TotalMilliseconds),
            .. reply.Granted,
            .. reply.Paces.SelectMany(static pace => new[]
            {
                pace!.Version, pace.PerSecond, pace.Plateau, pace.Cut, pace.Along, pace.Back.TotalSeconds, pace.IsConfirmed ? 1 : 0, pace.FirstsRejected, pace.LastUnstated.TotalMilliseconds,
                pace.In.TotalMilliseconds, pace.Position, pace.TestPhase, pace.TestTop, pace.TestLow, pace.TestShare, pace.TestFailed, pace.TestAgain.TotalMilliseconds, pace.TestCalls, pace.TestRejected,
            }),
        ];
    }

    private static PermitLimit RandomPace(EndpointId id, PermitPace known, Random random)
    {
        bool isChanged = random.Next(6) == 0;
        double plateau = Math.Round(Math.Exp(random.NextDouble() * 8), 3);
        return new()
        {
            Id = id,
            Priority = random.Next(2),
            NotBefore = random.Next(8) == 0 ? TimeSpan.FromMilliseconds(random.Next(30)) : TimeSpan.Zero,
            TakenRequests = random.Next(8) == 0 ? random.Next(4) : 0,
            Recent = random.Next(4) == 0 ? random.Next(9) : 0,
            Rejected = random.Next(5) == 0 ? random.Next(3) : 0,
            IsPaceChanged = isChanged,
            Pace = !isChanged ? known : new()
            {
                Version = known.Version,
                PerSecond = plateau * 0.9,
                Plateau = plateau,
                Cut = Math.Round(random.NextDouble() * 0.4, 2),
                Along = random.Next(2),
                Back = TimeSpan.FromMilliseconds(1000 + random.Next(500)),
                IsConfirmed = random.Next(2) == 0,
                FirstsRejected = random.Next(5),
                LastUnstated = TimeSpan.FromMilliseconds(random.Next(100)),
                In = TimeSpan.FromMilliseconds(random.Next(20)),
                TestPhase = random.Next(4),
                TestTop = random.Next(3) == 0 ? random.Next(100) : known.TestTop,
                TestLow = 1 + random.Next(100),
                TestFailed = random.Next(6),
                TestAgain = TimeSpan.FromMilliseconds(random.Next(1000)),
                TestShare = Math.Round(random.NextDouble(), 2),
                TestCalls = random.Next(2) * random.Next(50),
                TestRejected = random.Next(5),
            },
        };
    }

    [Fact]
    public async Task ConfiguredLimits_HoldForAllTogether()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 3, perMinute: 600);
        ConcurrentQueue<long> starts = new();
        fleet.On = _ =>
        {
            starts.Enqueue(TimeProvider.System.GetTimestamp());
            return null;
        };
        await Task.WhenAll(Enumerable.Range(0, 90).Select(i => fleet[i % 3].AskAsync()));

        // Three endpoints of 10 a second; each instance alone would start 30 at once.
        long[] at = [.. starts.Order()];
        Assert.Equal(90, at.Length);
        Assert.InRange(at.Count(time => TimeProvider.System.GetElapsedTime(at[0], time) < TimeSpan.FromSeconds(0.5)), 10, 60);
        Assert.Equal(0, fleet[0].Alone + fleet[1].Alone + fleet[2].Alone);
        Assert.InRange(await GrantedAsync(fleet), 90, 200);
    }

    [Fact]
    public async Task InstanceThatDiesWithPermits_LeavesNothingBehind()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2, perMinute: 600);
        Task<string>[] lost = [.. Enumerable.Range(0, 60).Select(_ => fleet[0].AskAsync())];
        await Eventually.TrueAsync(() => fleet[0].Pool.WaitingCalls > 0);
        await fleet[0].DisposeAsync();
        await fleet[1].AskManyAsync(30);

        await Eventually.TrueAsync(() => Array.TrueForAll(lost, static call => call.IsCompleted));
        Assert.Contains(lost, static call => call.IsFaulted);
        Assert.Equal(0, fleet[1].Alone);
    }

    [Fact]
    public async Task HostileWriter_OfPermits_FailsNoCall()
    {
        await using Fleet fleet = await Fleet.StartAsync(server, 2, perMinute: 6000);
        await using ConnectionMultiplexer writer = await server.ConnectAsync();
        IDatabase database = writer.GetDatabase();
        Random random = new(21);
        for (int i = 0; i < 200; i++)
        {
            byte[] noise = new byte[random.Next(1, 200)];
            random.NextBytes(noise);
            RedisKey key = fleet.Keys.CallsOf(fleet[0].IdOf(Instance.Hosts[i % 3]));
            RedisValue[] values = [noise, $"{random.NextInt64()}:{random.NextInt64()}", $"{random.Next()}:{random.Next()}", "9007199254740991:9007199254740991", ":", "-1:5", "1e3:nan"];
            // At once, since the pools write there too.
            ITransaction writes = database.CreateTransaction();
            _ = writes.KeyDeleteAsync(key);
            _ = (i % 4) switch
            {
                0 => (Task)writes.StringSetAsync(key, noise),
                1 => writes.HashSetAsync(key, [new("x", noise)]),
                _ => writes.ListRightPushAsync(key, [.. Enumerable.Range(0, 5).Select(_ => values[random.Next(values.Length)])]),
            };
            Assert.True(await writes.ExecuteAsync());

            await Task.WhenAll(fleet[0].AskAsync(), fleet[1].AskAsync());
        }
    }

    /// <summary>The calls that the server has granted at all endpoints.</summary>
    private async Task<long> GrantedAsync(Fleet fleet)
    {
        await using ConnectionMultiplexer reader = await server.ConnectAsync();
        long granted = 0;
        foreach (string host in Instance.Hosts)
        {
            string? newest = await reader.GetDatabase().ListGetByIndexAsync(fleet.Keys.CallsOf(fleet[0].IdOf(host)), -1);
            granted += newest is null ? 0 : long.Parse(newest.Split(':')[1], CultureInfo.InvariantCulture);
        }

        return granted;
    }

    private static PermitLimit RandomLimit(EndpointId id, Random random) => new()
    {
        Id = id,
        Requests = random.Next(3) == 0 ? 0 : random.Next(1, random.Next(2) == 0 ? 6 : 2000),
        RequestPeriod = TimeSpan.FromMilliseconds(random.Next(3, 60)),
        Tokens = random.Next(2) == 0 ? 0 : random.Next(10, 4000),
        TokenPeriod = TimeSpan.FromMilliseconds(random.Next(3, 60)),
        Priority = random.Next(2),
    };

    private static PermitRequest RandomRequest(PermitLimit[] limits, Random random) => new()
    {
        Limits = [.. limits.Select(limit => new PermitLimit
        {
            Id = limit.Id,
            Requests = limit.Tokens == 0 ? Math.Max(1, limit.Requests) : limit.Requests,
            RequestPeriod = limit.RequestPeriod,
            Tokens = limit.Tokens,
            TokenPeriod = limit.TokenPeriod,
            Priority = limit.Priority,
            NotBefore = random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(30)) : TimeSpan.Zero,
            TakenRequests = random.Next(5) == 0 ? random.Next(4) : 0,
            TakenTokens = random.Next(5) == 0 ? random.Next(900) : 0,
        })],
        Wishes = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => new PermitWish
        {
            Of = [.. Enumerable.Range(0, limits.Length).OrderBy(_ => random.Next()).Take(random.Next(1, limits.Length + 1))],
            Count = random.Next(1, 12),
            Tokens = random.Next(3) == 0 ? 0 : random.Next(1, 500),
            Within = TimeSpan.FromMilliseconds(random.Next(100)),
            Hold = TimeSpan.FromMilliseconds(random.Next(10)),
            IsAhead = random.Next(3) == 0,
        })],
    };

    private static RedisBackplane Backplane(IConnectionMultiplexer multiplexer, string fleet, bool sharesFaults)
    {
        RoundRobinOptions options = new();
        options.UseRedis(multiplexer, redis => (redis.FleetName, redis.ShareFaults) = (fleet, sharesFaults), loggerFactory: null);
        return (RedisBackplane)options.Backplane!;
    }

    /// <summary>Waits until the server holds so many facts of the fleet, besides which deployments are paced.</summary>
    private async Task<FactRecord[]> RecordsAsync(Fleet fleet, int count)
    {
        await using ConnectionMultiplexer reader = await server.ConnectAsync();
        FactRecord[] records = [];
        await Eventually.TrueAsync(async () =>
        {
            string[] reply = (string[])(await reader.GetDatabase().ScriptEvaluateAsync(FactScripts.Read, [fleet.Keys.Index]))!;
            records = [.. reply.Skip(1).Chunk(FactRecord.Fields).Select(static fields => FactRecord.Read(fields)).OfType<FactRecord>().Where(static record => record.Kind != PoolFactKind.Paced)];
            return records.Length == count;
        });
        return records;
    }

    /// <summary>Only this fleet's keys, since tests share the server.</summary>
    private async Task EmptyAsync(Fleet fleet)
    {
        await using ConnectionMultiplexer writer = await server.ConnectAsync();
        RedisKey[] keys = [.. (await RecordsAsync(fleet, 1)).Select(record => fleet.Keys.RecordOf(record.Id)), fleet.Keys.Index];
        Assert.Equal(2, await writer.GetDatabase().KeyDeleteAsync(keys));
    }
}
