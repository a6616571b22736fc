using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Findings;

/// <summary>
/// Connection tracking filled, raced and almost filled in network namespaces of their own: each may hold as many entries as the host's limit says, so a
/// full table needs no change to the host.
/// </summary>
public class ConntrackTests
{
    private const string Source = "10.99.0.1";
    private const int Clashes = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly IPAddress[] Far = [.. Enumerable.Range(10, 40).Select(i => IPAddress.Parse($"10.99.0.{i}"))];

    // UDP that nobody answers is what the kernel evicts first.
    [KernelFact("dotnet", "nft")]
    public void A_table_that_evicts_is_told_by_its_own_counter()
    {
        using NetworkNamespace network = Tracking();
        int limit = Limit(network);
        using var datagrams = new Background(network, (socket, turn) => Datagram(socket, turn % (limit + (limit / 8))));
        Poll.Until(() => Statistic(network, "early_drop"), evicted => evicted > 0, "an entry evicted", Patience);

        var seen = Diagnosis.Until(network, "conntrack_dropping");

        // What is evicted is a flow that nobody has answered.
        seen.SeverityOf("conntrack_dropping").ShouldBe("warning");
        seen.SeverityOf("conntrack_exhausting").ShouldBe("critical");
        seen.Alarms.Order().ShouldBe(["conntrack_dropping", "conntrack_exhausting"]);
    }

    [KernelFact("dotnet", "nft")]
    public void A_table_that_is_half_full_is_not_running_out_however_fast_it_turns_over()
    {
        using NetworkNamespace network = Tracking();
        int half = Limit(network) / 2;
        using var datagrams = new Background(network, (socket, turn) => Datagram(socket, turn % half));
        Poll.Until(() => Entries(network), entries => entries >= half * 0.9, "half a table", Patience);

        var seen = Diagnosis.Of(network);

        seen.Alarms.ShouldBeEmpty(seen.ToString());
        Statistic(network, "early_drop").ShouldBe(0);
    }

    // Two packets of one new flow at once, on two processors: the kernel keeps one entry and lets both pass.
    [KernelFact("dotnet", "nft")]
    public void Packets_of_one_flow_at_once_that_the_kernel_sorts_out_are_no_finding()
    {
        using NetworkNamespace network = Tracking();
        using var race = new Race(network);
        Poll.Until(() => Statistic(network, "clashres"), resolved => resolved >= Clashes, "clashes", Patience);
        long failedBefore = Statistic(network, "insert_failed");

        var seen = Diagnosis.Of(network);

        bool hasFailed = Statistic(network, "insert_failed") > failedBefore;
        seen.Alarms.ShouldBeEmpty(seen.ToString());
        seen.Has("nat_ports_exhausting").ShouldBeFalse();
        if (!hasFailed)
        {
            seen.Has("conntrack_insertions_failing").ShouldBeFalse(seen.ToString());
        }
    }

    private static NetworkNamespace Tracking()
    {
        var network = new NetworkNamespace();
        network.Run("nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out ct state new counter");
        return network;
    }

    private static int Limit(NetworkNamespace network) => int.Parse(network.Inside(() => File.ReadAllText("/proc/sys/net/netfilter/nf_conntrack_max")));

    private static int Entries(NetworkNamespace network) => int.Parse(network.Inside(() => File.ReadAllText("/proc/sys/net/netfilter/nf_conntrack_count")));

    private static long Statistic(NetworkNamespace network, string column)
    {
        string[] lines = network.ReadNet("stat/nf_conntrack").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        int index = Array.IndexOf(lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), column);
        index.ShouldBeGreaterThanOrEqualTo(0, $"{column} in {lines[0]}");
        return lines[1..].Sum(line => Convert.ToInt64(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[index], 16));
    }

    private static void Datagram(Socket socket, int number) => socket.SendTo([0], new IPEndPoint(Far[number / 50_000], 10_000 + (number % 50_000)));

    /// <summary>Sends from one socket of a namespace until it is disposed of.</summary>
    private sealed class Background : IDisposable
    {
        private readonly CancellationTokenSource end = new();
        private readonly Socket socket;
        private readonly Task sending;

        public Background(NetworkNamespace network, Action<Socket, int> send)
        {
            socket = network.Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
            sending = Task.Factory.StartNew(
                () =>
                {
                    for (int turn = 0; !end.IsCancellationRequested; turn = turn == int.MaxValue ? 0 : turn + 1)
                    {
                        try
                        {
                            send(socket, turn);
                        }
                        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied or SocketError.NoBufferSpaceAvailable)
                        {
                            // A packet that a full table drops is EPERM at its sender.
                        }
                    }
                },
                TaskCreationOptions.LongRunning);
        }

        public void Dispose()
        {
            end.Cancel();
            sending.GetAwaiter().GetResult();
            socket.Dispose();
            end.Dispose();
        }
    }

    /// <summary>Two threads that send the same packet of flow after flow in step.</summary>
    private sealed class Race : IDisposable
    {
        private const int FirstPort = 20_000;
        private const int Ports = 40_000;
        private const ProtocolType WithOwnHeader = (ProtocolType)255;
        private readonly long[] steps = new long[32];
        private readonly Task[] threads;
        private volatile bool ended;

        public Race(NetworkNamespace network)
        {
            threads = [.. Enumerable.Range(0, 2).Select(side =>
            {
                Socket socket = network.Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Raw, WithOwnHeader));
                return Task.Factory.StartNew(() => Run(socket, side), TaskCreationOptions.LongRunning);
            })];
        }

        public void Dispose()
        {
            ended = true;
            Task.WaitAll(threads);
        }

        // A cache line each.
        private void Run(Socket socket, int side)
        {
            using (socket)
            {
                var to = new IPEndPoint(IPAddress.Parse(Source), 0);
                for (long step = 1; !ended; step++)
                {
                    byte[] packet = Packet((ushort)(FirstPort + (step % Ports)));
                    Volatile.Write(ref steps[16 * side], step);
                    while (Volatile.Read(ref steps[16 * (1 - side)]) < step && !ended)
                    {
                        // Whoever yields here comes back too late: what is raced for lasts a microsecond.
                    }

                    try
                    {
                        socket.SendTo(packet, to);
                    }
                    catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
                    {
                        // The one of both that could not be sorted out.
                    }
                }
            }
        }

        // From the address to itself, to a port that nobody listens on: an IPv4 header and a datagram without content or checksum.
        private static byte[] Packet(ushort port)
        {
            byte[] packet = new byte[28];
            (packet[0], packet[3], packet[8], packet[9]) = (0x45, (byte)packet.Length, 64, (byte)ProtocolType.Udp);
            IPAddress.Parse(Source).GetAddressBytes().CopyTo(packet, 12);
            IPAddress.Parse(Source).GetAddressBytes().CopyTo(packet, 16);
            (packet[20], packet[21], packet[23], packet[25]) = ((byte)(port >> 8), (byte)port, 9, 8);
            return packet;
        }
    }
}
