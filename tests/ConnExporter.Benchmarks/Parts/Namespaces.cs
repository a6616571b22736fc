namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs to look into other network namespaces.</summary>
internal static class Namespaces
{
    private const int Count = 64;
    private const int SocketsEach = 200;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public static Part Part { get; } = new("namespaces", "Network namespaces", $"a round over {Count} namespaces", settings => TimeSpan.FromSeconds(40 + (settings.Rounds * 24)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"{Count} network namespaces with {SocketsEach} ESTABLISHED sockets each, read by one daemon outside them: states, counters, listeners, ports, connection tracking and a small census of each.");
        List<TestNamespace> places = [];
        List<Load> loads = [];
        try
        {
            for (int i = 0; i < Count; i++)
            {
                var place = new TestNamespace();
                places.Add(place);
                loads.Add(Load.Sockets(place, SocketsEach));
            }

            double seen;
            using (Peer peer = bench.Daemon.StartFixed(bench.Place, "--collector.disable-defaults", "--collector.namespaces"))
            {
                peer.WaitFor("/-/ready", TimeSpan.FromMilliseconds(20));
                seen = Daemon.ValueOf(peer.Scrape(), "conn_namespaces", "\"seen\"");
            }

            List<(Cost Ours, double Node)> costs = bench.Rounds("namespaces", () =>
            {
                Cost ours = bench.Daemon.Sample(bench.Place, "namespaces", Interval, 5);
                using Peer node = Rival.Node(places[0], "tcpstat", "netstat", "sockstat", "conntrack");
                return (ours, node.ScrapeCost(5).Cpu);
            });
            section.Say($"The host has {seen:F0} others in all.");
            section.Figure("conn-exporter, a round", costs.Select(cost => cost.Ours.Cpu), "ms");
            section.Figure("of these, by namespace", costs.Select(cost => cost.Ours.Cpu / seen), "ms");
            section.Figure("conn-exporter, highest resident memory", costs.Select(cost => cost.Ours.Peak), "MB");
            section.Figure("node_exporter (tcpstat, netstat, sockstat, conntrack) in one of them, a scrape", costs.Select(cost => cost.Node), "ms");
            section.Figure("ratio by namespace", costs.Select(cost => cost.Ours.Cpu / seen / cost.Node), "×");
        }
        finally
        {
            loads.ForEach(load => load.Dispose());
            places.ForEach(place => place.Dispose());
        }
    }
}
