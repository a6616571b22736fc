using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Findings;

/// <summary>UDP's ports and receive buffers, made to run out: the finding and its holder are named, nothing else is, and it ends with its cause.</summary>
public class UdpTests
{
    private const string Ports = "udp_ports_exhausting";
    private const string Buffer = "udp_receive_buffer_overflowing";
    private const string Self = "netns=\"self\"";
    private static readonly IPEndPoint Somewhere = new(IPAddress.Loopback, 53);

    [KernelFact]
    public void A_program_that_keeps_a_socket_for_each_request_takes_every_port()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20199);
        using (var crowd = Crowd.Of(network, 300, socket => socket.Connect(Somewhere)))
        {
            crowd.Count.ShouldBe(200);
            crowd.Refusal.ShouldBe(SocketError.WouldBlock, "the next connect()");
            Refused(network, socket => socket.Connect(IPAddress.Parse("127.0.0.9"), 9)).ShouldBe(SocketError.WouldBlock, "whatever the destination");
            Refused(network, socket => socket.Bind(new IPEndPoint(IPAddress.Any, 0))).ShouldBe(SocketError.AddressAlreadyInUse);

            var seen = Diagnosis.Of(network);

            seen.Alarms.ShouldBe([Ports]);
            seen.SeverityOf(Ports).ShouldBe("critical");
            seen.HolderOf(Ports).ShouldBe(Environment.ProcessId);
            seen.EvidenceOf(Ports).ShouldContain("200 of 200 ports");
            seen.EvidenceOf(Ports).ShouldContain("200 UDP sockets are connected to 127.0.0.1:53");
            network.Page().Value("conn_udp_ports_in_use", Self, "address=\"0.0.0.0\"").ShouldBe(200);

            // As it is printed: with a wider range the next one gets its port.
            foreach (string command in seen.CommandsOf(Ports).Where(command => command.StartsWith("sysctl", StringComparison.Ordinal)))
            {
                network.Run("/bin/sh", "-c", command);
            }

            Refused(network, socket => socket.Connect(Somewhere)).ShouldBeNull();
            Diagnosis.Of(network).Alarms.ShouldBeEmpty();
            network.Set("net/ipv4/ip_local_port_range", "20000 20199");
            Diagnosis.Of(network).Alarms.ShouldBe([Ports]);
        }

        Diagnosis.Of(network).Alarms.ShouldBeEmpty();
    }

    [KernelFact]
    public void Ports_of_one_address_are_taken_from_it_and_from_those_that_choose_none()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20039);
        using var crowd = Crowd.Of(network, 60, socket => socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)));
        crowd.Refusal.ShouldBe(SocketError.AddressAlreadyInUse);

        // Which the kernel confirms.
        Refused(network, socket => socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0))).ShouldBeNull();
        Refused(network, socket => socket.Bind(new IPEndPoint(IPAddress.Any, 0))).ShouldBe(SocketError.AddressAlreadyInUse);
        Refused(network, socket => socket.Connect(Somewhere)).ShouldBe(SocketError.WouldBlock);

        var seen = Diagnosis.Of(network);

        seen.Alarms.ShouldBe([Ports]);
        seen.EvidenceOf(Ports).ShouldContain("127.0.0.1: 40");
        MetricsText page = network.Page();
        page.Value("conn_udp_ports_in_use", Self, "address=\"0.0.0.0\"").ShouldBe(40);
        page.Value("conn_udp_ports_in_use", Self, "address=\"127.0.0.1\"").ShouldBe(40);
    }

    [KernelTheory]
    [InlineData(AddressFamily.InterNetworkV6, "::1", true)]
    [InlineData(AddressFamily.InterNetworkV6, "::1", false)]
    [InlineData(AddressFamily.InterNetwork, "127.0.0.1", true)]
    [InlineData(AddressFamily.InterNetwork, "127.0.0.1", false)]
    public void What_is_full_by_the_page_is_full_by_the_kernel_in_both_families(AddressFamily family, string address, bool connects)
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20039);
        var destination = new IPEndPoint(IPAddress.Parse(address), 53);
        using var crowd = Crowd.Of(
            network,
            60,
            socket =>
            {
                if (connects)
                {
                    socket.Connect(destination);
                }
                else
                {
                    socket.Bind(new IPEndPoint(destination.Address, 0));
                }
            },
            family);
        crowd.Count.ShouldBe(40);

        MetricsText page = network.Page();

        foreach ((AddressFamily of, string any) in ((AddressFamily, string)[])[(AddressFamily.InterNetwork, "0.0.0.0"), (AddressFamily.InterNetworkV6, "::")])
        {
            bool gets = Refused(network, socket => socket.Bind(new IPEndPoint(IPAddress.Parse(any), 0)), of) is null;
            bool hasRoom = page.Find("conn_udp_ports_in_use", Self, $"address=\"{any}\"") is not { } used ? of == AddressFamily.InterNetworkV6 && family == AddressFamily.InterNetwork : used < 40;

            // Nothing tells that a connected socket of IPv6 took its port from IPv4 as well: there it may say that there is room where there is none.
            (hasRoom == gets || (hasRoom && connects && family == AddressFamily.InterNetworkV6) || page.Find("conn_udp_ports_in_use", Self, $"address=\"{any}\"") is null).ShouldBeTrue($"{any}: {gets}, by the page {hasRoom}");
        }
    }

    [KernelFact]
    public void Two_thirds_of_the_ports_and_many_sockets_that_share_one_are_none()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20199);
        using var some = Crowd.Of(network, 140, socket => socket.Connect(Somewhere));
        using var shared = Crowd.Of(
            network,
            300,
            socket =>
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
                socket.Bind(new IPEndPoint(IPAddress.Any, 5353));
            });
        (some.Count, shared.Count).ShouldBe((140, 300));

        Diagnosis.Of(network).Alarms.ShouldBeEmpty();
    }

    [KernelFact]
    public void A_socket_that_nobody_reads_from_loses_what_comes()
    {
        using var network = new NetworkNamespace();
        (Socket receiver, Socket sender) = network.Inside(Pair);
        using (receiver)
        using (sender)
        {
            using var flow = new Flow(sender);

            // Few drops in one look, where the sender had to wait for a processor, are no alarm yet.
            Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Alarms.Any(), "an alarm", TimeSpan.FromSeconds(30));

            seen.Alarms.ShouldBe([Buffer]);
            seen.InstanceOf(Buffer).ShouldBe(receiver.LocalEndPoint!.ToString());
            seen.HolderOf(Buffer).ShouldBe(Environment.ProcessId);
            seen.EvidenceOf(Buffer).ShouldContain("the application does not read");
        }

        Diagnosis.UntilEnd(network, Buffer).Alarms.ShouldBeEmpty();
    }

    // It has no row before: it has lost nothing and nothing waits.
    [KernelFact]
    public void The_first_datagrams_that_a_socket_loses_are_told_of_it()
    {
        using var network = new NetworkNamespace();
        (Socket receiver, Socket sender) = network.Inside(Pair);
        using (receiver)
        using (sender)
        using (var daemon = new RunningDaemon(network, "--collector.udp.interval=1s"))
        {
            for (int i = 0; i < 2000; i++)
            {
                sender.Send(new byte[1000]);
            }

            Diagnosis seen = Poll.Until(() => Diagnosis.OfDocument(daemon.Get("/api/v1/diagnosis")), seen => seen.Has(Buffer), "the finding", TimeSpan.FromSeconds(30));

            seen.InstanceOf(Buffer).ShouldBe(receiver.LocalEndPoint!.ToString());
        }
    }

    [KernelFact]
    public void Half_a_buffer_that_waits_and_datagrams_that_nobody_wants_are_none()
    {
        using var network = new NetworkNamespace();
        (Socket receiver, Socket sender) = network.Inside(Pair);
        using (receiver)
        using (sender)
        using (Socket elsewhere = network.Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)))
        {
            for (int i = 0; i < 100; i++)
            {
                sender.Send(new byte[100]);
            }

            using var flow = new Flow(elsewhere, new IPEndPoint(IPAddress.Loopback, 9));

            var seen = Diagnosis.Of(network);

            seen.Findings.Select(finding => finding.Id).ShouldNotContain(Buffer);
            seen.Alarms.ShouldBeEmpty();
            network.Page().Value("conn_udp_errors_total", Self, "family=\"ipv4\"", "reason=\"no_socket\"").ShouldBeGreaterThan(0);
        }
    }

    [KernelFact]
    public void A_container_with_UDP_alone_is_looked_at_too()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20039);
        using var own = new NetworkNamespace();
        using var crowd = Crowd.Of(network, 60, socket => socket.Connect(Somewhere));

        string said = own.RunProgram("metrics", "--netns=all");

        var page = new MetricsText(said);
        page.Value("conn_udp_ports_in_use", $"netns=\"{network.Name}\"", "address=\"0.0.0.0\"").ShouldBe(40);
        page.Value("conn_resource_used_ratio", "resource=\"udp_ports\"", $"netns=\"{network.Name}\"").ShouldBe(1);
    }

    // Nothing is held: only the settings tell.
    [KernelFact]
    public void A_range_of_which_every_port_is_reserved_is_critical_and_one_port_more_is_not()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20009);
        network.Set("net/ipv4/ip_local_reserved_ports", "20000-20009");
        Refused(network, socket => socket.Connect(Somewhere)).ShouldBe(SocketError.WouldBlock);
        Refused(network, socket => socket.Bind(new IPEndPoint(IPAddress.Any, 0))).ShouldBe(SocketError.AddressAlreadyInUse);

        var seen = Diagnosis.Of(network);

        seen.Alarms.ShouldBe(["ephemeral_ports_blocked_by_bind"]);
        seen.SeverityOf("ephemeral_ports_blocked_by_bind").ShouldBe("critical");
        seen.TitleOf("ephemeral_ports_blocked_by_bind").ShouldBe("Every port of the range is reserved");
        network.Set("net/ipv4/ip_local_reserved_ports", "20000-20008");
        Refused(network, socket => socket.Connect(Somewhere)).ShouldBeNull();
        Diagnosis.Of(network).Alarms.ShouldBeEmpty();
    }

    [KernelTheory]
    [InlineData(310, "critical")]
    [InlineData(360, "warning")]
    [InlineData(1000, null)]
    public void Connections_count_against_the_limit_that_is_given(int limit, string? severity)
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 30000);
        using var crowd = Crowd.Of(network, 300, socket => socket.Connect(Somewhere));

        var seen = Diagnosis.Of(network, $"--limits.connections={limit}");

        seen.Alarms.ShouldBe(severity is null ? [] : ["instance_connections_exhausting"]);
        if (severity is not null)
        {
            seen.SeverityOf("instance_connections_exhausting").ShouldBe(severity);
            seen.EvidenceOf("instance_connections_exhausting").ShouldContain($"300 of {limit} connections");
        }
    }

    private static NetworkNamespace NetworkWithPorts(int first, int last)
    {
        var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", $"{first} {last}");
        return network;
    }

    private static (Socket Receiver, Socket Sender) Pair()
    {
        var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 8125));
        var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        sender.Connect(receiver.LocalEndPoint!);
        return (receiver, sender);
    }

    private static SocketError? Refused(NetworkNamespace network, Action<Socket> what, AddressFamily family = AddressFamily.InterNetwork) => network.Inside<SocketError?>(() =>
    {
        using var socket = new Socket(family, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            what(socket);
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    });

    /// <summary>Sockets that were made until there were enough, or the kernel refused one.</summary>
    private sealed class Crowd : IDisposable
    {
        private readonly List<Socket> sockets = [];

        public int Count => sockets.Count;

        public SocketError? Refusal { get; private set; }

        public static Crowd Of(NetworkNamespace network, int most, Action<Socket> prepare, AddressFamily family = AddressFamily.InterNetwork) => network.Inside(() =>
        {
            var crowd = new Crowd();
            while (crowd.Count < most)
            {
                var socket = new Socket(family, SocketType.Dgram, ProtocolType.Udp);
                try
                {
                    prepare(socket);
                    crowd.sockets.Add(socket);
                }
                catch (SocketException e)
                {
                    socket.Dispose();
                    crowd.Refusal = e.SocketErrorCode;
                    break;
                }
            }

            return crowd;
        });

        public void Dispose() => sockets.ForEach(socket => socket.Dispose());
    }

    /// <summary>Datagrams, a few hundred a second, until it is disposed.</summary>
    private sealed class Flow : IDisposable
    {
        private readonly CancellationTokenSource end = new();
        private readonly Thread thread;

        public Flow(Socket socket, EndPoint? to = null)
        {
            thread = new Thread(() =>
            {
                byte[] datagram = new byte[100];
                while (!end.IsCancellationRequested)
                {
                    try
                    {
                        _ = to is null ? socket.Send(datagram) : socket.SendTo(datagram, to);
                    }
                    catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
                    {
                        // Nobody is there: so it is meant.
                    }

                    end.Token.WaitHandle.WaitOne(2);
                }
            });
            thread.Start();
        }

        public void Dispose()
        {
            end.Cancel();
            thread.Join();
            end.Dispose();
        }
    }
}
