using System.ComponentModel;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A network of Linux of its own, joined to this one by a cable, into which packets can vanish without a word. Where the machine allows it.</summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const int NewNetwork = 0x40000000;

    private readonly string _name;
    private readonly string _near;

    private NetworkNamespace(string name, int number) => (_name, _near, Address) = (name, $"10.213.{number}.1", IPAddress.Parse($"10.213.{number}.2"));

    /// <summary>Where its listeners are reached from outside.</summary>
    public IPAddress Address { get; }

    /// <returns>Null where the machine does not allow it, with the reason.</returns>
    public static NetworkNamespace? TryCreate(out string? reason)
    {
        int number = Random.Shared.Next(1, 255);
        NetworkNamespace network = new($"silent{number}", number);
        try
        {
            string name = network._name;
            Ip($"netns add {name}");
            Ip($"link add {name}a type veth peer name {name}b netns {name}");
            Ip($"addr add {network._near}/24 dev {name}a");
            Ip($"link set {name}a up");
            Ip($"-n {name} addr add {network.Address}/24 dev {name}b");
            Ip($"-n {name} link set {name}b up");
            reason = null;
            return network;
        }
        catch (Exception refused) when (refused is Win32Exception or InvalidOperationException)
        {
            network.Dispose();
            reason = $"No network namespace can be made here: {refused.Message}";
            return null;
        }
    }

    /// <summary>A socket belongs to the network of the thread that opened it.</summary>
    public TcpListener Listen()
    {
        TcpListener? listener = null;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                using SafeFileHandle file = new(Open($"/var/run/netns/{_name}", 0), ownsHandle: true);
                if (SetNamespace((int)file.DangerousGetHandle(), NewNetwork) != 0)
                {
                    throw new InvalidOperationException($"setns: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                listener = new TcpListener(Address, 0);
                listener.Start();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? listener! : throw failure;
    }

    /// <summary>From now on nothing that is sent from here arrives, and nobody is told.</summary>
    public void FallSilent() => Ip($"-n {_name} route add blackhole {_near}/32");

    public void Dispose()
    {
        try
        {
            Ip($"netns del {_name}");
        }
        catch (Exception gone) when (gone is Win32Exception or InvalidOperationException)
        {
        }
    }

    private static void Ip(string arguments)
    {
        using Process ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        string error = ip.StandardError.ReadToEnd();
        ip.WaitForExit();
        if (ip.ExitCode != 0)
        {
            throw new InvalidOperationException($"'ip {arguments}' said: {error.Trim()}");
        }
    }

    [SuppressMessage("Interoperability", "SYSLIB1054:Use LibraryImport", Justification = "That needs unsafe code in the whole project.")]
    [SuppressMessage("Globalization", "CA2101:Specify marshaling for P/Invoke string arguments", Justification = "UTF-8 on Linux.")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(string path, int flags);

    [SuppressMessage("Interoperability", "SYSLIB1054:Use LibraryImport", Justification = "As above.")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int SetNamespace(int file, int kind);
}
