using System.Collections.Immutable;

namespace ConnExporter.Sampling.Collectors;

/// <summary>THE list of collectors, in the order of the metrics page.</summary>
internal static class CollectorList
{
    /// <summary>Every collector. What costs microseconds reads each second; what walks sockets or processes reads less often, and has patience when there are many.</summary>
    public static ImmutableArray<CollectorEntry> All { get; } =
    [
        new("self", Seconds(5), "this process", (kernel, _) => new SelfCollector(kernel)),
        new("states", Seconds(5), "TCP sockets by state (walks the socket table)", (kernel, _) => new StatesCollector(kernel)) { Patience = Seconds(55), WalksSockets = true },
        new("listeners", Seconds(1), "accept queues and drops of each listener", (kernel, _) => new ListenersCollector(kernel)),
        new("counters", Seconds(1), "TCP counters of snmp and netstat", (kernel, _) => new CountersCollector(kernel)),
        new("sockstat", Seconds(1), "orphans, TCP memory and their limits; packets dropped before any protocol saw them", (kernel, _) => new SockStatCollector(kernel)),
        new("ports", Seconds(15), "the ephemeral port range and what is reserved of it", (kernel, _) => new PortsCollector(kernel)),
        new("census", Seconds(15), "who holds the sockets: destinations, listeners, units, peers (walks all sockets)", (kernel, options) => new CensusCollector(kernel, options.Census)) { Patience = Seconds(300), WalksSockets = true },
        new("lookup", Seconds(15), "ephemeral ports of the fullest destinations between two censuses (looks up single sockets)", (kernel, _) => new PortLookupCollector(kernel)) { WalksSockets = true },
        new("udp", Seconds(15), "UDP sockets: ports by local address and who holds them, drops, counters (walks the UDP sockets)", (kernel, options) => new UdpCollector(kernel, options.Census)) { Patience = Seconds(120), WalksSockets = true },
        new("unix", Seconds(1), "queues of Unix sockets: connections that wait at listeners, datagrams that nobody reads", (kernel, options) => new UnixCollector(kernel, options.Census)),
        new("conntrack", Seconds(1), "connection tracking table and its counters", (kernel, _) => new ConntrackCollector(kernel)),
        new("neighbours", Seconds(1), "the host's tables of neighbours (ARP, IPv6)", (kernel, _) => new NeighboursCollector(kernel)),
        new("descriptors", Seconds(1), "file descriptors of the whole host", (kernel, _) => new DescriptorsCollector(kernel)),
        new("processes", Seconds(15), "file descriptors by process name (walks the processes)", (kernel, _) => new ProcessesCollector(kernel)) { Patience = Seconds(120) },
        new("settings", Seconds(60), "sysctls that connections depend on, and what the sysctl files say of them", (kernel, options) => new SettingsCollector(kernel, options.RootPath)),
        new("symptoms", Seconds(5), "connects that failed, by program and reason, and who closes first, counted by a program in the kernel (eBPF; off unless asked for)", (kernel, _) => new SymptomsCollector(kernel)) { IsDefault = false },
        new("namespaces", Seconds(15), "the other network namespaces: sockets, counters, listeners, ports, connection tracking", (kernel, options) => new NamespacesCollector(options.Census.ProbePorts ? kernel : kernel with { OpenPortProbe = null }, options.Namespaces, options.Census.AllAtOnce)) { FollowsScope = true, Patience = Seconds(300) },
    ];

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
