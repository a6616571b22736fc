using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.KernelTests;

/// <summary>Sockets that are looked up one by one, and walks over a part of the ports, against a whole dump.</summary>
public class PortLookupTests
{
    private const ushort First = 20000;
    private const ushort Last = 20999;

    [KernelTheory]
    [InlineData(AddressFamily.InterNetwork, "127.0.0.1", false)]
    [InlineData(AddressFamily.InterNetworkV6, "::1", false)]
    [InlineData(AddressFamily.InterNetworkV6, "::ffff:127.0.0.1", true)]
    public void What_is_looked_up_port_by_port_and_part_by_part_is_what_a_dump_shows(AddressFamily family, string address, bool isMapped)
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", $"{First} {Last}");
        using Socket listener = network.Inside(() => Listening(family, address, isMapped));
        ushort port = (ushort)((IPEndPoint)listener.LocalEndPoint!).Port;
        List<Socket> open = network.Inside(() => Connections(listener, family, address, isMapped, most: 300));
        try
        {
            // Every third is closed from this end first: TIME_WAIT.
            for (int i = 0; i < open.Count; i += 6)
            {
                open[i].Dispose();
                open[i + 1].Dispose();
            }

            (List<(ushort, TcpState)> dumped, InetAddress local) = network.Inside(() => Dumped(port));
            dumped.Count(one => one.Item2 == TcpState.TimeWait).ShouldBe(100);
            dumped.Count(one => one.Item2 == TcpState.Established).ShouldBe(200);

            network.Inside(() => LookedUp(local, port)).Order().ShouldBe(dumped.Order());
            network.Inside(() => LookedUp(local, (ushort)(port + 1))).ShouldBeEmpty("nobody is connected to that port");
            network.Inside(() => InParts(port)).Order().ShouldBe(dumped.Order());
        }
        finally
        {
            open.ForEach(socket => socket.Dispose());
        }
    }

    [KernelFact]
    public void A_destination_is_followed_while_the_census_is_old_and_nobody_else_can_hold_more_than_is_said()
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", $"{First} {Last}");
        using Socket listener = network.Inside(() => Listening(AddressFamily.InterNetwork, "127.0.0.1", isMapped: false));
        List<Socket> open = network.Inside(() => Connections(listener, AddressFamily.InterNetwork, "127.0.0.1", isMapped: false, most: 200));
        try
        {
            using var daemon = new RunningDaemon(network, "--netns=host", "--collector.census.interval=1h", "--collector.lookup.interval=1s");
            string destination = $"port=\"{((IPEndPoint)listener.LocalEndPoint!).Port}\"";
            daemon.Scrape().Find("conn_port_lookup_destination_ports", destination).ShouldBeNull("the census is fresh");
            open.AddRange(network.Inside(() => Connections(listener, AddressFamily.InterNetwork, "127.0.0.1", isMapped: false, most: 700)));

            Poll.Until(() => daemon.Scrape().Find("conn_port_lookup_destination_ports", destination, "kind=\"live\""), value => value is not null, "the destination looked up", TimeSpan.FromSeconds(60));
            MetricsText page = Poll.Until(daemon.Scrape, page => page.Value("conn_port_lookup_destination_ports", destination, "kind=\"live\"") == 900, "all ports looked up", TimeSpan.FromSeconds(30));

            page.Value("conn_port_lookup_destination_error_ports", destination).ShouldBe(0, "the fullest is looked up port by port");
            page.Value("conn_ephemeral_destination_ports", destination, "kind=\"live\"").ShouldBe(200, "the census is as old as it says");
            Poll.Until(() => daemon.Scrape().Value("conn_resource_used_ratio", "resource=\"ephemeral_ports\""), ratio => Math.Abs(ratio - 0.9) < 0.002, "the diagnosis to go by it", TimeSpan.FromSeconds(20));
            page.Value("conn_port_lookup_most_elsewhere_ports").ShouldBeInRange(700, 1000, "what was opened since, the scrapes of this test among it");
        }
        finally
        {
            open.ForEach(socket => socket.Dispose());
        }
    }

    private static Socket Listening(AddressFamily family, string address, bool isMapped)
    {
        var listener = new Socket(family, SocketType.Stream, ProtocolType.Tcp);
        if (isMapped)
        {
            listener.DualMode = true;
        }

        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 9000));
        listener.Listen(1000);
        return listener;
    }

    // Both ends, this one's first.
    private static List<Socket> Connections(Socket listener, AddressFamily family, string address, bool isMapped, int most)
    {
        List<Socket> open = [];
        for (int i = 0; i < most; i++)
        {
            var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp);
            if (isMapped)
            {
                socket.DualMode = true;
            }

            socket.Connect(new IPEndPoint(IPAddress.Parse(address), ((IPEndPoint)listener.LocalEndPoint!).Port));
            open.Add(socket);
            open.Add(listener.Accept());
        }

        return open;
    }

    private static (List<(ushort Port, TcpState State)>, InetAddress Local) Dumped(ushort remotePort)
    {
        using var netlink = NetlinkSocket.OpenSockDiag();
        List<(ushort, TcpState)> found = [];
        InetAddress local = default;
        var dump = new SockDiagDump(netlink, new SockDiagRequest(SockDiagRequest.AllStates));
        while (dump.TryRead(out SocketRecord socket))
        {
            if (socket.RemotePort == remotePort)
            {
                found.Add((socket.LocalPort, socket.State));
                local = socket.LocalAddress;
            }
        }

        return (found, local);
    }

    private static List<(ushort Port, TcpState State)> LookedUp(InetAddress address, ushort remotePort)
    {
        using var netlink = NetlinkSocket.OpenSockDiag();
        List<(ushort, TcpState)> found = [];
        ushort[] ports = [.. Enumerable.Range(First, Last - First + 1).Select(port => (ushort)port)];
        SocketLookup.Ask(netlink, address, address, remotePort, 0, ports, (ushort port, in SocketRecord socket) =>
        {
            if (socket.State != TcpState.Listen)
            {
                socket.LocalPort.ShouldBe(port);
                found.Add((port, socket.State));
            }
        });
        return found;
    }

    private static List<(ushort Port, TcpState State)> InParts(ushort remotePort)
    {
        using var netlink = NetlinkSocket.OpenSockDiag();
        List<(ushort, TcpState)> found = [];
        for (int turn = 0; turn < PortWindows.Parts; turn++)
        {
            var windows = new PortWindows(First, Last, turn);
            var dump = new SockDiagDump(netlink, new SockDiagRequest(SockDiagRequest.AllStates) { From = windows });
            while (dump.TryRead(out SocketRecord socket))
            {
                windows.Contains(socket.LocalPort).ShouldBeTrue();
                if (socket.RemotePort == remotePort)
                {
                    found.Add((socket.LocalPort, socket.State));
                }
            }
        }

        return found;
    }
}
