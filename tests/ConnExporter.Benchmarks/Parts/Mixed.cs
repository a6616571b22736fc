namespace ConnExporter.Benchmarks.Parts;

/// <summary>What samples cost while connections come and go in all kinds of states.</summary>
internal static class Mixed
{
    private const int Established = 50_000;
    private const int EstablishedPeers = 5_000;
    private const int Unclosed = 5_000;
    private const int Listening = 100;
    private const int Rate = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // TIME_WAIT lasts 60 s: from then on as many go as come.
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(61);

    public static Part Part { get; } = new("churn", "Churn", "samples while connections come and go", settings => Settle + TimeSpan.FromSeconds(10 + (settings.Rounds * 18)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"{Established:N0} ESTABLISHED sockets, {Unclosed:N0} in CLOSE_WAIT, {Listening} listeners, and {Rate} connections a second of 1 ms each, whose TIME_WAITs stay for a minute.");
        using var established = Load.Sockets(bench.Place, Established, EstablishedPeers);
        using var unclosed = Load.CloseWait(bench.Place, Unclosed);
        using var listeners = Load.Listeners(bench.Place, Listening);
        using var churn = Load.Churn(bench.Place, Rate);
        Thread.Sleep(Settle);
        List<(double States, double Census, double Node, double Ss)> costs = bench.Rounds("churn", () =>
        {
            double states = bench.Daemon.Sample(bench.Place, "states", Interval, 10).Cpu;
            double census = bench.Daemon.Sample(bench.Place, "census", Interval, 10).Cpu;
            using Peer node = Rival.Node(bench.Place, "tcpstat");
            return (states, census, node.ScrapeCost(5).Cpu, Command.Measure(bench.Place, "ss -tan", 3).Cpu);
        });
        section.Figure("conn-exporter, a state sample", costs.Select(cost => cost.States), "ms");
        section.Figure("conn-exporter, a census", costs.Select(cost => cost.Census), "ms");
        section.Figure("node_exporter tcpstat, a scrape", costs.Select(cost => cost.Node), "ms");
        section.Figure("`ss -tan`, a run", costs.Select(cost => cost.Ss), "ms");
        section.Figure("state sample ÷ tcpstat", costs.Select(cost => cost.States / cost.Node), "×");
        section.Figure("census ÷ tcpstat", costs.Select(cost => cost.Census / cost.Node), "×");
    }
}
