using System.Net.Sockets;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Support;

/// <summary>A pair of datagram sockets: the code under test speaks netlink at one end, the test is the kernel at the other.</summary>
/// <remarks>A Unix datagram keeps its bounds, as a netlink message does, and MSG_TRUNC tells its true length.</remarks>
internal sealed class FakeKernel : IDisposable
{
    private readonly Socket here = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly Socket there = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public FakeKernel()
    {
        string name = "\0conn-exporter-test-" + Guid.NewGuid().ToString("N");
        here.Bind(new UnixDomainSocketEndPoint(name + "-kernel"));
        there.Bind(new UnixDomainSocketEndPoint(name + "-daemon"));
        here.Connect(there.LocalEndPoint!);
        there.Connect(here.LocalEndPoint!);
        here.ReceiveTimeout = 5000;
        there.ReceiveTimeout = 5000;
        here.SendTimeout = 5000;
        Socket = new NetlinkSocket(there.SafeHandle);
    }

    /// <summary>The end that the code under test holds.</summary>
    public NetlinkSocket Socket { get; }

    /// <summary>How long the code under test waits for an answer.</summary>
    public TimeSpan Patience
    {
        set => there.ReceiveTimeout = (int)value.TotalMilliseconds;
    }

    /// <summary>Queues an answer: one datagram. At most ten fit, so no thread is needed.</summary>
    public void Answer(params ReadOnlySpan<byte> datagram)
    {
        try
        {
            here.Send(datagram);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.NotConnected)
        {
            // Closed in the middle of an answer, as is right after one that cannot be understood.
        }
    }

    /// <summary>Whether the code under test has sent something, or does so in time.</summary>
    public bool HasRequest(TimeSpan wait) => here.Poll(wait, SelectMode.SelectRead);

    /// <summary>What the code under test has sent.</summary>
    public byte[] Received()
    {
        byte[] buffer = new byte[8192];
        return buffer[..here.Receive(buffer)];
    }

    /// <summary>Closes the kernel's end.</summary>
    public void Vanish() => here.Dispose();

    public void Dispose()
    {
        Socket.Dispose();
        here.Dispose();
        there.Dispose();
    }
}
