using System.Net;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The system's proxy, but never for an endpoint on this machine, which no proxy can reach.</summary>
internal sealed class LoopbackBypass(IWebProxy system) : IWebProxy
{
    private readonly IWebProxy _system = system;

    public ICredentials? Credentials
    {
        get => _system.Credentials;
        set => throw new NotSupportedException("The system's proxy keeps its own credentials.");
    }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : _system.GetProxy(destination);

    public bool IsBypassed(Uri host) => host.IsLoopback || _system.IsBypassed(host);
}
