using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Counting;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The sockets of a walk by who holds them on this host: units, processes, listeners with who serves them.</summary>
internal sealed class HolderRows
{
    private static readonly ImmutableArray<HeldSockets> Kinds = [.. Enum.GetValues<HeldSockets>()];
    private readonly SocketCensus census;
    private readonly SocketHolders? holders;
    private readonly CgroupTree cgroups;
    private readonly NamedStates<string> units;
    private readonly NamedStates<ProcessName> processes;

    /// <summary>Nothing is chosen yet.</summary>
    /// <param name="shown">Units, and names of processes.</param>
    /// <param name="census">What a walk saw.</param>
    /// <param name="holders">The processes that hold it; null where they are not looked for.</param>
    /// <param name="cgroups">The cgroups that the units are found by.</param>
    public HolderRows(int shown, SocketCensus census, SocketHolders? holders, CgroupTree cgroups)
    {
        this.census = census;
        this.holders = holders;
        this.cgroups = cgroups;
        units = new NamedStates<string>(shown);
        processes = new NamedStates<ProcessName>(shown);
    }

    /// <summary>Chooses what has a row, after a walk.</summary>
    public void Choose()
    {
        cgroups.BeginRound();
        NameUnits();
        processes.Clear();
        holders?.AddTo(processes);
        processes.Choose();
    }

    /// <summary>Counts what has none.</summary>
    public void Drop(CollectContext context)
    {
        context.Drop("conn_unit_sockets", units.LeftOut);
        context.Drop("conn_process_sockets", processes.LeftOut);
        context.Drop("conn_listener_sockets", Math.Max(0, census.Listeners.Count - ListenersCollector.Shown));
    }

    /// <summary>By unit.</summary>
    public ImmutableArray<CensusReading.StateRow> Units()
    {
        ImmutableArray<CensusReading.StateRow> rows = [.. units.Rows.Select(row => new CensusReading.StateRow(row.Name, row.States))];
        return units.HasOther ? rows.Add(new(Labels.Other, units.Other)) : rows;
    }

    /// <summary>By name and unit of the process.</summary>
    public ImmutableArray<CensusReading.ProcessRow> Processes()
    {
        ImmutableArray<CensusReading.ProcessRow> rows = [.. processes.Rows.Select(row => new CensusReading.ProcessRow(row.Name.Process, row.Name.Unit, row.States))];
        return processes.HasOther ? rows.Add(new(Labels.Other, Labels.Other, processes.Other)) : rows;
    }

    /// <summary>The processes with the most sockets of each kind.</summary>
    /// <param name="most">Rows at most of each kind.</param>
    public ImmutableArray<CensusReading.HolderRow> Biggest(int most) => holders is null
        ? []
        : [.. Kinds.SelectMany(kind => holders.Biggest(kind, most).Select(row => new CensusReading.HolderRow(kind, row.Owner, (ulong)row.Count, row.Oldest)))];

    /// <summary>The names of which the most processes have connections made from here.</summary>
    /// <param name="most">Rows at most.</param>
    public ImmutableArray<CensusReading.ConnectingRow> Connecting(int most) =>
        [.. holders?.Connecting(most).Select(row => new CensusReading.ConnectingRow(row.Name.Process, row.Name.Unit, row.Processes, (ulong)row.Sockets, row.First)) ?? []];

    /// <summary>The listeners that are shown, by port.</summary>
    public ImmutableArray<CensusReading.ListenerRow> Listeners() =>
    [
        .. census.Listeners.All
            .OrderByDescending(listener => listener.Fullness).ThenByDescending(listener => listener.SynQueue).ThenByDescending(listener => listener.Connections)
            .Take(ListenersCollector.Shown)
            .OrderBy(listener => listener.Port).ThenBy(listener => listener.Address.High).ThenBy(listener => listener.Address.Low).ThenBy(listener => listener.Interface)
            .Select(listener => (listener, holding: HoldingOf(listener)))
            .Select(row => new CensusReading.ListenerRow(
                NetworkInterface.Scoped(row.listener.Address, row.listener.Interface),
                row.listener.Port.ToString(),
                row.holding?.Server.Unit ?? UnitOf(row.listener),
                row.holding?.Server.Name ?? Labels.Unknown,
                row.listener.SynQueue,
                row.listener.Established,
                row.listener.CloseWait,
                row.listener.Other,
                row.holding?.Server)
            {
                Unanswered = row.listener.Unanswered,
                Unaccepted = row.listener.Unaccepted,
                UnacceptedCloseWait = row.listener.UnacceptedCloseWait,
                OwnerlessCloseWait = row.listener.OwnerlessCloseWait,
                Holding = row.holding,
            }),
    ];

    private ListenerHolding? HoldingOf(Listener listener) => holders is null ? null
        : ListenerHolding.Of(holders.AllOf(listener.TellingInode), [.. listener.Servers.ToArray().Select(holders.Of)]);

    private void NameUnits()
    {
        units.Clear();
        Span<long> unseen = stackalloc long[TcpTable.StateCount];
        for (int state = 0; state < unseen.Length; state++)
        {
            unseen[state] = census.Units.TotalOf(state);
        }

        foreach (BoundedCounts<UnitKey>.Row row in census.Units)
        {
            units.Add(NameOf(row.Key), row.Counts);
            for (int state = 0; state < unseen.Length; state++)
            {
                unseen[state] -= row.Counts[state];
            }
        }

        // What the counts had no room for, so that the rows sum to what was seen.
        units.AddOther(unseen);
        units.Choose();
    }

    private string NameOf(UnitKey key) =>
        key.Cgroup is { } id ? cgroups.Find(id)?.Unit ?? holders?.UnitOfCgroup(id) ?? UnitName.None : key.Owner is { } owner ? holders!.Of(owner).Unit : UnitName.None;

    private string UnitOf(Listener listener) =>
        CgroupTree.Tells(listener.Cgroup) ? NameOf(UnitKey.OfCgroup(listener.Cgroup)) : holders?.Find(listener.Inode)?.Unit ?? UnitName.None;
}
