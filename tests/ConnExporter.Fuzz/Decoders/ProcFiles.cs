using System.Numerics;
using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>The files of /proc that are about the host or a network namespace.</summary>
internal static class ProcFiles
{
    private const string Path = "/proc/x";

    private static readonly byte[][] TcpExtNames = Seeds.Texts("SyncookiesSent", "ListenOverflows", "ListenDrops", "TCPTimeWaitOverflow", "TCPReqQFullDrop", "TCPRcvQDrop", "NoSuchName");

    private static readonly byte[][] TcpNames = Seeds.Texts("RtoAlgorithm", "MaxConn", "ActiveOpens", "CurrEstab", "OutRsts");

    public static Decoder Snmp() => new()
    {
        Name = "snmp",
        Methods = ["NameValueTable.Parse"],
        Seeds = [.. Seeds.OfProc("net/snmp"), .. Seeds.OfProc("net/netstat"), .. Seeds.Texts("Tcp: MaxConn CurrEstab\nTcp: -1 7\n", "TcpExt: ListenDrops X\nTcpExt: 1 2\nIpExt: A\nIpExt: 1\n")],
        Words = [.. TcpExtNames, .. TcpNames, .. Seeds.Texts("Tcp:", "TcpExt:", "\nTcp: ", "\nTcpExt: ")],
        Run = input => Table(input, "Tcp:"u8, TcpNames) + (16 * Table(input, "TcpExt:"u8, TcpExtNames)),
    };

    public static Decoder SockStats() => new()
    {
        Name = "sockstat",
        Methods = ["SockStat.Parse", "SockStat.ParseInUse6", "SockStat.ParseUdp", "SockStat.ParseAll"],
        Seeds = [.. Seeds.OfProc("net/sockstat"), .. Seeds.OfProc("net/sockstat6"), .. Seeds.Texts("UDP: inuse 3 mem 2\n", "TCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5\nTCP6: inuse 6\n")],
        Words = Seeds.Texts("TCP:", "TCP6:", "inuse", "orphan", "tw", "mem", "alloc", "\nTCP: inuse 1"),
        Run = input =>
        {
            if (input.IndexOf("TCP6:"u8) >= 0)
            {
                Promise.IsIn(input, SockStat.ParseInUse6(Path, input));
                return 6;
            }

            if (input.StartsWith("UDP:"u8))
            {
                (ulong inUse, ulong pages) = SockStat.ParseUdp(Path, input);
                Promise.IsIn(input, inUse);
                Promise.IsIn(input, pages);
                return 7;
            }

            if (input.StartsWith("sockets: used "u8))
            {
                Promise.IsIn(input, SockStat.ParseAll(Path, input));
            }

            var read = SockStat.Parse(Path, input);
            Promise.IsIn(input, read.InUse);
            Promise.IsIn(input, read.Orphans);
            Promise.IsIn(input, read.TimeWait);
            Promise.IsIn(input, read.MemoryPages);
            return 4;
        },
    };

    public static Decoder Snmp6() => new()
    {
        Name = "snmp6",
        Methods = ["NameValueLines.Parse"],
        Seeds = [.. Seeds.Texts("Udp6InDatagrams \t7\nUdp6RcvbufErrors \t9\n", "Udp6InDatagrams -1\n")],
        Words = Seeds.Texts("Udp6InDatagrams", "Udp6RcvbufErrors", "\t", "\n", "18446744073709551615"),
        Run = input =>
        {
            byte[][] names = Seeds.Texts("Udp6InDatagrams", "Udp6RcvbufErrors");
            Span<ulong?> values = stackalloc ulong?[2];
            int rejected = NameValueLines.Parse(Path, input, names, values);
            Promise.Holds(rejected >= 0 && rejected <= input.Length, "more values refused than there are bytes");
            foreach (ulong? value in values)
            {
                if (value is { } known)
                {
                    Promise.IsIn(input, known);
                }
            }

            return (values[0] is null ? 0 : 1) + (values[1] is null ? 0 : 2);
        },
    };

    public static Decoder Softnet() => new()
    {
        Name = "softnet",
        Methods = ["SoftnetStat.Parse"],
        Seeds = [.. Seeds.Texts("00085e2f 00000001 00000002 00000000\n0007cc7e ffffffff 00000001\n", "0 0 0\n")],
        Words = Seeds.Texts("ffffffff", "100000000", "\n", " "),
        Run = input =>
        {
            var read = SoftnetStat.Parse(Path, input);
            Promise.Holds(read.Dropped <= (ulong)uint.MaxValue * (ulong)input.Length, "more drops than rows can hold");
            return (int)Math.Min(2, read.Squeezed);
        },
    };

    public static Decoder NeighbourStat() => new()
    {
        Name = "neighbour-stat",
        Methods = ["NeighbourStatistics.Parse"],
        Seeds =
        [
            .. Seeds.OfProc("net/stat/arp_cache"),
            .. Seeds.Texts("entries allocs forced_gc_runs table_fulls\n0002 000000ff 10 1\n0002 2 3 ffffffffffffffff\n", "entries\n0\n"),
        ],
        Words = Seeds.Texts("entries", "forced_gc_runs", "table_fulls", "ffffffff", "ffffffffffffffff"),
        Run = input =>
        {
            var read = NeighbourStatistics.Parse(Path, input);
            int found = 1 + (read.TableFulls is null ? 0 : 1) + (read.ForcedCollections is null ? 0 : 1);
            int words = 0;
            foreach (Range word in input.SplitAny(" \t\n"u8))
            {
                words++;
            }

            Promise.Holds(found < words, "more numbers than words");
            return found;
        },
    };

    public static Decoder ConntrackStat() => new()
    {
        Name = "conntrack-stat",
        Methods = ["ConntrackStatistics.Parse"],
        Seeds = [.. Seeds.OfProc("net/stat/nf_conntrack"), .. Seeds.Texts("entries drop early_drop\n0001 000000ff 10\n0001 2 3\n")],
        Words = Seeds.Texts("entries", "clashres", "invalid", "chainlength", "insert_failed", "drop", "early_drop", "search_restart", "ffffffff", "deadbeef"),
        Run = input =>
        {
            var read = ConntrackStatistics.Parse(Path, input);

            // A header that has a name twice counts it twice, so that each number of the input is in one sum at most.
            var most = new BigInteger();
            int words = 0;
            foreach (Range word in input.SplitAny(" \t\n"u8))
            {
                words++;
                most += ulong.TryParse(input[word], System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong number) ? number : 0;
            }

            int found = 0;
            var sum = new BigInteger();
            foreach (ulong? value in (ReadOnlySpan<ulong?>)[read.Drops, read.EarlyDrops, read.InsertFailed, read.Invalid, read.ClashesResolved, read.ChainsTooLong, read.SearchRestarts])
            {
                found += value is null ? 0 : 1;
                sum += value ?? 0;
            }

            Promise.Holds(sum <= most, "the counters are more than all numbers of the input together");
            Promise.Holds(found < words, "more counters than words");
            return found;
        },

        // The sums of the check above are what costs.
        Allocation = (160, Decoder.RefusalBytes),
    };

    public static Decoder ConntrackEntries() => new()
    {
        Name = "conntrack-entry",
        Methods = ["ConntrackEntry.Parse"],
        Seeds = Seeds.Texts(
            "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.9 sport=40000 dport=443 src=10.0.0.9 dst=10.0.0.1 sport=443 dport=40000 [ASSURED] mark=0 zone=0 use=2",
            "ipv6     10 udp      17 29 src=2001:db8::1 dst=2001:db8::2 sport=53 dport=5353 [UNREPLIED] src=2001:db8::2 dst=2001:db8::1 sport=5353 dport=53 use=1",
            "ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.9 type=8 code=0 id=1 src=10.0.0.9 dst=10.0.0.1 type=0 code=0 id=1 use=2",
            "ipv4 2 tcp 6 src=::ffff:1.2.3.4 dst=fe80::1%1 dport=65535 [OFFLOAD]"),
        Words = Seeds.Texts("src=", "dst=", "dport=", "sport=", "tcp", "unknown", "ESTABLISHED", "::1", "1.2.3.4", "::ffff:1.2.3.4", "fe80::1%lo", "[OFFLOAD]", "1.2", "0x7f.1"),
        Run = input =>
        {
            var entry = ConntrackEntry.Parse(Path, input);
            Promise.Holds(entry.Protocol.Length <= input.Length, "the protocol is longer than the input");
            Promise.Holds((entry.State?.Length ?? 0) <= input.Length, "the state is longer than the input");
            if (entry.DestinationPort is { } port)
            {
                Promise.IsIn(input, port);
            }

            return (entry.State is null ? 1 : 0) | (entry.DestinationPort is null ? 2 : 0) | (entry.Source.IsV4 ? 4 : 0) | (entry.Destination.IsV4 ? 8 : 0);
        },
    };

    // A line that is no socket's is refused; the table as a whole is then still counted.
    private static void RecordOf(ReadOnlySpan<byte> line)
    {
        Span<byte> record = stackalloc byte[128];
        try
        {
            int length = Kernel.Proc.TcpTables.Parse("net/tcp", line, record);
            Promise.Holds(length > 0 && length <= 77, "a record is no longer than it says");
        }
        catch (Kernel.KernelReadException)
        {
            return;
        }
    }

    public static Decoder UdpTable() => new()
    {
        Name = "udp-table",
        Methods = ["UdpTables.Parse"],
        Seeds = Seeds.Texts("  101: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0 0", "1: 0100007F:1F90 0100007F:0035 01 0", "1: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07"),
        Words = Seeds.Texts("00000000:0000", "0100007F:1F90", "07", ":", "FFFF"),
        Run = input => Kernel.Proc.UdpTables.Parse("net/udp", input) is { } port ? 1 + (port % 7) : 0,
    };

    public static Decoder TcpTables()
    {
        var file = new ScratchFile();
        ulong[] tally = new ulong[TcpTable.StateCount];
        byte[][] tables = [.. Seeds.OfProc("net/tcp"), .. Seeds.OfProc("net/tcp6")];
        return new Decoder
        {
            Name = "tcp-table",
            Methods = ["TcpTable.ParseState", "TcpTable.Tally", "LineFile.TryNextLine", "TcpTables.Parse"],
            Seeds = [.. tables.Select(table => table[..Math.Min(table.Length, 1500)]).Select(table => table[..(table.AsSpan().LastIndexOf((byte)'\n') + 1)])],
            Words = Seeds.Texts("local_address", "0A", "01", "0C", "FF", "00000000:0000", "0100007F:1F90", "00:00000000"),
            Run = input =>
            {
                RecordOf(input[..Math.Max(0, input.IndexOf((byte)'\n'))]);
                file.Write(input);
                using var lines = new LineFile(file.Path);
                Array.Clear(tally);
                TcpTable.Tally(lines, tally);
                ulong total = 0;
                int states = 0;
                for (int i = 0; i < tally.Length; i++)
                {
                    total += tally[i];
                    states |= tally[i] > 0 ? 1 << i : 0;
                }

                Promise.Holds(total == (ulong)input.Count((byte)'\n') - 1, "as many sockets as lines after the header");
                return states;
            },
        };
    }

    public static Decoder SystemFiles() => new()
    {
        Name = "file-nr",
        Methods = ["FileCounts.Parse"],
        Seeds = [.. Seeds.OfProc("sys/fs/file-nr"), .. Seeds.Texts("1 2 3\n", "992\t0\t9223372036854775807\n")],
        Run = input =>
        {
            var read = FileCounts.Parse(Path, input);
            Promise.IsIn(input, read.Limit);
            return read.Allocated > read.Limit ? 1 : 0;
        },
    };

    public static Decoder TcpMemory() => new()
    {
        Name = "tcp-mem",
        Methods = ["MemoryLimits.Parse"],
        Seeds = [.. Seeds.OfProc("sys/net/ipv4/tcp_mem"), .. Seeds.Texts("1 2 3\n")],
        Run = input =>
        {
            var read = MemoryLimits.Parse(Path, input);
            Promise.IsIn(input, read.LowPages);
            Promise.IsIn(input, read.PressurePages);
            Promise.IsIn(input, read.LimitPages);
            return read.LowPages <= read.PressurePages && read.PressurePages <= read.LimitPages ? 1 : 0;
        },
    };

    public static Decoder PortRanges() => new()
    {
        Name = "port-range",
        Methods = ["PortRange.Parse"],
        Seeds = [.. Seeds.OfProc("sys/net/ipv4/ip_local_port_range"), .. Seeds.Texts("1 65535\n")],
        Run = input =>
        {
            var read = PortRange.Parse(Path, input);
            Promise.Holds(read.Count is >= 1 and <= 65536, "a range has a port to all of them");
            Promise.IsIn(input, read.First);
            Promise.IsIn(input, read.Last);
            return read.Count == 1 ? 1 : 0;
        },
    };

    public static Decoder PortSets() => new()
    {
        Name = "port-set",
        Methods = ["PortSet.Parse"],
        Seeds = [.. Seeds.OfProc("sys/net/ipv4/ip_local_reserved_ports"), .. Seeds.Texts("8080,9000-9099\n", "33000,40000-40009,59999\n", "\n", "0-65535\n", "65535,0\n")],
        Words = Seeds.Texts(",", "-", "0-65535", "1-2", "65535-65535", "9-8"),
        Run = input =>
        {
            var read = PortSet.Parse(Path, input);

            // The whole of it once in a while: it takes longer than all the rest.
            if (input.Length % 64 == 1)
            {
                int count = read.CountIn(0, ushort.MaxValue);
                Promise.Holds(PortSet.Parse(Path, Encoding.ASCII.GetBytes(read + "\n")).CountIn(0, ushort.MaxValue) == count, "what it prints is the same set");
            }

            return (read.Contains(0) ? 1 : 0) | (read.Contains(ushort.MaxValue) ? 2 : 0) | (read.Contains(8080) ? 4 : 0);
        },

        // A bit for each port, and of each what it prints.
        Allocation = (64, 64 * 1024),
    };

    public static Decoder BootTime() => new()
    {
        Name = "boot-time",
        Methods = ["SystemClock.ParseBootTime"],
        Seeds = [.. Seeds.OfProc("stat"), .. Seeds.Texts("cpu 1\nbtime 1700000000\n")],
        Words = Seeds.Texts("btime ", "\nbtime "),
        Run = input =>
        {
            Promise.IsIn(input, SystemClock.ParseBootTime(Path, input));
            return 0;
        },
    };

    public static Decoder SysctlConfs() => new()
    {
        Name = "sysctl-conf",
        Methods = ["SysctlConf.Parse"],
        Seeds = Seeds.Texts("# ours\nnet.ipv4.tcp_tw_reuse = 1\n; old\n-net/ipv4/conf/eth0.1/rp_filter=2\nnet.core.somaxconn=4096", "a=\n=b\n-=c\n- x . y = z\n"),
        Words = Seeds.Texts("net.ipv4.", "net/ipv4/", "=", "-", "#", ";", "\r", "\u2028", "\u0085", "\f"),
        Refusals = [],
        Run = input =>
        {
            // EnumerateLines knows more line ends than '\n'; none is shorter than a byte.
            int count = 0;
            foreach (SysctlAssignment assignment in SysctlConf.Parse(Path, input))
            {
                count++;
                Promise.Holds(assignment.Line >= 1 && assignment.Line <= input.Length + 1, "a line of the file");
                Promise.Holds(assignment.Name.Length + assignment.Value.Length < input.Length, "name and value are in the file");
            }

            Promise.Holds(count <= input.Length / 2, "an assignment has two characters at least");
            return Math.Min(count, 32);
        },

        // Each assignment is an object and two texts: 'a=' is the worst.
        Allocation = (96, Decoder.RefusalBytes),
    };

    private static int Table(ReadOnlySpan<byte> input, ReadOnlySpan<byte> block, byte[][] names)
    {
        if (input.IndexOf(block) < 0)
        {
            return 0;
        }

        Span<ulong?> values = stackalloc ulong?[8];
        values = values[..names.Length];
        int rejected = NameValueTable.Parse(Path, input, block, names, values);
        int found = 0;
        foreach (ulong? value in values)
        {
            if (value is { } number)
            {
                found++;
                Promise.IsIn(input, number);
            }
        }

        Promise.Holds(rejected >= 0 && found <= names.Length, "no more values than were asked for");
        return 1 + found;
    }
}
