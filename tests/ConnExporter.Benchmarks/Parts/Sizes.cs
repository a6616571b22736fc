namespace ConnExporter.Benchmarks.Parts;

/// <summary>What samples cost as the number of sockets grows, beside what others take for it.</summary>
internal static class Sizes
{
    private const string States = "conn-exporter, a state sample";
    private const string Census = "conn-exporter, a census";
    private const string TcpStat = "node_exporter tcpstat, a scrape";
    private const string NodeFive = "node_exporter tcpstat, netstat, sockstat, conntrack, filefd";
    private const string SsTan = "`ss -tan`";
    private const string SsSummary = "`ss -s`";
    private const string ProcTable = "`cat /proc/net/tcp`";
    private const int SocketsPerPeer = 10;
    private const int NodeScrapes = 3;

    // Runs of a command are timed together until they are long enough for a clock of milliseconds.
    private const int SocketsPerMeasure = 100_000;
    private const int MostRuns = 20;
    private const double LinearTarget = 2.5;
    private const int LinearFrom = 10_000;
    private static readonly string[] Programs = [States, Census, TcpStat, NodeFive, SsTan, SsSummary, ProcTable];
    private static readonly TimeSpan StatesInterval = TimeSpan.FromMilliseconds(500);
    private static readonly (int Sockets, double States, double Census)[] Targets = [(200_000, 0.06, 0.42), (1_000_000, 0.10, 0.5)];

    public static Part Part { get; } = new(
        "sizes",
        "Sockets by state and census",
        "samples against node_exporter, ss and /proc/net/tcp as the sockets grow",
        settings => TimeSpan.FromSeconds(settings.Sizes.Sum(size => 5 + (size / 30_000) + (settings.Rounds * (20 + (size / 25_000))))),
        Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say(
            $"ESTABLISHED sockets of one network namespace, {SocketsPerPeer} of each peer. A state sample is the table of states; a census names destinations, peers, units, processes and listeners. "
            + "Where a row says conn-exporter, it is the whole process with that collector alone, divided by its samples.");
        var costs = bench.Settings.Sizes.ToDictionary(size => size, size => Measure(bench, size));
        section.Say("CPU time in ms:");
        Table(section, costs, cost => cost.Cpu);
        section.Say("Time on the clock in ms:");
        Table(section, costs, cost => cost.Wall);
        section.Say("Highest resident memory in MB:");
        Table(section, costs, cost => cost.Peak);
        section.Say("CPU time of conn-exporter by socket in ns, and in relation to node_exporter's tcpstat and `ss -tan` (the ratios of each round):");
        section.Table(
            ["", .. costs.Keys.Select(size => $"{size:N0}")],
            [
                ["state sample, thread alone, ns a socket", .. costs.Select(cost => Section.Cell(PerSocket(cost, States, one => one.Own)))],
                ["state sample, ns a socket", .. costs.Select(cost => Section.Cell(PerSocket(cost, States, one => one.Cpu)))],
                ["state sample ÷ tcpstat", .. costs.Values.Select(cost => Section.Cell(Ratios(cost, States, TcpStat)))],
                ["state sample ÷ `ss -s`", .. costs.Values.Select(cost => Section.Cell(Ratios(cost, States, SsSummary)))],
                ["census, thread alone, ns a socket", .. costs.Select(cost => Section.Cell(PerSocket(cost, Census, one => one.Own)))],
                ["census, ns a socket", .. costs.Select(cost => Section.Cell(PerSocket(cost, Census, one => one.Cpu)))],
                ["census ÷ tcpstat", .. costs.Values.Select(cost => Section.Cell(Ratios(cost, Census, TcpStat)))],
                ["census ÷ `ss -tan`", .. costs.Values.Select(cost => Section.Cell(Ratios(cost, Census, SsTan)))],
            ]);
        foreach ((int sockets, double states, double census) in Targets.Where(target => costs.ContainsKey(target.Sockets)))
        {
            section.Target($"state sample ÷ tcpstat at {sockets:N0}", Ratios(costs[sockets], States, TcpStat), states, "×");
            section.Target($"census ÷ tcpstat at {sockets:N0}", Ratios(costs[sockets], Census, TcpStat), census, "×");
        }

        foreach (string program in (string[])[States, Census])
        {
            double whole = Spread(costs, program, one => one.Cpu);
            double own = Spread(costs, program, one => one.Own);
            section.Bound($"{program}, from {LinearFrom:N0} sockets on: most by socket ÷ least, of the sampling thread", [own], LinearTarget, "×");
            section.Figure($"{program}, the same of the whole process, whose other work does not grow", [whole], "×");
        }
    }

    private static Dictionary<string, List<Cost>> Measure(Bench bench, int size)
    {
        Bench.Say($"  making {size} sockets");
        using var load = Load.Sockets(bench.Place, size, Math.Max(1, size / SocketsPerPeer));
        int runs = Math.Clamp(SocketsPerMeasure / size, 1, MostRuns);
        Dictionary<string, List<Cost>> costs = Programs.ToDictionary(program => program, _ => new List<Cost>(), StringComparer.Ordinal);
        bench.Rounds($"{size} sockets", () =>
        {
            costs[States].Add(bench.Daemon.Sample(bench.Place, "states", StatesInterval, samples: 10));
            costs[Census].Add(CensusCost(bench, size));
            using (Peer node = Rival.Node(bench.Place, "tcpstat"))
            {
                costs[TcpStat].Add(node.ScrapeCost(NodeScrapes * runs));
            }

            using (Peer node = Rival.Node(bench.Place, "tcpstat", "netstat", "sockstat", "conntrack", "filefd"))
            {
                costs[NodeFive].Add(node.ScrapeCost(NodeScrapes * runs));
            }

            costs[SsTan].Add(Command.Measure(bench.Place, "ss -tan", runs));
            costs[SsSummary].Add(Command.Measure(bench.Place, "ss -s", runs));
            costs[ProcTable].Add(Command.Measure(bench.Place, "cat /proc/net/tcp", runs));
            return true;
        });
        return costs;
    }

    /// <summary>A census at an interval that is long enough for so many sockets.</summary>
    public static Cost CensusCost(Bench bench, int sockets)
    {
        // A walk takes 1 to 2 µs a socket; the first two are not measured.
        var interval = TimeSpan.FromMilliseconds(500 * Math.Max(1, Math.Ceiling(sockets / 100_000.0)));
        return bench.Daemon.Sample(bench.Place, "census", interval, samples: sockets > 500_000 ? 4 : 8);
    }

    private static void Table(Section section, Dictionary<int, Dictionary<string, List<Cost>>> costs, Func<Cost, double> value) => section.Table(
        ["", .. costs.Keys.Select(size => $"{size:N0}")],
        Programs.Select(program => (string[])[program, .. costs.Values.Select(cost => Section.Cell(cost[program].Select(value)))]));

    private static double Spread(Dictionary<int, Dictionary<string, List<Cost>>> costs, string program, Func<Cost, double> value)
    {
        double[] each = [.. costs.Where(cost => cost.Key >= LinearFrom).Select(cost => Section.Median(PerSocket(cost, program, value))).DefaultIfEmpty(1)];
        return each.Max() / each.Min();
    }

    private static IEnumerable<double> PerSocket(KeyValuePair<int, Dictionary<string, List<Cost>>> cost, string program, Func<Cost, double> value) => cost.Value[program].Select(one => value(one) * 1e6 / cost.Key);

    private static IEnumerable<double> Ratios(Dictionary<string, List<Cost>> costs, string ours, string theirs) => costs[ours].Zip(costs[theirs], (a, b) => a.Cpu / b.Cpu);
}
