using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What each way to ask the kernel for less saves.</summary>
internal static class Tricks
{
    private const int Sockets = 200_000;
    private const int Peers = 20_000;
    private const int Processes = 1_000;
    private const int Listening = 100;
    private const int Reads = 2_000;
    private const int Scrapes = 3;
    private static readonly string[] KeptFiles = ["snmp", "netstat", "sockstat"];
    private static readonly SockDiagRequest Everything = new(SockDiagRequest.AllStates);

    // Everything but ESTABLISHED and TIME_WAIT, which follow from what the kernel counts.
    private static readonly SockDiagRequest Rare = new(SockDiagRequest.AllStates & ~(SockDiagRequest.Bit(TcpState.Established) | SockDiagRequest.Bit(TcpState.TimeWait)));
    private static readonly SockDiagRequest ListenOnly = new(SockDiagRequest.Bit(TcpState.Listen));
    private static readonly SockDiagRequest WithInfo = new(SockDiagRequest.AllStates, SockDiagRequest.Info);
    private static readonly SockDiagRequest WithBound = new(SockDiagRequest.AllStates | SockDiagRequest.BoundInactive);

    // One destination of the lab's: 127.2.0.1:443.
    private static readonly SockDiagRequest OneDestination = Everything with { To = [(InetAddress.ReadV4([127, 2, 0, 1]), 443)] };

    public static Part Part { get; } = new("tricks", "Asking for less", "what each way to ask the kernel for less saves", settings => TimeSpan.FromSeconds(25 + (4 * settings.Rounds)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"CPU of the one thread that reads, with {Sockets:N0} ESTABLISHED sockets of {Peers:N0} peers, {Listening} listeners and {Processes:N0} processes; measured in this process.");
        using var sockets = Load.Sockets(bench.Place, Sockets, Peers);
        using var listeners = Load.Listeners(bench.Place, Listening);
        using var processes = Load.Descriptors(bench.Place, Processes, 10);
        using var empty = new TestNamespace();
        (string What, Func<(double With, double Without)> Measure)[] tricks =
        [
            ("states: dump of the rare ones, the others from sockstat · dump of all", () => bench.Place.Inside(() => (Collect(kernel => new StatesCollector(kernel)), Dump(Everything)))),
            ("dump: states filtered by the kernel · all and sorted out here", () => bench.Place.Inside(() => (Dump(Rare), Dump(Everything)))),
            ("listeners: dump of LISTEN only · dump of all", () => bench.Place.Inside(() => (Dump(ListenOnly), Dump(Everything)))),
            ("one destination: bytecode in the kernel · all and sorted out here", () => bench.Place.Inside(() => (Dump(OneDestination), Dump(Everything)))),
            ("census: without INET_DIAG_INFO · with it for every socket", () => bench.Place.Inside(() => (Dump(Everything), Dump(WithInfo)))),
            ("census: bound sockets in one of four walks · in each", () => bench.Place.Inside(() => Mixed(Dump(Everything), Dump(WithBound)))),
            ("a namespace without sockets: sockstat asked first · dump", () => empty.Inside(() => (Collect(kernel => new StatesCollector(kernel with { IsOwnNamespace = false })), Dump(Everything)))),
            .. KeptFiles.Select(name => ($"/proc/net/{name}: kept descriptor and pread · opened anew", (Func<(double, double)>)(() => bench.Place.Inside(() => (Read(name, keep: true), Read(name, keep: false)))))),
            ("processes: name, unit and limit read in one of four rounds · in each", () => Mixed(Count(refresh: false), Count(refresh: true))),
        ];
        section.Table(
            ["with · without", "with, ms", "without, ms", "saved"],
            tricks.Select(trick =>
            {
                List<(double With, double Without)> costs = bench.Rounds(trick.What, trick.Measure);
                double saved = Section.Median(costs.Select(cost => 1 - (cost.With / cost.Without)));
                return (string[])[trick.What, Section.Cell(costs.Select(cost => cost.With)), Section.Cell(costs.Select(cost => cost.Without)), $"{saved * 100:F0} %"];
            }).ToList());

        List<(double Dump, double TcpStat)> least = bench.Rounds("the least that a census can cost", () =>
        {
            double dump = bench.Place.Inside(() => Dump(Everything));
            using Peer node = Rival.Node(bench.Place, "tcpstat");
            return (dump, node.ScrapeCost(Scrapes).Cpu);
        });
        section.Say("The least that a census of these sockets can cost, as long as sock_diag is asked: the dump of all of them with nothing counted.");
        section.Figure("dump of all", least.Select(one => one.Dump), "ms");
        section.Figure("dump of all ÷ node_exporter tcpstat, a scrape", least.Select(one => one.Dump / one.TcpStat), "×");
    }

    private static (double With, double Without) Mixed(double cheap, double dear) => (((3 * cheap) + dear) / 4, dear);

    private static double Dump(SockDiagRequest request)
    {
        using var socket = NetlinkSocket.OpenSockDiag();
        return Cpu(3, () =>
        {
            var dump = new SockDiagDump(socket, request);
            while (dump.TryRead(out _))
            {
            }
        });
    }

    private static double Collect(Func<KernelSource, Collector> create)
    {
        using Collector collector = create(KernelSource.Host() with { Proc = new ProcFs("/proc", "thread-self/net") });
        var context = new CollectContext(TimeProvider.System, _ => { });
        return Cpu(5, () => collector.Collect(context));
    }

    private static double Read(string name, bool keep)
    {
        using ProcFile file = new ProcFs("/proc", "thread-self/net").NetFile(name);
        return Cpu(Reads, () =>
        {
            file.Read();
            if (!keep)
            {
                file.Dispose();
            }
        });
    }

    private static double Count(bool refresh)
    {
        using var table = new ProcessTable(new ProcFs());
        return Cpu(3, () =>
        {
            table.Rewind();
            while (table.TryNext(out int pid))
            {
                table.CountDescriptors(pid, out _, out _);
                if (refresh)
                {
                    table.ReadFile(pid, "comm"u8, out _);
                    table.ReadFile(pid, "cgroup"u8, out _);
                    table.ReadFile(pid, "limits"u8, out _);
                }
            }
        });
    }

    // Milliseconds each time; the first, in which buffers grow, is not measured.
    private static double Cpu(int times, Action work)
    {
        work();
        TimeSpan before = ThreadClock.CpuTime();
        for (int i = 0; i < times; i++)
        {
            work();
        }

        return (ThreadClock.CpuTime() - before).TotalMilliseconds / times;
    }
}
