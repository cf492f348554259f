using System.Net.Sockets;
using System.Security.Authentication;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Says how an endpoint was unreachable, which tells people where to look: at its name, the network, or its certificate.</summary>
internal static class ConnectionFault
{
    private const string UnknownName = "its name is not known";

    /// <returns>Words for people, or null where the exception does not say. Without the exception's own text.</returns>
    public static string? Describe(Exception exception)
    {
        string? said = null;
        for (Exception? inner = exception; inner is not null; inner = inner is AggregateException { InnerExceptions: [.., var last] } ? last : inner.InnerException)
        {
            // The innermost knows best: a refused connection is inside of a connection error.
            said = Of(inner) ?? said;
        }

        return said;
    }

    public static bool IsUnknownName(Exception exception) => Describe(exception) == UnknownName;

    private static string? Of(Exception exception) => exception switch
    {
        SocketException { SocketErrorCode: var code } => code switch
        {
            SocketError.HostNotFound or SocketError.NoData => UnknownName,
            // A name server that does not answer, as in the first seconds of a container, says nothing of the name.
            SocketError.TryAgain => "no name server answers",
            SocketError.ConnectionRefused => "the connection is refused",
            SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.NetworkDown => "there is no route to it",
            SocketError.TimedOut => "connecting timed out",
            _ => null,
        },
        // A handshake that fails otherwise has its cause inside.
        AuthenticationException { InnerException: null } => "its certificate is not accepted",
        AuthenticationException => "TLS fails",
        TimeoutException => "connecting timed out",
        HttpRequestException { HttpRequestError: var error } => error switch
        {
            HttpRequestError.NameResolutionError => UnknownName,
            HttpRequestError.SecureConnectionError => "TLS fails",
            HttpRequestError.ProxyTunnelError => "the proxy refuses",
            _ => null,
        },
        _ => null,
    };
}
