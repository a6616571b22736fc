using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Counting;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Census;

/// <summary>Sockets by unit: the cgroups of a walk under their names, several of which can share one. The largest are shown, the others summed.</summary>
internal sealed class UnitTable(int shown)
{
    // A unit that was shown keeps its place until another has this much more, so that series do not come and go.
    private const double Favour = 1.25;
    private readonly Dictionary<string, ulong[]> units = new(StringComparer.Ordinal);
    private HashSet<string> previous = new(StringComparer.Ordinal);

    /// <summary>The units chosen, the one with the most first, and the others summed.</summary>
    public ImmutableArray<CensusReading.StateRow> Rows { get; private set; } = [];

    /// <summary>Units without a row of their own.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Names the cgroups of a walk and chooses what is shown.</summary>
    public void Choose(BoundedCounts<Cgroup> counts, CgroupTree cgroups)
    {
        units.Clear();
        ulong[] unattributed = new ulong[TcpTable.StateCount];
        for (int state = 0; state < unattributed.Length; state++)
        {
            unattributed[state] = (ulong)counts.TotalOf(state);
        }

        foreach (BoundedCounts<Cgroup>.Row row in counts)
        {
            ulong[] states = StatesOf(cgroups.UnitOf(row.Key.Id));
            for (int state = 0; state < states.Length; state++)
            {
                states[state] += (ulong)row.Counts[state];
                unattributed[state] -= (ulong)row.Counts[state];
            }
        }

        List<string> ranked = [.. units.OrderByDescending(unit => Total(unit.Value) * (previous.Contains(unit.Key) ? Favour : 1)).ThenBy(unit => unit.Key, StringComparer.Ordinal).Select(unit => unit.Key)];
        List<string> chosen = ranked[..Math.Min(shown, ranked.Count)];
        LeftOut = ranked.Count - chosen.Count;
        foreach (string unit in ranked[chosen.Count..])
        {
            Add(unattributed, units[unit]);
        }

        // What the counts had no room for goes here too, so that the rows sum to what was seen.
        ImmutableArray<CensusReading.StateRow> rows = [.. chosen.Select(unit => new CensusReading.StateRow(unit, units[unit]))];
        Rows = Total(unattributed) > 0 ? rows.Add(new(Labels.Other, unattributed)) : rows;
        previous = [.. chosen];
    }

    private ulong[] StatesOf(string unit)
    {
        if (!units.TryGetValue(unit, out ulong[]? states))
        {
            states = new ulong[TcpTable.StateCount];
            units.Add(unit, states);
        }

        return states;
    }

    private static void Add(ulong[] sums, ulong[] states)
    {
        for (int state = 0; state < sums.Length; state++)
        {
            sums[state] += states[state];
        }
    }

    private static ulong Total(ulong[] states)
    {
        ulong total = 0;
        foreach (ulong count in states)
        {
            total += count;
        }

        return total;
    }
}
