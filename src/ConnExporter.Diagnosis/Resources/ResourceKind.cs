using System.Collections.Immutable;

namespace ConnExporter.Diagnosis.Resources;

/// <summary>What connections run out of.</summary>
internal enum ResourceKind
{
    EphemeralPorts,
    ConntrackEntries,
    FileDescriptors,
    ProcessFileDescriptors,
    AcceptQueue,
    SynQueue,
    OrphanedSockets,
    TimeWaitBuckets,
    TcpMemory,
    UdpPorts,
    UnixAcceptQueue,
    InstanceConnections,
}

/// <summary>The names that resources have on the page, in JSON and in the texts.</summary>
internal static class ResourceKinds
{
    private static readonly string[] Labels =
    [
        "ephemeral_ports", "conntrack_entries", "file_descriptors", "process_file_descriptors", "accept_queue", "syn_queue", "orphaned_sockets", "time_wait_buckets", "tcp_memory", "udp_ports", "unix_accept_queue", "instance_connections",
    ];

    /// <summary>All kinds.</summary>
    public static ImmutableArray<ResourceKind> All { get; } = [.. Labels.Select((_, kind) => (ResourceKind)kind)];

    /// <summary>The kind of that name; null where there is none.</summary>
    public static ResourceKind? Find(string label) => Array.IndexOf(Labels, label) is >= 0 and var kind ? (ResourceKind)kind : null;

    /// <summary>The value of the label <c>resource</c>.</summary>
    public static string Label(this ResourceKind kind) => Labels[(int)kind];
}
