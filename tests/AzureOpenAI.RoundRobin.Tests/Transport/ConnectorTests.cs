using System.Net;
using System.Net.Sockets;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>Every address of a host gets its chance, on a clock and sockets of the test's own.</summary>
[Trait("Rule", "R10")]
public sealed class ConnectorTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<(string Address, double At, TaskCompletionSource<Socket> End, CancellationToken Token)> _attempts = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1.1.1", "1.1.1.1")]
    [InlineData("1.1.1.1 1.1.1.2 ::1 ::2 ::3", "::1 1.1.1.1 ::2 1.1.1.2 ::3")]
    [InlineData("1.1.1.1 1.1.1.2", "1.1.1.1 1.1.1.2")]
    [InlineData("::2 ::1 1.1.1.1", "::2 1.1.1.1 ::1")]
    public void Addresses_TakeTurnsByFamily_IPv6First(string resolved, string order) =>
        Assert.Equal(order, string.Join(' ', Connector.Interleave(Parse(resolved)).Select(static address => address.ToString())));

    [Fact]
    public async Task AnAddressThatSaysNothing_HoldsUpTheNextFor250Milliseconds()
    {
        Task<bool> connecting = ConnectAsync("::1 1.1.1.1 1.1.1.2");
        await ReachAsync(1);
        _time.Advance(TimeSpan.FromMilliseconds(249));
        Assert.Single(_attempts);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await ReachAsync(2);
        _time.Advance(TimeSpan.FromMilliseconds(250));
        await ReachAsync(3);

        Assert.Equal([("::1", 0), ("1.1.1.1", 250), ("1.1.1.2", 500)], _attempts.Select(attempt => (attempt.Address, attempt.At)));
        Fail(1);
        Connect(2);
        Assert.True(await connecting);
        Assert.True(_attempts[0].Token.IsCancellationRequested);
    }

    [Fact]
    public async Task AnAddressThatRefuses_IsFollowedAtOnce()
    {
        Task<bool> connecting = ConnectAsync("::1 1.1.1.1");
        await ReachAsync(1);
        Fail(0);
        await ReachAsync(2);
        Connect(1);

        Assert.True(await connecting);
        Assert.Equal(0, _attempts[1].At);
    }

    [Fact]
    public async Task AllRefuse_IsTheLastOnesFailure()
    {
        Task<bool> connecting = ConnectAsync("::1 1.1.1.1");
        await ReachAsync(1);
        Fail(0);
        await ReachAsync(2);
        Fail(1, SocketError.HostUnreachable);

        Assert.Equal(SocketError.HostUnreachable, (await Assert.ThrowsAsync<SocketException>(() => connecting)).SocketErrorCode);
    }

    [Fact]
    public async Task TwoConnectAtOnce_OneIsClosed()
    {
        Task<bool> connecting = ConnectAsync("::1 1.1.1.1");
        await ReachAsync(1);
        _time.Advance(Connector.Stagger);
        await ReachAsync(2);
        _attempts[1].Token.Register(() => Connect(1));
        Socket winner = Connect(0);

        Assert.True(await connecting);
        Assert.False(winner.SafeHandle.IsClosed);
        Assert.True((await _attempts[1].End.Task).SafeHandle.IsClosed);
        winner.Dispose();
    }

    [Fact]
    public async Task TheLimit_EndsAllOfThem()
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<bool> connecting = ConnectAsync("::1 1.1.1.1 1.1.1.2", limit.Token);
        await ReachAsync(1);
        _time.Advance(Connector.Stagger);
        await ReachAsync(2);

        await limit.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        Assert.All(_attempts, static attempt => Assert.True(attempt.End.Task.IsCanceled));
        Assert.Equal(2, _attempts.Count);
    }

    [Fact]
    public async Task OneAddress_NeedsNoClock()
    {
        Connector connector = new(SilenceLimit.Default, new NoTime(), (_, _) => Task.FromResult(Parse("1.1.1.1")), AttemptAsync);
        ValueTask<Stream> connecting = connector.ConnectAsync(new DnsEndPoint("host", 443), Token);
        Connect(0);

        await (await AssertNetworkAsync(connecting)).DisposeAsync();
        Assert.False(_attempts[0].Token != Token);
    }

    [Fact]
    public async Task AHostWithoutAddresses_IsNotFound() =>
        Assert.Equal(SocketError.HostNotFound, (await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(""))).SocketErrorCode);

    private static IPAddress[] Parse(string addresses) => [.. addresses.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)];

    /// <summary>The sockets are not connected, which a stream over them does not forgive; that it came to that is enough.</summary>
    private static async Task<Stream> AssertNetworkAsync(ValueTask<Stream> connecting)
    {
        try
        {
            return await connecting;
        }
        catch (IOException)
        {
            return Stream.Null;
        }
    }

    private async Task<bool> ConnectAsync(string addresses, CancellationToken? token = null)
    {
        Connector connector = new(SilenceLimit.Default, _time, (_, _) => Task.FromResult(Parse(addresses)), AttemptAsync);
        return await AssertNetworkAsync(connector.ConnectAsync(new DnsEndPoint("host", 443), token ?? Token)) is not null;
    }

    private Task<Socket> AttemptAsync(IPEndPoint address, CancellationToken token)
    {
        TaskCompletionSource<Socket> end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_attempts)
        {
            _attempts.Add((address.Address.ToString(), (_time.GetUtcNow() - _time.Start).TotalMilliseconds, end, token));
        }

        token.Register(() => end.TrySetCanceled(token));
        return end.Task;
    }

    private Socket Connect(int attempt)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        _attempts[attempt].End.TrySetResult(socket);
        return socket;
    }

    private void Fail(int attempt, SocketError error = SocketError.ConnectionRefused) => _attempts[attempt].End.TrySetException(new SocketException((int)error));

    private async Task ReachAsync(int attempts)
    {
        await Eventually.TrueAsync(() => _attempts.Count == attempts);
        // The timer of its turn is set right after.
        for (int i = 0; i < 100; i++)
        {
            await Task.Yield();
        }
    }

    private sealed class NoTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => throw new InvalidOperationException("A timer for one address.");
    }
}
