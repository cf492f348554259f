using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>The places of a pool's attempts.</summary>
public sealed class AttemptSetTests : IDisposable
{
    private readonly AttemptSet _set = new();
    private readonly AttemptCache _cache = new(new FakeClock());

    public void Dispose() => _cache.Dispose();

    [Fact]
    public void Add_MoreThanThereIsRoomFor_HasAllInTheirOrder()
    {
        Attempt[] attempts = Added(100);

        Assert.Equal(attempts, _set.ToArray());
        Assert.Equal(100, _set.Count);
    }

    [Fact]
    public void Remove_FreesThePlaceForTheNext()
    {
        Attempt[] attempts = Added(3);

        _set.Remove(attempts[1]);
        Assert.Equal([attempts[0], attempts[2]], _set.ToArray());
        Assert.Equal(2, _set.Count);
        Attempt next = Added(1)[0];

        Assert.Equal([attempts[0], next, attempts[2]], _set.ToArray());
        Assert.Equal(3, _set.Places.Length);
    }

    /// <summary>An attempt that cannot be used again may be let go of by the thread that ends it and by one that sweeps.</summary>
    [Fact]
    public void Remove_Twice_IsAsOnce()
    {
        Attempt[] attempts = Added(2);

        _set.Remove(attempts[0]);
        _set.Remove(attempts[0]);
        Added(2);

        Assert.Equal(3, _set.ToArray().Distinct().Count());
    }

    /// <summary>Ten thousands of calls that were in flight once do not make each later look at all attempts dearer.</summary>
    [Fact]
    public void Remove_Most_LeavesFewPlaces()
    {
        Attempt[] attempts = Added(10_000);

        Array.ForEach(attempts[..9_900], _set.Remove);

        Assert.Equal(attempts[9_900..], _set.ToArray());
        Assert.InRange(_set.Places.Length, 100, 1_024);
        Array.ForEach(attempts[9_900..], _set.Remove);
        Assert.Empty(_set.ToArray());
        Assert.Equal(0, _set.Count);
    }

    private Attempt[] Added(int count)
    {
        Attempt[] attempts = [.. Enumerable.Range(0, count).Select(_ => new Attempt(_cache, TimeProvider.System))];
        Array.ForEach(attempts, _set.Add);
        return attempts;
    }
}
