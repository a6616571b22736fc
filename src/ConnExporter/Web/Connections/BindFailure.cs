using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using Microsoft.AspNetCore.Connections;
using Serilog;

namespace ConnExporter.Web.Connections;

/// <summary>Says why an address cannot be listened on: what is known, and no cause that was not looked into.</summary>
/// <param name="proc">The proc file system: what is permitted is looked up there.</param>
/// <param name="log">The log.</param>
internal sealed class BindFailure(ProcFs proc, ILogger log)
{
    // Without net.ipv4.ip_unprivileged_port_start, which Linux has since 4.11.
    private const int FirstUnprivilegedPort = 1024;

    /// <summary>The log.</summary>
    public ILogger Log => log;

    /// <summary>Whether it failed because this host has no IPv6, where the address stood for every address.</summary>
    public static bool IsForWantOfIPv6(EndPoint endpoint, SocketException failure) =>
        endpoint is IPEndPoint ip && ip.Address.Equals(IPAddress.IPv6Any)
        && failure.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable;

    /// <summary>The address as it is written in the configuration.</summary>
    public static string Name(EndPoint endpoint) => endpoint switch
    {
        UnixDomainSocketEndPoint => $"unix:{endpoint}",
        FileHandleEndPoint passedOn => $"descriptor {passedOn.FileHandle.ToString(CultureInfo.InvariantCulture)}, passed on by systemd",
        IPEndPoint ip when ip.Address.Equals(IPAddress.IPv6Any) => $":{ip.Port}",
        _ => endpoint.ToString() ?? endpoint.GetType().Name,
    };

    /// <summary>The complaint about an address.</summary>
    /// <param name="endpoint">The address.</param>
    /// <param name="failure">What the kernel said.</param>
    /// <param name="bound">Those that are listened on already.</param>
    public ListenException Of(EndPoint endpoint, SocketException failure, IEnumerable<EndPoint> bound) => new(Name(endpoint), Reason(endpoint, failure, bound), failure);

    private static bool Overlap(EndPoint bound, IPEndPoint asked) =>
        bound is IPEndPoint other && other.Port == asked.Port && (IsAny(other.Address) || IsAny(asked.Address) || other.Address.Equals(asked.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.IPv6Any) || address.Equals(IPAddress.Any);

    private string Reason(EndPoint endpoint, SocketException failure, IEnumerable<EndPoint> bound)
    {
        string text = failure.Message.TrimEnd('.');
        return (failure.SocketErrorCode, endpoint) switch
        {
            (SocketError.AddressAlreadyInUse, IPEndPoint ip) when bound.FirstOrDefault(other => Overlap(other, ip)) is { } own =>
                $"{text}: this daemon listens on {Name(own)} already, which takes the same port; leave one of them out",

            (SocketError.InvalidArgument, IPEndPoint { Address: { IsIPv6LinkLocal: true, ScopeId: 0 } address }) =>
                $"{text}: a link-local address needs the interface that it is of, such as [{address}%eth0]:{((IPEndPoint)endpoint).Port}",

            // Not only listeners hold a port: a connection that goes out from it does too.
            (SocketError.AddressAlreadyInUse, IPEndPoint ip) => $"{text}; choose another with --web.listen-address, or find what holds it with 'ss -tanp sport = :{ip.Port}'",
            (SocketError.AddressNotAvailable, _) => $"{text}: it is none of the addresses in use in this network namespace, which 'ip address' lists (an IPv6 address that is marked tentative cannot be used yet)",
            (SocketError.AddressFamilyNotSupported, _) => $"{text}: this kernel runs without that protocol",
            (SocketError.AccessDenied, IPEndPoint ip) => $"{text}: {Refusal(ip.Port)}",
            _ => text,
        };
    }

    private string Refusal(int port)
    {
        int first = FirstUnprivileged();
        return port < first
            ? $"a port below {first} (net.ipv4.ip_unprivileged_port_start) {Capabilities.Explain(Capabilities.Effective(proc), Capabilities.NetBindService)}"
            : "the port takes no capability; a security module, a BPF program of the cgroup or a sandbox can refuse it, which one is not known";
    }

    private int FirstUnprivileged()
    {
        using ProcFile start = proc.File("sys/net/ipv4/ip_unprivileged_port_start");
        try
        {
            return (int)Math.Min(start.ReadNumber(), ushort.MaxValue + 1);
        }
        catch (KernelReadException)
        {
            return FirstUnprivilegedPort;
        }
    }
}
