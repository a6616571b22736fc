namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs to look at many listeners, among many connections.</summary>
internal static class Listeners
{
    private const int Count = 500;
    private const int Connections = 200_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    public static Part Part { get; } = new("listeners", "Listeners", $"a sample of {Count} listeners, alone and among {Connections:N0} connections", settings => TimeSpan.FromSeconds(15 + (settings.Rounds * 14)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"{Count} listeners: accept queue, limit and drops of each. The kernel is asked for listeners only, so that connections hardly matter.");
        using var listeners = Load.Listeners(bench.Place, Count);
        Measure(bench, section, "alone");
        using var connections = Load.Sockets(bench.Place, Connections);
        Measure(bench, section, $"among {Connections:N0} connections");
    }

    private static void Measure(Bench bench, Section section, string where)
    {
        List<(double Ours, double Ss)> costs = bench.Rounds($"listeners {where}", () => (bench.Daemon.Sample(bench.Place, "listeners", Interval, 20).Cpu, Command.Measure(bench.Place, "ss -ltn", 10).Cpu));
        section.Figure($"{where}: conn-exporter, a sample", costs.Select(cost => cost.Ours), "ms");
        section.Figure($"{where}: `ss -ltn`, a run", costs.Select(cost => cost.Ss), "ms");
        section.Figure($"{where}: ratio", costs.Select(cost => cost.Ours / cost.Ss), "×");
    }
}
