using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs to ask for the ports of one destination, and to find destinations that nobody knew, beside walks over all sockets.</summary>
internal static class Lookups
{
    private const int Held = 20_000;
    private const ushort First = 10_000;
    private const ushort Last = 38_231;
    private const int FewPorts = 64;
    private const int MorePorts = 16;
    private const double LookupTarget = 0.03;
    private const double WalkTarget = 0.17;
    private const int Scrapes = 3;

    public static Part Part { get; } = new(
        "lookups",
        "Ports between two censuses",
        "single sockets looked up, and walks over a part of the ports, beside filtered and whole dumps",
        settings => TimeSpan.FromSeconds(20 + (settings.Sockets / 25_000.0) + (settings.Rounds * 12)),
        Run);

    private static void Run(Bench bench, Section section)
    {
        BenchmarkSettings settings = bench.Settings;
        section.Say($"{settings.Sockets:N0} ESTABLISHED sockets of {settings.Peers:N0} peers, and {Held:N0} of {Last - First + 1:N0} ports towards one destination more. CPU of the thread that asks.");
        using var crowd = Load.Sockets(bench.Place, settings.Sockets, settings.Peers);
        using var destination = Load.Destination(bench.Place, Held, "127.9.9.9");
        var usable = new UsablePorts();
        usable.Set(new PortRange(First, Last), PortSet.Parse("reserved", "\n"u8));
        var walk = new SampledWalk();
        int turn = 0;
        List<(double Filtered, double Few, double More, double All, double Sampled, double Whole, double TcpStat, double Error)> rounds = bench.Rounds("lookups", () =>
        {
            double tcpStat;
            using (Peer node = Rival.Node(bench.Place, "tcpstat"))
            {
                tcpStat = node.ScrapeCost(Scrapes).Cpu;
            }

            return bench.Place.Inside(() =>
            {
                using var netlink = NetlinkSocket.OpenSockDiag();
                (InetAddress local, InetAddress remote, ushort port) = Find(netlink);
                double filtered = Cost(() => Count(netlink, new SockDiagRequest(SockDiagRequest.AllStates) { To = [(remote, port)] }));
                (double few, long found, int asked) = LookUp(netlink, usable, local, remote, port, FewPorts, turn);
                (double more, _, _) = LookUp(netlink, usable, local, remote, port, MorePorts, turn++);
                (double all, long held, _) = LookUp(netlink, usable, local, remote, port, 1, 0);
                if (held != Held)
                {
                    throw new BenchmarkException($"{held} ports looked up, {Held} are held");
                }

                double sampled = Cost(() => walk.Make(netlink, usable, new TimeWaitReuse(0, Timestamps: true, TimeSpan.FromSeconds(1)), new Pauses(sleeps: false)));
                double whole = Cost(() => Count(netlink, new SockDiagRequest(SockDiagRequest.AllStates)));
                return (filtered, few, more, all, sampled, whole, tcpStat, Math.Abs((found * (double)usable.Count / asked) - Held) / usable.Count);
            });
        });
        section.Figure("dump that the kernel filters by the destination", rounds.Select(one => one.Filtered), "ms");
        section.Figure("one port in 64 looked up", rounds.Select(one => one.Few), "ms");
        section.Figure("one port in 16 looked up", rounds.Select(one => one.More), "ms");
        section.Figure("each port looked up", rounds.Select(one => one.All), "ms");
        section.Figure("walk over a sixteenth of the ports", rounds.Select(one => one.Sampled), "ms");
        section.Figure("dump of all, headers alone", rounds.Select(one => one.Whole), "ms");
        section.Figure("node_exporter tcpstat, a scrape", rounds.Select(one => one.TcpStat), "ms");
        section.Target("one port in 64 ÷ filtered dump", rounds.Select(one => one.Few / one.Filtered), LookupTarget, "×");
        section.Target("walk over a sixteenth ÷ tcpstat", rounds.Select(one => one.Sampled / one.TcpStat), WalkTarget, "×");
        section.Figure("error of one port in 64, of the range", rounds.Select(one => one.Error * 100), "%");
    }

    private static (double Cpu, long Found, int Asked) LookUp(NetlinkSocket netlink, UsablePorts usable, InetAddress local, InetAddress remote, ushort port, int part, int turn)
    {
        List<ushort> ports = [];
        PortSample.Choose(usable, part, turn, ports);
        long found = 0;
        ushort[] asked = [.. ports];
        return (Cost(() => SocketLookup.Ask(netlink, local, remote, port, 0, asked, (ushort _, in SocketRecord _) => found++)), found, asked.Length);
    }

    private static (InetAddress Local, InetAddress Remote, ushort Port) Find(NetlinkSocket netlink)
    {
        var remote = InetAddress.ReadV4([127, 9, 9, 9]);
        (InetAddress, InetAddress, ushort) found = default;
        var dump = new SockDiagDump(netlink, new SockDiagRequest(SockDiagRequest.AllStates));
        while (dump.TryRead(out SocketRecord socket))
        {
            if (socket.RemoteAddress == remote)
            {
                found = (socket.LocalAddress, remote, socket.RemotePort);
            }
        }

        return found.Item3 != 0 ? found : throw new BenchmarkException("nothing goes to the destination");
    }

    private static void Count(NetlinkSocket netlink, SockDiagRequest request)
    {
        var dump = new SockDiagDump(netlink, request);
        while (dump.TryRead(out _))
        {
        }
    }

    private static double Cost(Action work)
    {
        TimeSpan before = ThreadClock.CpuTime();
        work();
        return (ThreadClock.CpuTime() - before).TotalMilliseconds;
    }
}
