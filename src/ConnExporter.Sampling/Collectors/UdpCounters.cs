using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>UDP's counters of <c>/proc/net/snmp</c> (IPv4) and <c>snmp6</c>, and the host's memory of UDP with its limit. For one thread.</summary>
internal sealed class UdpCounters : IDisposable
{
    /// <summary>The kernel's names, as <c>snmp</c> has them and as <c>snmp6</c> has them behind <c>Udp6</c>.</summary>
    internal static readonly string[] Names = ["InDatagrams", "OutDatagrams", "NoPorts", "RcvbufErrors", "SndbufErrors", "InCsumErrors", "MemErrors"];

    private static readonly byte[][] V4Names = [.. Names.Select(Encoding.ASCII.GetBytes)];
    private static readonly byte[][] V6Names = [.. Names.Select(name => Encoding.ASCII.GetBytes("Udp6" + name))];
    private readonly bool isOwn;
    private readonly ProcFile snmp;
    private readonly ProcFile snmp6;
    private readonly ProcFile sockstat;
    private readonly ProcFile sockstat6;
    private readonly ProcFile memory;

    public UdpCounters(KernelSource kernel)
    {
        isOwn = kernel.IsOwnNamespace;
        snmp = kernel.Proc.NetFile("snmp");
        snmp6 = kernel.Proc.NetFile("snmp6");
        sockstat = kernel.Proc.NetFile("sockstat");
        sockstat6 = kernel.Proc.NetFile("sockstat6");
        memory = kernel.Proc.File("sys/net/ipv4/udp_mem");
    }

    /// <summary>Whether there is no UDP socket. A walk goes over those of the whole host to find those of one namespace, so it is worth asking first, but of our own.</summary>
    /// <exception cref="KernelReadException">As <see cref="ProcFile.Read"/>.</exception>
    public bool HasNoSockets() => !isOwn && SockStat.ParseUdp(sockstat.Path, sockstat.Read()).InUse + SockStat.ReadUdpInUse6IfThere(sockstat6) == 0;

    /// <summary>Reads them. What cannot be read is noted and left out.</summary>
    public UdpCounts Read(CollectContext context) => new(
        context.PartOf(() => ReadV4(context)),
        context.PartOf(() => ReadV6(context)),
        isOwn ? context.Part<ulong>(() => SockStat.ParseUdp(sockstat.Path, sockstat.Read()).MemoryPages) : null,
        isOwn ? context.Part(() => MemoryLimits.ReadIfThere(memory)) : null);

    public void Dispose()
    {
        snmp.Dispose();
        snmp6.Dispose();
        sockstat.Dispose();
        sockstat6.Dispose();
        memory.Dispose();
    }

    private ulong?[] ReadV4(CollectContext context)
    {
        ulong?[] values = new ulong?[Names.Length];
        context.Reject(NameValueTable.Parse(snmp.Path, snmp.Read(), "Udp:"u8, V4Names, values));
        return values;
    }

    private ulong?[]? ReadV6(CollectContext context)
    {
        try
        {
            ulong?[] values = new ulong?[Names.Length];
            context.Reject(NameValueLines.Parse(snmp6.Path, snmp6.Read(), V6Names, values));
            return values;
        }
        catch (KernelReadException e) when (e is { Kind: FailureKind.Absent, IsHidden: false })
        {
            // A kernel without IPv6.
            return null;
        }
    }
}

/// <summary>The counters at one time, in the order of <see cref="UdpCounters.Names"/>; null where they were not read, or this kernel has none.</summary>
/// <param name="V4">Of IPv4.</param>
/// <param name="V6">Of IPv6.</param>
/// <param name="MemoryPages">Pages that UDP's buffers hold on the whole host.</param>
/// <param name="MemoryLimits"><c>net.ipv4.udp_mem</c>.</param>
internal sealed record UdpCounts(ulong?[]? V4, ulong?[]? V6, ulong? MemoryPages, MemoryLimits? MemoryLimits)
{
    /// <summary>Every counter: <c>ipv4</c> or <c>ipv6</c>, the kernel's name, its value.</summary>
    public IEnumerable<(string Family, string KernelName, ulong? Value)> All =>
        [.. V4 is { } v4 ? UdpCounters.Names.Zip(v4, (name, value) => ("ipv4", name, value)) : [], .. V6 is { } v6 ? UdpCounters.Names.Zip(v6, (name, value) => ("ipv6", name, value)) : []];
}
