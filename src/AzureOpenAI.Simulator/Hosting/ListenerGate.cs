using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace AzureOpenAI.Simulator;

/// <summary>
/// The listener of one resource as the server sees it: always there, while the socket beneath may stop listening and come back on the same port.
/// </summary>
internal sealed class ListenerGate : IConnectionListener
{
    private readonly ConcurrentDictionary<TrackedConnection, byte> _connections = new();
    private readonly SemaphoreSlim _changing = new(1, 1);
    private IConnectionListenerFactory? _sockets;
    private volatile IConnectionListener? _listener;
    private volatile TaskCompletionSource _changed = NewSignal();
    private volatile bool _closed;

    public ListenerGate(int port)
    {
        Port = new PortReservation(port);
        EndPoint = new IPEndPoint(IPAddress.Loopback, Port.Port);
    }

    /// <summary>Set once, by the resource behind the gate, before the server starts.</summary>
    public SimulatedResource Resource { get; set; } = null!;

    public PortReservation Port { get; }

    public EndPoint EndPoint { get; }

    public bool IsListening => _listener is not null;

    public async Task BindAsync(IConnectionListenerFactory sockets, CancellationToken cancellationToken)
    {
        _sockets = sockets;
        _listener = await sockets.BindAsync(EndPoint, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_closed)
        {
            var changed = _changed.Task;
            if (_listener is not { } listener)
            {
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            var connection = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
            if (connection is not null)
            {
                Track(connection, listener);
                return connection;
            }

            if (ReferenceEquals(listener, _listener))
            {
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        return null;
    }

    /// <summary>Stops listening and cuts what is connected: from here on, connections are refused.</summary>
    public async Task StopAsync()
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_closed || _listener is not { } listener)
            {
                return;
            }

            _listener = null;
            await listener.DisposeAsync().ConfigureAwait(false);
            Port.Hold();
            SignalChange();
            CutConnections();
        }
        finally
        {
            _changing.Release();
        }
    }

    public async Task StartAsync()
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_closed || _listener is not null)
            {
                return;
            }

            _listener = await _sockets!.BindAsync(EndPoint).ConfigureAwait(false);
            SignalChange();
        }
        finally
        {
            _changing.Release();
        }
    }

    public int CutConnections()
    {
        int cut = 0;
        foreach (var connection in _connections.Keys)
        {
            connection.Cut();
            cut++;
        }

        return cut;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _changing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            _closed = true;
            if (Interlocked.Exchange(ref _listener, null) is { } listener)
            {
                await listener.DisposeAsync().ConfigureAwait(false);
            }

            SignalChange();
        }
        finally
        {
            _changing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        Port.Dispose();
    }

    private void Track(ConnectionContext connection, IConnectionListener listener)
    {
        var tracked = new TrackedConnection(this, connection);
        connection.Features.Set(tracked);
        _connections.TryAdd(tracked, 0);
        connection.ConnectionClosed.UnsafeRegister(_ => _connections.TryRemove(tracked, out var _), null);
        if (!ReferenceEquals(listener, _listener))
        {
            tracked.Cut();
        }
    }

    private void SignalChange() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
