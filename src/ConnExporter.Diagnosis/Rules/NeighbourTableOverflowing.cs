using System.Collections.Immutable;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// New neighbours find no room in the table (net/core/neighbour.c:neigh_alloc): nothing sent to them leaves, and connect() times out. The kernel's own counter is the
/// judge: of the entries permanent ones do not count against the limit, and a table at its limit throws out old ones first.
/// </summary>
internal sealed class NeighbourTableOverflowing() : Rule("neighbour_table_overflowing", Severity.Warning, Severity.Critical)
{
    private const ulong Least = 16_384;

    public override ImmutableArray<Input> Inputs => [Input.NeighbourCounters];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        ImmutableArray<(NeighboursReading.Table Table, Rise Rise)> full =
        [
            .. (seen.Neighbours?.Tables ?? [])
                .Select(table => (Table: table, Rise: seen.Memory.RiseOf(Observation.FullOf(table), seen.Thresholds.DropWindow)))
                .Where(pair => pair.Rise is { Count: > 0 })
                .Select(pair => (pair.Table, pair.Rise!.Value))
                .OrderByDescending(pair => pair.Value.Count),
        ];
        if (full.IsEmpty)
        {
            return null;
        }

        return new Verdict(full.Max(pair => pair.Rise.SeverityFor(seen.Thresholds)), full[0].Table.Family)
        {
            Evidence =
            [
                .. full.Select(pair => new Fact("neighbours_without_room", ("count", (ulong)pair.Rise.Count), ("over", pair.Rise.Over), ("family", pair.Table.Family))),
                .. full.Select(pair => new Fact("neighbour_entries", ("entries", pair.Table.Counts.Entries), ("family", pair.Table.Family), ("limit", (object?)pair.Table.Limit ?? "?"))),
            ],
            Remedies =
            [
                .. full.Where(pair => pair.Table.Limit is not null).SelectMany(pair => Larger(seen, pair.Table, pair.Table.Limit!.Value)),
                new Remedy("see_neighbours", RemedyKind.Application)
                {
                    Commands = [seen.Inside(ShellCommand.Of("ip", "-s", "neigh", "show", "nud", "failed"))],
                },
            ],
            Settings = [.. full.Select(pair => SettingCatalogue.NeighbourLimit(pair.Table.Family, 3))],
        };
    }

    private static IEnumerable<Remedy> Larger(Observation seen, NeighboursReading.Table table, ulong limit)
    {
        // Permanent entries are among those that there are, and only make it larger.
        ulong larger = Math.Max(Math.Max(limit * 4, table.Counts.Entries * 2), Least);
        return HostCommand.Change(
            new Remedy("raise_neighbour_limit", RemedyKind.Grace) { Values = [("limit", larger), ("family", table.Family)] },
            HostCommand.Raise(seen, SettingCatalogue.NeighbourLimit(table.Family, 3), larger),
            HostCommand.Raise(seen, SettingCatalogue.NeighbourLimit(table.Family, 2), larger / 2),
            HostCommand.Raise(seen, SettingCatalogue.NeighbourLimit(table.Family, 1), larger / 4));
    }
}
