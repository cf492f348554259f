using System.ClientModel;
using System.Net.Sockets;
using System.Security.Authentication;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public sealed class ConnectionFaultTests
{
    public static TheoryData<Exception, string?> Faults => new()
    {
        { Http(HttpRequestError.NameResolutionError, new SocketException((int)SocketError.HostNotFound)), "its name is not known" },
        { Http(HttpRequestError.NameResolutionError, new SocketException((int)SocketError.TryAgain)), "no name server answers" },
        { Http(HttpRequestError.NameResolutionError), "its name is not known" },
        { Http(HttpRequestError.ConnectionError, new SocketException((int)SocketError.ConnectionRefused)), "the connection is refused" },
        { Http(HttpRequestError.ConnectionError, new SocketException((int)SocketError.NetworkUnreachable)), "there is no route to it" },
        { Http(HttpRequestError.ConnectionError, new SocketException((int)SocketError.TimedOut)), "connecting timed out" },
        { Http(HttpRequestError.ConnectionError), null },
        { Http(HttpRequestError.SecureConnectionError, new AuthenticationException("The remote certificate is invalid")), "its certificate is not accepted" },
        { Http(HttpRequestError.SecureConnectionError, new AuthenticationException("failed", new IOException("eof"))), "TLS fails" },
        { Http(HttpRequestError.SecureConnectionError, new IOException("eof")), "TLS fails" },
        { Http(HttpRequestError.ProxyTunnelError), "the proxy refuses" },
        { new TaskCanceledException("timed out", new TimeoutException("connect")), "connecting timed out" },
        { new ClientResultException("wrapped", null, Http(HttpRequestError.ConnectionError, new SocketException((int)SocketError.ConnectionRefused))), "the connection is refused" },
        { new AggregateException(new InvalidOperationException(), Http(HttpRequestError.NameResolutionError)), "its name is not known" },
        { new InvalidOperationException("secret"), null },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Describe_SaysHow(Exception exception, string? expected)
    {
        Assert.Equal(expected, ConnectionFault.Describe(exception));
        Assert.Equal(expected == "its name is not known", ConnectionFault.IsUnknownName(exception));
    }

    private static HttpRequestException Http(HttpRequestError error, Exception? inner = null) => new(error, "message", inner);
}
