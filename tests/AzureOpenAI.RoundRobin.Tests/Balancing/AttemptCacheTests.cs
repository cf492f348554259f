using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>Which attempts are used again, and by whom. What a thread keeps is looked at in a thread that has kept nothing before.</summary>
public sealed class AttemptCacheTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly FakeClock _time = new();
    private readonly AttemptCache _cache;
    private readonly FakePool _pool = new(1);
    private readonly Endpoint _endpoint;

    public AttemptCacheTests()
    {
        _cache = new AttemptCache(_time);
        _endpoint = _pool.Pool.Routes.Members.Endpoints[0];
    }

    public void Dispose()
    {
        _cache.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public void Rent_OfAttemptsThatEndedWell_GivesThemOutAgain() => InThread(() =>
    {
        // Left with the thread, so that the others go to those that any thread may use.
        _cache.Return(_cache.Rent());
        Attempt first = _cache.Rent();
        Attempt second = _cache.Rent();
        _cache.Return(first);
        _cache.Return(second);

        Assert.Equal(new HashSet<Attempt> { first, second }, [_cache.Rent(), _cache.Rent()]);
        Assert.NotSame(first, _cache.Rent());
    });

    [Fact]
    public void RentHere_AfterACallThatWasOverAtOnce_GivesTheSame() => InThread(() =>
    {
        Attempt attempt = Begun(_cache.RentHere());
        _cache.Return(attempt);

        Assert.Same(attempt, _cache.RentHere());
        Assert.Single(_cache.Snapshot());
    });

    [Fact]
    public void RentHere_WithinACall_GivesAnother() => InThread(() =>
    {
        Attempt outer = Begun(_cache.RentHere());
        Attempt inner = Begun(_cache.RentHere());
        Assert.NotSame(outer, inner);
        Assert.NotSame(outer, _cache.RentHere());

        _cache.Return(inner);
        _cache.Return(outer);
        Assert.Same(outer, _cache.RentHere());
    });

    [Fact]
    public void RentHere_WhileACallIsAwaited_GivesAnother() => InThread(() =>
    {
        Attempt awaited = Begun(_cache.RentHere());
        awaited.Count(1);
        Attempt next = Begun(_cache.RentHere());
        Assert.NotSame(awaited, next);

        // It ends in another thread, which keeps it.
        InThread(() =>
        {
            _cache.Return(awaited);
            Assert.Same(awaited, _cache.RentHere());
        });
        _cache.Return(next);
        Assert.Same(next, _cache.RentHere());
    });

    [Fact]
    public void RentHere_OfTwoPoolsInOneThread_GivesEachItsOwn() => InThread(() =>
    {
        using AttemptCache other = new(_time);
        Attempt ours = Begun(_cache.RentHere());
        _cache.Return(ours);
        Attempt theirs = Begun(other.RentHere());
        other.Return(theirs);

        Assert.NotSame(ours, theirs);
        Assert.Same(theirs, other.RentHere());
        Assert.Same(ours, _cache.RentHere());
    });

    [Fact]
    public void RentHere_WithinACallWhosePoolWasDisposed_KeepsTheNewOne() => InThread(() =>
    {
        AttemptCache disposed = new(_time);
        Attempt outer = Begun(disposed.RentHere());
        disposed.Dispose();
        Attempt attempt = Begun(_cache.RentHere());
        _cache.Return(attempt);
        disposed.Return(outer);

        Assert.Empty(disposed.Snapshot());
        Assert.Same(Thread.CurrentThread, attempt.Keeper);
        Assert.Same(attempt, _cache.RentHere());
        Assert.Single(_cache.Snapshot());
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rent_AfterAnAttemptWasCancelled_NeverGivesItOutAgain(bool here) => InThread(() =>
    {
        Attempt attempt = Begun(here ? _cache.RentHere() : _cache.Rent());
        using CancellationTokenSource caller = new();
        attempt.Follow(caller.Token);
        caller.Cancel();
        _cache.Return(attempt);

        Assert.Empty(_cache.Snapshot());
        Assert.NotSame(attempt, _cache.RentHere());
        Assert.NotSame(attempt, _cache.Rent());
    });

    [Fact]
    public void Rent_AfterAnAttemptRanOutOfTime_HoldsItNoLonger() => InThread(() =>
    {
        Attempt attempt = _cache.Rent();
        attempt.Await(_time.GetTimestamp(), Limit);
        _time.Advance(Limit);

        _cache.Return(attempt);

        Assert.Empty(_cache.Snapshot());
    });

    [Fact]
    public void Return_OfMoreThanAreKept_HoldsNoneOfThose() => InThread(() =>
    {
        Attempt[] attempts = [.. Enumerable.Range(0, 300).Select(_ => _cache.Rent())];
        Assert.Equal(300, _cache.Snapshot().Length);

        foreach (Attempt attempt in attempts)
        {
            _cache.Return(attempt);
        }

        // One stays with the thread, and the rest in a queue.
        Assert.Equal(257, _cache.Snapshot().Length);
        Assert.Equal(257, Enumerable.Range(0, 256).Select(_ => _cache.Rent()).Append(_cache.RentHere()).Distinct().Count());
        Assert.Equal(257, _cache.Snapshot().Length);
    });

    [Fact]
    public void Rent_AfterMoreThanAreKept_FindsAsManyEachTime() => InThread(() =>
    {
        HashSet<Attempt> before = [];
        for (int round = 0; round < 5; round++)
        {
            Attempt[] attempts = [.. Enumerable.Range(0, 400).Select(_ => _cache.Rent())];
            // One stays with the thread, which Rent leaves to it.
            Assert.Equal(round == 0 ? 0 : 256, attempts.Count(before.Contains));
            before = [.. attempts];
            Array.ForEach(attempts, _cache.Return);
        }
    });

    [Fact]
    public void Rent_InThreadsThatAreNoMore_HoldsNoneOfWhatTheyKept()
    {
        for (int i = 0; i < 1500; i++)
        {
            InThread(() => _cache.Return(Begun(_cache.RentHere())));
        }

        Assert.InRange(_cache.Snapshot().Length, 1, 512);
    }

    [Fact]
    public async Task Rent_InThreadsThatLive_LeavesThemWhatTheyKeep()
    {
        using ManualResetEventSlim swept = new();
        List<Task> threads = [];
        for (int i = 0; i < 4; i++)
        {
            using ManualResetEventSlim kept = new();
            threads.Add(Task.Factory.StartNew(
                () =>
                {
                    Attempt attempt = Begun(_cache.RentHere());
                    _cache.Return(attempt);
                    kept.Set();
                    swept.Wait();
                    Assert.Same(attempt, _cache.RentHere());
                    Assert.Contains(attempt, _cache.Snapshot());
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
            kept.Wait(TestContext.Current.CancellationToken);
        }

        for (int i = 0; i < 600; i++)
        {
            InThread(() => _cache.Return(Begun(_cache.RentHere())));
        }

        swept.Set();
        await Task.WhenAll(threads);
        Assert.InRange(_cache.Snapshot().Length, 4, 512);
    }

    [Fact]
    public void Dispose_HoldsNothingButWhatRuns() => InThread(() =>
    {
        Attempt[] attempts = [.. Enumerable.Range(0, 10).Select(_ => _cache.Rent())];
        foreach (Attempt attempt in attempts[..8])
        {
            _cache.Return(attempt);
        }

        _cache.Dispose();
        Assert.Equal(3, _cache.Snapshot().Length);
        _cache.Return(attempts[8]);
        _cache.Return(attempts[9]);

        // What the thread keeps.
        Assert.Single(_cache.Snapshot());
    });

    [Fact]
    public void HasCrowd_ThirdInFlightAtAnEndpoint_IsTrue()
    {
        for (int inFlight = 1; inFlight <= 5; inFlight++)
        {
            Begun(_cache.Rent()).Count(1);
            Assert.Equal(inFlight >= 3, _cache.MayHaveStall);
        }

        _cache.ForgetMayHaveStall();
        Assert.False(_cache.MayHaveStall);
        Begun(_cache.Rent()).Count(1);
        Assert.True(_cache.MayHaveStall);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rent_ByManyThreads_NeverGivesOneAttemptToTwo(bool here)
    {
        ConditionalWeakTable<Attempt, int[]> inUse = [];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(() =>
        {
            for (int i = 0; i < 5000; i++)
            {
                Attempt attempt = Begun(here ? _cache.RentHere() : _cache.Rent());
                int[] count = inUse.GetValue(attempt, static _ => new int[1]);
                Assert.Equal(1, Interlocked.Increment(ref count[0]));
                Assert.False(attempt.Token.IsCancellationRequested);
                if ((i + caller) % 3 == 0)
                {
                    attempt.Count(1);
                }

                Interlocked.Decrement(ref count[0]);
                _cache.Return(attempt);
            }
        })));
    }

    [Fact]
    public async Task Calls_ThatAClientMakesOfItsOwnPool_HaveTokensOfTheirOwn()
    {
        using FakePool pool = new(2);
        List<CancellationToken> tokens = [];
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (messages, options, token) =>
            {
                tokens.Add(token);
                return tokens.Count < 5 ? pool.Client.GetResponseAsync(messages, options, token) : Task.FromResult(FakeChatClient.Answer(client.Name));
            };
        }

        await pool.AskAsync();

        Assert.Equal(5, tokens.Count);
        Assert.Equal(5, tokens.Distinct().Count());
        Assert.Equal(0, pool.InFlight);
    }

    private Attempt Begun(Attempt attempt)
    {
        attempt.Begin(_endpoint, epoch: 0);
        return attempt;
    }

    /// <summary>Runs it in a thread of its own, and throws what it throws.</summary>
    private static void InThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(action));
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }
}
