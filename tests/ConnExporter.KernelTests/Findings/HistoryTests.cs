using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Findings;

/// <summary>Faults that take more than one look: the running daemon names them, and sees them end.</summary>
public class HistoryTests
{
    private static readonly string[] Flags = [.. FlowTests.ShortWindows, "--netns=host"];

    [KernelFact("dotnet")]
    public void An_application_that_does_not_read_is_a_slow_reader()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network, Flags);
        using (var connections = new Connections(network, "127.0.0.1"))
        {
            connections.Add(30);
            connections.SendEach(new byte[1000]);
            MetricsText page = Holds(daemon, "slow_reader");

            FlowTests.AlarmsOf(page).ShouldBe(["slow_reader"]);
            NamesThisProcess(page, "slow_reader");

            connections.ReadAll();
            Ends(daemon, "slow_reader");
        }
    }

    [KernelFact("dotnet")]
    public void Peers_elsewhere_that_do_not_read_are_slow_peers()
    {
        using var network = new NetworkNamespace();
        using var elsewhere = new NetworkNamespace();
        Tool.Run(TimeSpan.FromSeconds(10), "ip", "link", "add", "near", "netns", network.Name, "type", "veth", "peer", "name", "far", "netns", elsewhere.Name);
        network.Run("ip", "addr", "add", "10.98.0.1/24", "dev", "near");
        network.Run("ip", "link", "set", "near", "up");
        elsewhere.Run("ip", "addr", "add", "10.98.0.2/24", "dev", "far");
        elsewhere.Run("ip", "link", "set", "far", "up");
        using var daemon = new RunningDaemon(network, Flags);
        using (var connections = new Connections(network, "10.98.0.2", elsewhere))
        {
            connections.Add(30);
            connections.FillEach();
            MetricsText page = Holds(daemon, "slow_peer");

            FlowTests.AlarmsOf(page).ShouldBe(["slow_peer"]);
            NamesThisProcess(page, "slow_peer");
        }

        Ends(daemon, "slow_peer");
    }

    [KernelFact("dotnet")]
    public void Connections_that_are_opened_and_never_closed_leak()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network, [.. Flags, "--diagnosis.leak-growth=40s"]);
        using var connections = new Connections(network, "127.0.0.1");
        MetricsText page = Poll.Until(
            () =>
            {
                connections.Add(1);
                return daemon.Scrape();
            },
            page => FlowTests.Finding(page, "established_leak", "warning") == 1 || FlowTests.Finding(page, "established_leak", "critical") == 1,
            "established_leak",
            TimeSpan.FromSeconds(120));

        FlowTests.AlarmsOf(page).ShouldBe(["established_leak"]);
        NamesThisProcess(page, "established_leak");

        // No more are opened: what is open stays, and is no leak that goes on.
        Ends(daemon, "established_leak");
    }

    [KernelFact("dotnet", "nft")]
    public void A_path_that_loses_segments_is_a_storm()
    {
        using var network = new NetworkNamespace();
        network.Run("nft", "add table inet loss");
        network.Run("nft", "add chain inet loss input { type filter hook input priority 0; policy accept; }");
        network.Run("nft", "add rule inet loss input tcp dport 8080 tcp flags & syn == 0 numgen random mod 100 < 25 drop");
        using var daemon = new RunningDaemon(network, [.. Flags, "--diagnosis.retransmit-window=10s"]);
        using (var connections = new Connections(network, "127.0.0.1", port: 8080))
        {
            connections.Add(50);
            MetricsText page = Poll.Until(
                () =>
                {
                    connections.SendEach(new byte[100]);
                    connections.ReadAll();
                    return daemon.Scrape();
                },
                page => FlowTests.Finding(page, "retransmit_storm", "warning") == 1,
                "retransmit_storm",
                TimeSpan.FromSeconds(60));
            FlowTests.AlarmsOf(page).ShouldBe(["retransmit_storm"]);
        }

        Ends(daemon, "retransmit_storm");
    }

    private static MetricsText Holds(RunningDaemon daemon, string finding) =>
        Poll.Until(daemon.Scrape, page => FlowTests.Finding(page, finding, "warning") == 1, finding, TimeSpan.FromSeconds(60));

    private static void Ends(RunningDaemon daemon, string finding) =>
        Poll.Until(() => FlowTests.AlarmsOf(daemon.Scrape()), alarms => !alarms.Contains(finding), $"the end of {finding}", TimeSpan.FromSeconds(90));

    // The holder is this test, by its name as the kernel has it, and its unit where it has one.
    private static void NamesThisProcess(MetricsText page, string finding) => page.Text.Split('\n')
        .ShouldContain(line => line.StartsWith($"conn_finding_info{{finding=\"{finding}\",netns=\"self\",", StringComparison.Ordinal)
            && line.Contains($"evidence=\"{File.ReadAllText("/proc/self/comm").Trim()}", StringComparison.Ordinal));

    /// <summary>Connections of this process, both ends open.</summary>
    private sealed class Connections : IDisposable
    {
        private readonly NetworkNamespace network;
        private readonly Socket listener;
        private readonly List<Socket> clients = [];
        private readonly List<Socket> servers = [];

        public Connections(NetworkNamespace network, string address, NetworkNamespace? elsewhere = null, int port = 0)
        {
            this.network = network;
            listener = (elsewhere ?? network).Inside(() =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
                socket.Listen(100);
                return socket;
            });
        }

        public void Add(int count)
        {
            clients.AddRange(network.Inside(() => Enumerable.Range(0, count).Select(_ =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Connect(listener.LocalEndPoint!);
                servers.Add(listener.Accept());
                return socket;
            }).ToList()));
        }

        public void SendEach(byte[] bytes) => clients.ForEach(client => client.Send(bytes));

        /// <summary>Sends until neither buffer holds more.</summary>
        public void FillEach()
        {
            foreach (Socket client in clients)
            {
                client.Blocking = false;
                client.SendBufferSize = 16_384;
                SocketError error = SocketError.Success;
                while (error == SocketError.Success)
                {
                    client.Send(new byte[16_384], SocketFlags.None, out error);
                }
            }
        }

        public void ReadAll()
        {
            byte[] into = new byte[65_536];
            foreach (Socket server in servers)
            {
                while (server.Available > 0)
                {
                    server.Receive(into);
                }
            }
        }

        public void Dispose() => clients.Concat(servers).Append(listener).ToList().ForEach(socket => socket.Dispose());
    }
}
