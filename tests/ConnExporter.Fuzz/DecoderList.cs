using System.Collections.Immutable;
using ConnExporter.Fuzz.Decoders;

namespace ConnExporter.Fuzz;

/// <summary>THE list of decoders.</summary>
internal static class DecoderList
{
    /// <summary>All of them; each keeps what it needs, and serves one thread at a time.</summary>
    public static ImmutableArray<Decoder> All { get; } =
    [
        SocketDumps.Messages(), SocketDumps.Records(), SocketDumps.Answers(), SocketDumps.UnixRecords(),
        ProcFiles.Snmp(), ProcFiles.SockStats(), ProcFiles.Snmp6(), ProcFiles.Softnet(), ProcFiles.TcpTables(), ProcFiles.UdpTable(), ProcFiles.ConntrackStat(), ProcFiles.NeighbourStat(), ProcFiles.ConntrackEntries(), ProcFiles.SystemFiles(), ProcFiles.TcpMemory(),
        ProcFiles.PortRanges(), ProcFiles.PortSets(), ProcFiles.BootTime(), ProcFiles.SysctlConfs(),
        ProcessFiles.Limits(), ProcessFiles.Stat(), ProcessFiles.Cgroup(), ProcessFiles.ContainerFiles(), ProcessFiles.MountPoints(), ProcessFiles.NamespaceMounts(), ProcessFiles.DescriptorTargets(), ProcessFiles.Mappings(),
        ConfigurationFiles.Settings(), ConfigurationFiles.Environment(), ConfigurationFiles.WebConfig(),
        Requests.Accept(), Requests.Authorization(), Requests.Request(),
        Questions.Lines(), Questions.Charsets(),
        KernelTypes.Btf(),
        Documents.RecordNames(), Documents.Records(), Documents.Answers(), Documents.Responses(),
    ];
}
