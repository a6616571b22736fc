namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs the census to tell many peers apart.</summary>
internal static class Peers
{
    private const int Sockets = 200_000;
    private static readonly int[] Counts = [1, 20_000, 200_000];

    public static Part Part { get; } = new("peers", "Distinct peers", $"a census of {Sockets:N0} sockets with 1 to {Counts[^1]:N0} peers", settings => TimeSpan.FromSeconds(Counts.Length * (8 + (settings.Rounds * 14))), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"A census of {Sockets:N0} ESTABLISHED sockets; beyond 65,536 peers they are counted with a known error.");
        foreach (int peers in Counts)
        {
            using var load = Load.Sockets(bench.Place, Sockets, peers);
            List<Cost> costs = bench.Rounds($"{peers} peers", () => Sizes.CensusCost(bench, Sockets));
            section.Figure($"{peers:N0} peers, CPU", costs.Select(cost => cost.Cpu), "ms");
            section.Figure($"{peers:N0} peers, highest resident memory", costs.Select(cost => cost.Peak), "MB");
        }
    }
}
