using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests;

/// <summary>Who holds the sockets, and which destination runs out of ports, against the real kernel's own verdicts.</summary>
public class CensusTests
{
    private const string Self = "netns=\"self\"";
    private const int Usable = 100;
    private static readonly string[] Live = [Self, "kind=\"live\""];

    [KernelFact("dotnet")]
    public void Each_destination_has_exactly_its_connections_and_what_came_in_is_none()
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", "10000 29999");
        using var first = new Lab(network, "repair", "--count", "5000", "--peer-base", "127.2.0.1");
        using var second = new Lab(network, "repair", "--count", "500", "--peer-base", "127.3.0.1");
        using var third = new Lab(network, "repair", "--count", "50", "--peer-base", "127.4.0.1");
        using var inbound = new Lab(network, "mix", "--established", "2000", "--families", "v4");

        MetricsText page = network.Page();
        PortsOf(page, "127.2.0.1").ShouldBe(5000);
        PortsOf(page, "127.3.0.1").ShouldBe(500);
        PortsOf(page, "127.4.0.1").ShouldBe(50);

        // The lab connects to a listener of its own: what connects is outbound, what is accepted is not.
        PortsOf(page, "127.0.0.1").ShouldBe(2000);
        page.Value("conn_census_sockets", Self, "direction=\"inbound\"").ShouldBe(2000);
        page.Value("conn_census_sockets", Self, "direction=\"outbound\"").ShouldBe(7550);
        double blocked = page.Value("conn_ephemeral_ports_blocked", Self);
        page.Value("conn_ephemeral_worst_destination_ports", Self).ShouldBe(5000 + blocked);
    }

    [KernelFact("dotnet")]
    public void The_worst_destination_is_full_when_connect_fails_and_not_before()
    {
        using var network = new NetworkNamespace();
        using Ports ports = NarrowRange(network);
        for (int i = 0; i < Usable - 1; i++)
        {
            ports.Connect(ports.First).ShouldBe(SocketError.Success);
        }

        Ratio(network.Page()).ShouldBeLessThan(1);
        ports.Connect(ports.First).ShouldBe(SocketError.Success);
        Ratio(network.Page()).ShouldBe(1);
        ports.Connect(ports.First).ShouldBe(SocketError.AddressNotAvailable);
        ports.Connect(ports.Second).ShouldBe(SocketError.Success, "the limit is per destination");
        Ratio(network.Page()).ShouldBe(1);
    }

    [KernelFact("dotnet")]
    public void Where_programs_bind_first_the_destination_is_full_when_bind_fails()
    {
        using var network = new NetworkNamespace();
        using Ports ports = NarrowRange(network);
        for (int i = 0; i < Usable; i++)
        {
            ports.Connect(ports.First, bindFirst: true).ShouldBe(SocketError.Success);
        }

        ports.Connect(ports.First, bindFirst: true).ShouldBe(SocketError.AddressAlreadyInUse);
        Ratio(network.Page()).ShouldBe(1);
    }

    [KernelFact("dotnet")]
    public void Where_programs_bind_first_to_several_destinations_the_kernel_says_that_nobody_gets_a_port()
    {
        using var network = new NetworkNamespace();
        using Ports ports = NarrowRange(network);
        for (int i = 0; i < Usable; i++)
        {
            ports.Connect(i % 2 == 0 ? ports.First : ports.Second, bindFirst: true).ShouldBe(SocketError.Success);
        }

        ports.Connect(ports.First).ShouldBe(SocketError.AddressNotAvailable, "bind() took the ports from everybody");
        MetricsText page = network.Page();
        page.Value("conn_ephemeral_worst_destination_ports", Self).ShouldBe(Usable);
        page.Value("conn_ephemeral_ports_in_use", Self).ShouldBe(Usable);
        page.Value("conn_ephemeral_port_found", Self).ShouldBe(0);

        // Nobody may ask: the truth lies between two figures.
        page = new MetricsText(network.RunProgram("metrics", "--collector.census.probe-ports=false"));
        page.Value("conn_ephemeral_worst_destination_ports", Self).ShouldBe(Usable / 2);
        page.Value("conn_ephemeral_ports_in_use", Self).ShouldBe(Usable);
    }

    [KernelFact("dotnet")]
    public void Asking_for_a_port_is_counted_by_us_as_by_the_kernel_and_can_be_switched_off()
    {
        using var network = new NetworkNamespace();
        using Ports ports = NarrowRange(network);
        for (int i = 0; i < Usable * 9 / 10; i++)
        {
            ports.Connect(ports.First).ShouldBe(SocketError.Success);
        }

        (long opens, long fails) = Attempts();
        MetricsText page = network.Page();

        // A port that is found and that the destination holds, or an end of the range, does not settle it: then another is asked for.
        long probes = (long)page.Value("conn_ephemeral_port_probes_total", Self, "answer=\"found\"");
        probes.ShouldBeInRange(1, 4);
        Attempts().ShouldBe((opens + probes, fails + probes));
        page.Value("conn_ephemeral_port_found", Self).ShouldBe(1);

        string silent = network.RunProgram("metrics", "--collector.census.probe-ports=false");
        Attempts().ShouldBe((opens + probes, fails + probes));
        silent.ShouldNotContain("conn_ephemeral_port_probes_total");
        silent.ShouldNotContain("conn_ephemeral_port_found");

        (long Opens, long Fails) Attempts()
        {
            string[][] tcp = [.. network.ReadNet("snmp").Split('\n').Where(line => line.StartsWith("Tcp:", StringComparison.Ordinal)).Select(line => line.Split(' '))];
            return (long.Parse(tcp[1][Array.IndexOf(tcp[0], "ActiveOpens")]), long.Parse(tcp[1][Array.IndexOf(tcp[0], "AttemptFails")]));
        }
    }

    [KernelTheory("dotnet")]
    [InlineData(0, "127.0.0.1", false)]
    [InlineData(1, "127.0.0.1", true)]
    [InlineData(2, "127.0.0.1", true)]
    [InlineData(1, "10.99.0.1", true)]
    [InlineData(2, "10.99.0.1", false)]
    public void Ports_in_TIME_WAIT_are_free_when_tcp_tw_reuse_lets_the_kernel_take_them(int reuse, string address, bool free)
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/tcp_tw_reuse", $"{reuse}");
        using Ports ports = NarrowRange(network, address);
        for (int i = 0; i < Usable; i++)
        {
            ports.Connect(ports.First).ShouldBe(SocketError.Success);
        }

        ports.CloseClientsFirst();
        Poll.Until(network.Page, page => page.Value("conn_tcp_sockets", Self, "state=\"time_wait\"") == Usable, "TIME_WAIT on every port");

        // The kernel lets one be taken over a second after its last segment.
        double expected = free ? 0 : Usable;
        Poll.Until(network.Page, page => page.Value("conn_ephemeral_worst_destination_ports", Self) == expected, $"{expected} ports held for good");
        ports.Connect(ports.First).ShouldBe(free ? SocketError.Success : SocketError.AddressNotAvailable);
    }

    [KernelTheory("dotnet")]
    [InlineData(100)]
    [InlineData(10_000)]
    [InlineData(500_000)]
    public void Rows_and_the_row_other_sum_to_what_was_seen(int peers)
    {
        using var network = new NetworkNamespace();
        using var sockets = new Lab(network, "repair", "--count", $"{peers}", "--peers", $"{peers}");
        using var mix = new Lab(network, "mix", "--established", "300", "--close-wait", "40", "--time-wait", "200", "--syn-sent", "20", "--syn-recv", "10");

        MetricsText page = network.Page();
        double outbound = page.Value("conn_census_sockets", Self, "direction=\"outbound\"");
        double inbound = page.Value("conn_census_sockets", Self, "direction=\"inbound\"");
        double listen = page.Value("conn_census_sockets", Self, "direction=\"listen\"");
        outbound.ShouldBeGreaterThan(peers);
        page.Sum("conn_remote_sockets", Self, "direction=\"outbound\"").ShouldBe(outbound);
        page.Sum("conn_remote_sockets", Self, "direction=\"inbound\"").ShouldBe(inbound);
        page.Sum("conn_remote_port_sockets", Self).ShouldBe(outbound);
        page.Sum("conn_unit_sockets", Self).ShouldBe(outbound + inbound + listen);
        page.Sum("conn_tcp_sockets", Self).ShouldBe(outbound + inbound + listen, "the cheap count agrees with the walk");

        // Counted exactly up to 65,536 keys; beyond it each peer here has one socket, and no row can lack more than that.
        page.Value("conn_census_count_error", Self, "family=\"conn_remote_sockets\"").ShouldBeLessThanOrEqualTo(peers > 65_536 ? peers / 65_536 : 0);
        page.Series.ShouldBeLessThan(2000);
    }

    [KernelFact("dotnet")]
    public void A_CLOSE_WAIT_has_its_age_however_short_the_daemon_has_been_running()
    {
        using var network = new NetworkNamespace();
        using var leak = new Lab(network, "mix", "--close-wait", "50", "--families", "v4");
        long since = Stopwatch.GetTimestamp();

        double age = Poll.Until(network.Page, page => page.Value("conn_tcp_close_wait_oldest_seconds", Self) > 3, "an age of more than 3 s")
            .Value("conn_tcp_close_wait_oldest_seconds", Self);

        age.ShouldBe(Stopwatch.GetElapsedTime(since).TotalSeconds, 2);
    }

    // TIME_WAIT, orphans and handshakes have no inode, and a user that says nothing.
    [KernelFact("dotnet")]
    public void Sockets_that_nobody_holds_have_no_unit_and_no_process()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "mix", "--time-wait", "50", "--orphans", "20", "--syn-recv", "10", "--families", "v4");

        MetricsText page = network.Page();

        foreach ((string state, int count) in new[] { ("time_wait", 50), ("fin_wait2", 20), ("syn_recv", 10) })
        {
            page.Value("conn_unit_sockets", Self, "unit=\"none\"", $"state=\"{state}\"").ShouldBe(count);
            page.Sum("conn_process_sockets", $"state=\"{state}\"").ShouldBe(0);
        }
    }

    // So it has nothing to lose where ports run out.
    [KernelFact("dotnet")]
    public void The_daemon_opens_no_connection_of_its_own()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network, "--sampling.cpu-budget=1", "--collector.census.interval=200ms", "--collector.states.interval=200ms");
        double opened = Opened();
        int scrapes = 0;
        string[] walks = ["census", "states", "counters"];
        Dictionary<string, HashSet<double>> samples = walks.ToDictionary(collector => collector, _ => new HashSet<double>());
        Poll.Until(
            () =>
            {
                MetricsText page = daemon.Scrape();
                scrapes++;
                return walks.Count(collector =>
                {
                    samples[collector].Add(page.Value("conn_collector_last_success_timestamp_seconds", $"collector=\"{collector}\""));
                    return samples[collector].Count > 2;
                });
            },
            sampled => sampled == walks.Length,
            "three samples of each");

        (Opened() - opened).ShouldBe(scrapes, "one for each scrape, and that is the test's");

        double Opened()
        {
            string[] lines = [.. network.ReadNet("snmp").Split('\n').Where(line => line.StartsWith("Tcp:", StringComparison.Ordinal))];
            return double.Parse(lines[1].Split(' ')[Array.IndexOf(lines[0].Split(' '), "ActiveOpens")]);
        }
    }

    [KernelFact("dotnet")]
    public void The_handshakes_of_a_listener_are_its_SYN_queue()
    {
        using var network = new NetworkNamespace();
        using var handshakes = new Lab(network, "mix", "--syn-recv", "30");

        network.Page().Sum("conn_listener_syn_queue", Self).ShouldBe(30);
    }

    [KernelFact("dotnet")]
    public void Who_does_not_read_and_whose_peer_does_not_read_is_stalled()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network, "--collector.census.interval=200ms");
        (Socket client, Socket server, Socket listener) = network.Inside(() =>
        {
            var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listening.Listen();
            var connecting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            connecting.Connect(listening.LocalEndPoint!);
            return (connecting, listening.Accept(), listening);
        });
        using (listener)
        using (server)
        using (client)
        {
            daemon.Scrape().Value("conn_tcp_stalled_sockets", Self, "reason=\"application_not_reading\"").ShouldBe(0);

            // More than both buffers hold: the server does not read, and its window closes.
            client.Blocking = false;
            int sent = 0;
            for (int refused = 0; refused < 50;)
            {
                int now = client.Send(new byte[65_536], SocketFlags.None, out SocketError error);
                sent += Math.Max(0, now);
                refused = error == SocketError.WouldBlock ? refused + 1 : 0;
                Thread.Sleep(error == SocketError.WouldBlock ? 10 : 0);
            }

            // What is under way, received and not yet acknowledged, is in both queues until the acknowledgement has come.
            _ = Poll.Until(
                daemon.Scrape,
                page => page.Value("conn_tcp_stalled_sockets", Self, "reason=\"application_not_reading\"") == 1
                    && page.Value("conn_tcp_stalled_sockets", Self, "reason=\"peer_not_reading\"") == 1
                    && page.Value("conn_tcp_queued_bytes", Self, "direction=\"receive\"") + page.Value("conn_tcp_queued_bytes", Self, "direction=\"send\"") == sent,
                $"one socket that is not read and one whose peer does not read, with {sent} bytes in the queues of both");
        }
    }

    private static double PortsOf(MetricsText page, string destination) => page.Sum("conn_ephemeral_destination_ports", [.. Live, $"destination=\"{destination}\""]);

    private static double Ratio(MetricsText page) => page.Value("conn_ephemeral_worst_destination_ports", Self) / page.Value("conn_ephemeral_ports_usable", Self);

    private static Ports NarrowRange(NetworkNamespace network, string address = "127.0.0.1")
    {
        network.Set("net/ipv4/ip_local_port_range", $"40001 {40_000 + Usable}");
        return new Ports(network, IPAddress.Parse(address));
    }

    /// <summary>Connections from a namespace to two listeners in it, whose ports lie outside the range.</summary>
    private sealed class Ports : IDisposable
    {
        private readonly NetworkNamespace network;
        private readonly List<Socket> clients = [];
        private readonly List<Socket> others = [];

        public Ports(NetworkNamespace network, IPAddress address)
        {
            this.network = network;
            First = new IPEndPoint(address, 8080);
            Second = new IPEndPoint(address, 8081);
            network.Inside(() =>
            {
                Listen(First);
                Listen(Second);
                return true;
            });
        }

        public IPEndPoint First { get; }

        public IPEndPoint Second { get; }

        /// <summary>Connects once.</summary>
        /// <returns>What bind() or connect() said.</returns>
        public SocketError Connect(IPEndPoint destination, bool bindFirst = false) => network.Inside(() =>
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (bindFirst)
                {
                    client.Bind(new IPEndPoint(destination.Address, 0));
                }

                client.Connect(destination);
                clients.Add(client);
                return SocketError.Success;
            }
            catch (SocketException e)
            {
                client.Dispose();
                return e.SocketErrorCode;
            }
        });

        /// <summary>Closes from the connecting side: its ports go to TIME_WAIT.</summary>
        public void CloseClientsFirst()
        {
            List<Socket> accepted = [];
            foreach (Socket listener in others.ToArray())
            {
                while (listener.Poll(0, SelectMode.SelectRead))
                {
                    accepted.Add(listener.Accept());
                }
            }

            accepted.Count.ShouldBe(clients.Count);
            clients.ForEach(client => client.Dispose());
            clients.Clear();
            accepted.ForEach(socket => socket.Dispose());
        }

        public void Dispose() => clients.Concat(others).ToList().ForEach(socket => socket.Dispose());

        private void Listen(IPEndPoint address)
        {
            var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(address);
            listener.Listen(1000);
            others.Add(listener);
        }
    }
}
