using System.Text;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The TCP counters of <c>/proc/net/snmp</c> and <c>/proc/net/netstat</c>, passed through as the kernel has them. Meanings: docs/kernel-facts.md §2.</summary>
internal sealed class CountersCollector : Collector
{
    private readonly ProcFile snmp;
    private readonly ProcFile netstat;

    public CountersCollector(KernelSource kernel)
    {
        snmp = kernel.Proc.NetFile("snmp");
        netstat = kernel.Proc.NetFile("netstat");
    }

    public override Reading Collect(CollectContext context)
    {
        ulong?[]? tcp = context.PartOf(() => Read(context, snmp, "Tcp:"u8, CountersReading.TcpNames));
        ulong?[]? tcpExt = context.PartOf(() => Read(context, netstat, "TcpExt:"u8, CountersReading.TcpExtNames));
        context.RequirePart();
        return new CountersReading(context.Namespace, tcp ?? new ulong?[CountersReading.Tcp.Length], tcpExt ?? new ulong?[CountersReading.TcpExt.Length]);
    }

    public override void Close()
    {
        snmp.Dispose();
        netstat.Dispose();
    }

    private static ulong?[] Read(CollectContext context, ProcFile file, ReadOnlySpan<byte> prefix, byte[][] names)
    {
        ulong?[] values = new ulong?[names.Length];
        context.Reject(NameValueTable.Parse(file.Path, file.Read(), prefix, names, values));
        return values;
    }
}

/// <summary>The counters at one time; null where this kernel has no such counter.</summary>
internal sealed class CountersReading : Reading
{
    /// <summary>The counters of the line <c>Tcp:</c> in /proc/net/snmp that are read, under the kernel's names.</summary>
    internal static readonly string[] Tcp =
    [
        "ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "OutSegs", "RetransSegs",
    ];

    /// <summary>The counters of the line <c>TcpExt:</c> in /proc/net/netstat that are read.</summary>
    internal static readonly string[] TcpExt =
    [
        "SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed", "TW", "TWRecycled", "PAWSActive", "PAWSEstab", "ListenOverflows", "ListenDrops",
        "TCPTimeouts", "TCPRcvQDrop", "TCPAbortOnData", "TCPAbortOnClose", "TCPAbortOnMemory", "TCPAbortOnTimeout", "TCPAbortOnLinger",
        "TCPAbortFailed", "TCPMemoryPressures", "TCPBacklogDrop", "TCPTimeWaitOverflow", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "TCPSynRetrans",
        "TCPKeepAlive",
    ];

    internal static readonly byte[][] TcpNames = [.. Tcp.Select(Encoding.ASCII.GetBytes)];
    internal static readonly byte[][] TcpExtNames = [.. TcpExt.Select(Encoding.ASCII.GetBytes)];

    private static readonly int Overflows = Array.IndexOf(TcpExt, "ListenOverflows");

    private readonly ulong?[] tcp;
    private readonly ulong?[] tcpExt;

    public CountersReading(string netns, ulong?[] tcp, ulong?[] tcpExt)
    {
        Netns = netns;
        this.tcp = tcp;
        this.tcpExt = tcpExt;
    }

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    /// <summary>Every counter by the kernel's name; null where this kernel does not tell.</summary>
    public IEnumerable<(string KernelName, ulong? Value)> All =>
        Tcp.Zip(tcp).Concat(TcpExt.Zip(tcpExt));

    /// <summary>Differs, as good as always, when any counter does.</summary>
    public int Fingerprint
    {
        get
        {
            var hash = default(HashCode);
            foreach (ulong?[] values in (ulong?[][])[tcp, tcpExt])
            {
                foreach (ulong? value in values)
                {
                    hash.Add(value);
                }
            }

            return hash.ToHashCode();
        }
    }

    /// <summary>Connection attempts turned away because an accept queue was full; null where this kernel does not tell.</summary>
    public ulong? ListenOverflows => tcpExt[Overflows];
}
