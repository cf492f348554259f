using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace AzureOpenAI.Simulator;

/// <summary>A connection that knows its resource, found by exchanges among the connection's features.</summary>
internal sealed class TrackedConnection(ListenerGate gate, ConnectionContext connection)
{
    public SimulatedResource Resource => gate.Resource;

    /// <summary>Whether the resource cut the connection: not the client's doing, and not a scripted fault's.</summary>
    public bool WasCut { get; private set; }

    public void Cut()
    {
        WasCut = true;
        Reset();
    }

    /// <summary>Closes the connection so that the peer receives RST rather than FIN.</summary>
    public void Reset()
    {
        connection.Features.Get<IConnectionSocketFeature>()?.Socket.Close(timeout: 0);
        connection.Abort(new ConnectionAbortedException("The simulator reset the connection."));
    }
}
