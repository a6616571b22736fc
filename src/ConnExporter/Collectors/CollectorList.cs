using System.Collections.Immutable;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>THE list of collectors, in the order of the metrics page.</summary>
internal static class CollectorList
{
    /// <summary>Every collector. What costs microseconds reads each second; what walks sockets or processes reads less often.</summary>
    public static ImmutableArray<CollectorEntry> All { get; } =
    [
        new("self", Seconds(1), "this process", kernel => new SelfCollector(kernel)),
        new("states", Seconds(5), "TCP sockets by state (walks the socket table)", kernel => new StatesCollector(kernel)),
        new("listeners", Seconds(1), "accept queues and drops of each listener", kernel => new ListenersCollector(kernel)),
        new("counters", Seconds(1), "TCP counters of snmp and netstat", kernel => new CountersCollector(kernel)),
        new("sockstat", Seconds(1), "orphans, TCP memory and their limits", kernel => new SockStatCollector(kernel)),
        new("ports", Seconds(5), "the ephemeral port range and what is reserved of it", kernel => new PortsCollector(kernel)),
        new("conntrack", Seconds(1), "connection tracking table and its counters", kernel => new ConntrackCollector(kernel)),
        new("descriptors", Seconds(1), "file descriptors of the whole host", kernel => new DescriptorsCollector(kernel)),
        new("processes", Seconds(15), "file descriptors by process name (walks the processes)", kernel => new ProcessesCollector(kernel)),
        new("namespaces", Seconds(15), "the other network namespaces: sockets, counters, listeners, ports, connection tracking", kernel => new NamespacesCollector(kernel)) { FollowsScope = true },
    ];

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
