using System.Collections.Immutable;

namespace ConnExporter.Sampling.Tuning;

/// <summary>THE list of sysctls that are audited, and of those that are gone but still found in files.</summary>
internal static class SettingCatalogue
{
    public const string PortRange = "net.ipv4.ip_local_port_range";
    public const string ReservedPorts = "net.ipv4.ip_local_reserved_ports";
    public const string TimeWaitReuse = "net.ipv4.tcp_tw_reuse";
    public const string Timestamps = "net.ipv4.tcp_timestamps";
    public const string FinTimeout = "net.ipv4.tcp_fin_timeout";
    public const string TimeWaitTimeout = "net.ipv4.tcp_tw_timeout";
    public const string MaxTimeWait = "net.ipv4.tcp_max_tw_buckets";
    public const string SynBacklog = "net.ipv4.tcp_max_syn_backlog";
    public const string SoMaxConn = "net.core.somaxconn";
    public const string SynCookies = "net.ipv4.tcp_syncookies";
    public const string AbortOnOverflow = "net.ipv4.tcp_abort_on_overflow";
    public const string KeepaliveTime = "net.ipv4.tcp_keepalive_time";
    public const string KeepaliveInterval = "net.ipv4.tcp_keepalive_intvl";
    public const string KeepaliveProbes = "net.ipv4.tcp_keepalive_probes";
    public const string MaxOrphans = "net.ipv4.tcp_max_orphans";
    public const string TcpMemory = "net.ipv4.tcp_mem";
    public const string ConntrackMax = "net.netfilter.nf_conntrack_max";
    public const string ConntrackBuckets = "net.netfilter.nf_conntrack_buckets";
    public const string ConntrackEstablished = "net.netfilter.nf_conntrack_tcp_timeout_established";
    public const string ConntrackTimeWait = "net.netfilter.nf_conntrack_tcp_timeout_time_wait";
    public const string ConntrackLoose = "net.netfilter.nf_conntrack_tcp_loose";
    public const string FileMax = "fs.file-max";
    public const string NrOpen = "fs.nr_open";
    public const string SynRetries = "net.ipv4.tcp_syn_retries";
    public const string SynAckRetries = "net.ipv4.tcp_synack_retries";
    public const string OrphanRetries = "net.ipv4.tcp_orphan_retries";
    public const string ReceiveBuffer = "net.ipv4.tcp_rmem";
    public const string SendBuffer = "net.ipv4.tcp_wmem";
    public const string ReceiveBufferMax = "net.core.rmem_max";
    public const string PacketBacklog = "net.core.netdev_max_backlog";
    public const string DatagramQueue = "net.unix.max_dgram_qlen";
    public const string TimeWaitRecycle = "net.ipv4.tcp_tw_recycle";
    public const string OldConntrackMax = "net.ipv4.ip_conntrack_max";
    public const string OlderConntrackMax = "net.ipv4.netfilter.ip_conntrack_max";

    /// <summary>The number of neighbours from which the kernel throws out the old (2), at once (3), or never below (1).</summary>
    /// <param name="family"><c>ipv4</c> or <c>ipv6</c>.</param>
    /// <param name="level">1 to 3.</param>
    public static string NeighbourLimit(string family, int level) => $"net.{family}.neigh.default.gc_thresh{level}";

    /// <summary>All of them, in the order of the status page.</summary>
    public static ImmutableArray<TuningSetting> All { get; } =
    [
        Own(PortRange, SettingShape.Numbers, new SettingDefault("32768 60999")),
        Own(ReservedPorts, SettingShape.Ports, new SettingDefault("")),
        Own(TimeWaitReuse, SettingShape.Number, new SettingDefault("0"), new SettingDefault("2", new Version(4, 19))),
        Own(Timestamps, SettingShape.Number, new SettingDefault("1")),
        Own(FinTimeout, SettingShape.Number, new SettingDefault("60")),
        Own(TimeWaitTimeout, SettingShape.Number, new SettingDefault("60")) with { Vendor = "Alibaba Cloud Linux 2 and 3" },
        Own(MaxTimeWait, SettingShape.Number),
        Own(SynBacklog, SettingShape.Number),
        Own(SoMaxConn, SettingShape.Number, new SettingDefault("128"), new SettingDefault("4096", new Version(5, 4))),
        Own(SynCookies, SettingShape.Number, new SettingDefault("1")),
        Own(AbortOnOverflow, SettingShape.Number, new SettingDefault("0")),
        Own(KeepaliveTime, SettingShape.Number, new SettingDefault("7200")),
        Own(KeepaliveInterval, SettingShape.Number, new SettingDefault("75")),
        Own(KeepaliveProbes, SettingShape.Number, new SettingDefault("9")),
        Host(MaxOrphans, SettingShape.Number),
        Host(TcpMemory, SettingShape.Numbers),
        Host(ConntrackMax, SettingShape.Number),
        Host(ConntrackBuckets, SettingShape.Number),
        Own(ConntrackEstablished, SettingShape.Number, new SettingDefault("432000")),
        Own(ConntrackTimeWait, SettingShape.Number, new SettingDefault("120")),
        Own(ConntrackLoose, SettingShape.Number, new SettingDefault("1")),
        Host(FileMax, SettingShape.Number),
        Host(NrOpen, SettingShape.Number, new SettingDefault("1048576")),
        Own(TimeWaitRecycle, SettingShape.Number, new SettingDefault("0")) with { RemovedIn = new Version(4, 12) },
        Host(OldConntrackMax, SettingShape.Number) with { RemovedIn = new Version(2, 6, 20) },
        Host(OlderConntrackMax, SettingShape.Number) with { RemovedIn = new Version(4, 9) },
    ];

    /// <summary>Those that a kernel can still have.</summary>
    public static ImmutableArray<TuningSetting> Present { get; } = [.. All.Where(setting => setting.RemovedIn is null)];

    /// <summary>Those that nothing is said about, but that remedies set: read as well, so that no remedy sets what is in force or goes back.</summary>
    public static ImmutableArray<TuningSetting> OfRemedies { get; } =
    [
        Own(SynRetries, SettingShape.Number, new SettingDefault("6")),
        Own(SynAckRetries, SettingShape.Number, new SettingDefault("5")),
        Own(OrphanRetries, SettingShape.Number, new SettingDefault("0")),
        Own(ReceiveBuffer, SettingShape.Numbers),
        Own(SendBuffer, SettingShape.Numbers),
        Own(DatagramQueue, SettingShape.Number, new SettingDefault("10")),
        Host(PacketBacklog, SettingShape.Number, new SettingDefault("1000")),
        Host(ReceiveBufferMax, SettingShape.Number, new SettingDefault("212992")),
        .. from family in (string[])["ipv4", "ipv6"]
           from level in (int[])[1, 2, 3]
           select Host(NeighbourLimit(family, level), SettingShape.Number),
    ];

    /// <summary>Whether the whole host has it once.</summary>
    public static bool IsOfHost(string name) => All.Concat(OfRemedies).Any(setting => setting.Name == name && setting.Scope == SettingScope.Host);

    /// <summary>A sysctl by its name; null where it is not in the list.</summary>
    public static TuningSetting? Find(string name) => All.FirstOrDefault(setting => setting.Name == name);

    private static TuningSetting Own(string name, SettingShape shape, params ImmutableArray<SettingDefault> defaults) => new(name, shape, SettingScope.Namespace, defaults);

    private static TuningSetting Host(string name, SettingShape shape, params ImmutableArray<SettingDefault> defaults) => new(name, shape, SettingScope.Host, defaults);
}
