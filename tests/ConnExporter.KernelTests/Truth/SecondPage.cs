using System.Globalization;
using System.Text.RegularExpressions;

namespace ConnExporter.KernelTests.Truth;

/// <summary>What others than the daemon say at one moment, by the names of its own page: ss, the kernel's counters, and /proc as it is read with cat and ls.</summary>
/// <remarks>Made on a thread in the namespace. Series are named without the label <c>unit</c>, which none of these witnesses knows.</remarks>
internal sealed partial class SecondPage
{
    private const string Self = "netns=\"self\"";
    private const string Listening = "listen";
    private const string TimeWait = "time_wait";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // The kernel's names by hand once more: a column that was mistaken for another one would be found here.
    private static readonly (string Series, string Block, string Column)[] Columns =
    [
        ("conn_tcp_active_opens_total", "Tcp", "ActiveOpens"),
        ("conn_tcp_passive_opens_total", "Tcp", "PassiveOpens"),
        ("conn_tcp_attempt_fails_total", "Tcp", "AttemptFails"),
        ("conn_tcp_established_resets_total", "Tcp", "EstabResets"),
        ("conn_tcp_segments_sent_total", "Tcp", "OutSegs"),
        ("conn_tcp_segments_retransmitted_total", "Tcp", "RetransSegs"),
        ("conn_tcp_syncookies_sent_total", "TcpExt", "SyncookiesSent"),
        ("conn_tcp_syncookies_received_total", "TcpExt", "SyncookiesRecv"),
        ("conn_tcp_syncookies_failed_total", "TcpExt", "SyncookiesFailed"),
        ("conn_tcp_time_wait_total", "TcpExt", "TW"),
        ("conn_tcp_time_wait_recycled_total", "TcpExt", "TWRecycled"),
        ("conn_tcp_paws_rejections_total,when=\"active\"", "TcpExt", "PAWSActive"),
        ("conn_tcp_paws_rejections_total,when=\"established\"", "TcpExt", "PAWSEstab"),
        ("conn_tcp_listen_overflows_total", "TcpExt", "ListenOverflows"),
        ("conn_tcp_listen_drops_total", "TcpExt", "ListenDrops"),
        ("conn_tcp_timeouts_total", "TcpExt", "TCPTimeouts"),
        ("conn_tcp_receive_queue_drops_total", "TcpExt", "TCPRcvQDrop"),
        ("conn_tcp_aborts_total,reason=\"data\"", "TcpExt", "TCPAbortOnData"),
        ("conn_tcp_aborts_total,reason=\"close\"", "TcpExt", "TCPAbortOnClose"),
        ("conn_tcp_aborts_total,reason=\"memory\"", "TcpExt", "TCPAbortOnMemory"),
        ("conn_tcp_aborts_total,reason=\"timeout\"", "TcpExt", "TCPAbortOnTimeout"),
        ("conn_tcp_aborts_total,reason=\"linger\"", "TcpExt", "TCPAbortOnLinger"),
        ("conn_tcp_aborts_total,reason=\"failed\"", "TcpExt", "TCPAbortFailed"),
        ("conn_tcp_memory_pressures_total", "TcpExt", "TCPMemoryPressures"),
        ("conn_tcp_backlog_drops_total", "TcpExt", "TCPBacklogDrop"),
        ("conn_tcp_time_wait_overflows_total", "TcpExt", "TCPTimeWaitOverflow"),
        ("conn_tcp_request_queue_full_cookies_total", "TcpExt", "TCPReqQFullDoCookies"),
        ("conn_tcp_request_queue_full_drops_total", "TcpExt", "TCPReqQFullDrop"),
        ("conn_tcp_syn_retransmits_total", "TcpExt", "TCPSynRetrans"),
        ("conn_tcp_keepalive_probes_total", "TcpExt", "TCPKeepAlive"),
    ];

    private static readonly (string Series, string Column)[] TrackingColumns =
    [
        ("conn_conntrack_drops_total", "drop"),
        ("conn_conntrack_early_drops_total", "early_drop"),
        ("conn_conntrack_insert_failed_total", "insert_failed"),
        ("conn_conntrack_invalid_total", "invalid"),
        ("conn_conntrack_clash_resolved_total", "clashres"),
        ("conn_conntrack_chain_too_long_total", "chainlength"),
        ("conn_conntrack_search_restarts_total", "search_restart"),
    ];

    private readonly Dictionary<string, double> values = [];

    private SecondPage()
    {
    }

    /// <summary>When the look began and ended, in seconds since 1970.</summary>
    public double Began { get; private set; }

    public double Ended { get; private set; }

    /// <summary>What only grows, read before everything else and once more after it.</summary>
    public Dictionary<string, double> CountersFirst { get; } = [];

    public Dictionary<string, double> CountersLast { get; } = [];

    /// <summary>Everything else.</summary>
    public IReadOnlyDictionary<string, double> Values => values;

    /// <summary>Sockets of short connections that were between two states.</summary>
    public int InFlight { get; private set; }

    /// <summary>Processes and threads started since the machine was, at the beginning and at the end of the look.</summary>
    public double ForksFirst { get; private set; }

    public double Forks { get; private set; }

    /// <summary>When the peer of the oldest CLOSE_WAIT socket sent its last segment: not before, and not after.</summary>
    public (double Earliest, double Latest) OldestCloseWait { get; private set; }

    /// <summary>Sockets opened so far.</summary>
    public static double OpensOf(Dictionary<string, double> counters) =>
        counters[$"conn_tcp_active_opens_total{{{Self}}}"] + counters[$"conn_tcp_passive_opens_total{{{Self}}}"];

    /// <summary>Looks once.</summary>
    /// <param name="daemon">The process of the daemon.</param>
    /// <param name="holders">Processes of a name of their own whose descriptors are counted.</param>
    /// <param name="busyPorts">Ports of connections that come and go.</param>
    public static SecondPage Look(int daemon, (string Name, int[] Processes) holders, params int[] busyPorts)
    {
        var page = new SecondPage { Began = Now(), ForksFirst = OfTheMachine("processes") };
        ReadCounters(page.CountersFirst, daemon);
        page.ReadSockets(Tool.Run(Patience, "ss", "-tanempiOH"), busyPorts);
        page.ReadUdp(Tool.Run(Patience, "ss", "-uanempOH"));
        page.ReadUnix(Tool.Run(Patience, "ss", "-xlOH"));
        page.ReadHost(daemon, holders);
        ReadCounters(page.CountersLast, daemon);
        page.Forks = OfTheMachine("processes");
        page.Ended = Now();
        return page;
    }

    private static double Now() => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;

    private static string Net(string name) => File.ReadAllText("/proc/thread-self/net/" + name);

    private static void ReadCounters(Dictionary<string, double> counters, int daemon)
    {
        Dictionary<string, Dictionary<string, double>> blocks = [];
        foreach (string file in (string[])["snmp", "netstat"])
        {
            string[] lines = Net(file).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            for (int i = 0; i + 1 < lines.Length; i += 2)
            {
                string[] names = lines[i].Split(' ');
                blocks[names[0].TrimEnd(':')] = names.Skip(1).Zip(lines[i + 1].Split(' ').Skip(1)).ToDictionary(pair => pair.First, pair => double.Parse(pair.Second, CultureInfo.InvariantCulture));
            }
        }

        foreach ((string series, string block, string column) in Columns)
        {
            if (blocks[block].TryGetValue(column, out double value))
            {
                string[] parts = series.Split(',');
                counters[$"{parts[0]}{{{string.Join(',', [Self, .. parts[1..]])}}}"] = value;
            }
        }

        string[] tracking = Net("stat/nf_conntrack").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] columns = tracking[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach ((string series, string column) in TrackingColumns)
        {
            int index = Array.IndexOf(columns, column);
            if (index >= 0)
            {
                counters[$"{series}{{{Self}}}"] = tracking.Skip(1).Sum(line => (double)ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[index], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            }
        }

        string[][] processors = [.. Net("softnet_stat").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(row => row.Split(' '))];
        foreach ((string series, int place) in ((string, int)[])[("packets", 0), ("drops", 1), ("squeezes", 2)])
        {
            counters[$"conn_softnet_{series}_total{{}}"] = processors.Sum(row => (double)uint.Parse(row[place], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }

        ReadUdpCounters(counters, blocks["Udp"]);

        // utime and stime, in ticks of 10 ms.
        string[] stat = StatOf(daemon);
        counters["process_cpu_seconds_total{}"] = (double.Parse(stat[11], CultureInfo.InvariantCulture) + double.Parse(stat[12], CultureInfo.InvariantCulture)) / 100;
    }

    // From the third field on, the state.
    private static string[] StatOf(int process)
    {
        string line = File.ReadAllText($"/proc/{process}/stat");
        return line[(line.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static double Number(string path) => double.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture);

    private static double OfTheMachine(string name) =>
        double.Parse(File.ReadLines("/proc/stat").First(line => line.StartsWith(name + " ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    private static double LimitOf(int process, bool soft) =>
        double.Parse(File.ReadLines($"/proc/{process}/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[soft ? 3 : 4], CultureInfo.InvariantCulture);

    private void Add(string name, double value, params ReadOnlySpan<(string Label, string Value)> labels)
    {
        string key = Key(name, labels);
        values[key] = values.GetValueOrDefault(key) + value;
    }

    private static string Key(string name, params ReadOnlySpan<(string Label, string Value)> labels)
    {
        var parts = new List<string>(labels.Length);
        foreach ((string label, string value) in labels)
        {
            parts.Add($"{label}=\"{value}\"");
        }

        return $"{name}{{{string.Join(',', parts)}}}";
    }

    private void ReadSockets(string listing, int[] busyPorts)
    {
        double before = Now();
        Socket[] sockets = [.. listing.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => new Socket(line))];
        (string, string) netns = ("netns", "self");
        string[] range = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[])['\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
        int first = int.Parse(range[0], CultureInfo.InvariantCulture);
        int last = int.Parse(range[1], CultureInfo.InvariantCulture);
        HashSet<(string Address, int Port)> listeners = [.. sockets.Where(socket => socket.State == Listening).Select(socket => (socket.Local, socket.LocalPort))];
        HashSet<int> blocked = [.. listeners.Select(listener => listener.Port).Where(InRange)];
        foreach (Socket socket in sockets)
        {
            Add("conn_tcp_sockets", 1, netns, ("state", socket.State));
            Add("conn_unit_sockets", 1, netns, ("state", socket.State));
            if (socket.Process is { } process)
            {
                Add("conn_process_sockets", 1, ("process", process), ("state", socket.State));
            }

            if (socket.State == Listening)
            {
                (string, string) address = ("address", socket.Local);
                (string, string) port = ("port", $"{socket.LocalPort}");
                Add("conn_census_sockets", 1, netns, ("direction", Listening));
                Add("conn_listener_accept_queue", socket.ReceiveQueue, netns, address, port);
                Add("conn_listener_accept_queue_limit", socket.SendQueue, netns, address, port);
                Add("conn_listener_drops_total", socket.Drops, netns, address, port);
                Add("conn_listener_info", 1, netns, address, port, ("process", socket.Process ?? "unknown"));
                continue;
            }

            InFlight += socket.State != TimeWait && (busyPorts.Contains(socket.LocalPort) || busyPorts.Contains(socket.RemotePort)) ? 1 : 0;
            (string Address, int Port)? through = ListenerOf(socket);
            string direction = through is null ? "outbound" : "inbound";
            Add("conn_census_sockets", 1, netns, ("direction", direction));
            Add("conn_remote_sockets", 1, netns, ("remote", socket.Remote), ("direction", direction));
            if (through is { } listener)
            {
                (string, string) address = ("address", listener.Address);
                (string, string) port = ("port", $"{listener.Port}");
                if (socket.State == "syn_recv")
                {
                    Add("conn_listener_syn_queue", 1, netns, address, port);
                }
                else
                {
                    Add("conn_listener_sockets", 1, netns, address, port, ("state", socket.State is "established" or "close_wait" ? socket.State : "other"));
                }

                continue;
            }

            Add("conn_remote_port_sockets", 1, netns, ("port", $"{socket.RemotePort}"), ("state", socket.State));
            if (InRange(socket.LocalPort) && !blocked.Contains(socket.LocalPort))
            {
                Add("conn_ephemeral_destination_ports", 1, netns, ("source", socket.Local), ("destination", socket.Remote), ("port", $"{socket.RemotePort}"), ("kind", socket.State == TimeWait ? TimeWait : "live"));
            }
        }

        Add("conn_ephemeral_ports_in_use", sockets.Select(socket => socket.LocalPort).Where(InRange).Distinct().Count(), netns);
        Add("conn_ephemeral_ports_blocked", blocked.Count, netns);
        Add("conn_ephemeral_port_first", first, netns);
        Add("conn_ephemeral_port_last", last, netns);
        double oldest = sockets.Where(socket => socket.State == "close_wait").Max(socket => socket.SinceLastSegment);

        // ss was asked between the two.
        OldestCloseWait = (Began - oldest, before - oldest);

        bool InRange(int port) => port >= first && port <= last;

        (string Address, int Port)? ListenerOf(Socket socket) => new[] { socket.Local, socket.Local.Contains(':') ? "::" : "0.0.0.0", "::" }
            .Select(address => (address, socket.LocalPort)).Where(listeners.Contains).Select(found => ((string, int)?)found).FirstOrDefault();
    }

    private void ReadHost(int daemon, (string Name, int[] Processes) holders)
    {
        (string, string) netns = ("netns", "self");
        string[] sockstat = Net("sockstat").Split('\n').First(line => line.StartsWith("TCP:", StringComparison.Ordinal)).Split(' ');
        Add("conn_tcp_orphaned_sockets", double.Parse(sockstat[Array.IndexOf(sockstat, "orphan") + 1], CultureInfo.InvariantCulture));
        Add("conn_tcp_memory_bytes", double.Parse(sockstat[Array.IndexOf(sockstat, "mem") + 1], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
        Add("conn_tcp_time_wait_limit", Number("/proc/sys/net/ipv4/tcp_max_tw_buckets"), netns);
        Add("conn_conntrack_entries", Number("/proc/sys/net/netfilter/nf_conntrack_count"), netns);
        Add("conn_conntrack_entries_limit", Number("/proc/sys/net/netfilter/nf_conntrack_max"));
        Add("conn_conntrack_buckets", Number("/proc/sys/net/netfilter/nf_conntrack_buckets"));
        string[] files = File.ReadAllText("/proc/sys/fs/file-nr").Split('\t');
        Add("conn_file_descriptors", double.Parse(files[0], CultureInfo.InvariantCulture) - double.Parse(files[1], CultureInfo.InvariantCulture));
        Add("conn_file_descriptors_limit", double.Parse(files[2], CultureInfo.InvariantCulture));
        Add("conn_file_descriptors_process_limit", Number("/proc/sys/fs/nr_open"));
        Add("conn_processes", Directory.EnumerateDirectories("/proc").Count(directory => char.IsAsciiDigit(Path.GetFileName(directory)[0])));

        (string, string) name = ("process", holders.Name);
        int[] open = [.. holders.Processes.Select(process => Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Count())];
        Add("conn_process_group_processes", open.Length, name);
        Add("conn_process_group_file_descriptors", open.Sum(), name);
        Add("conn_process_group_worst_file_descriptors", open.Max(), name);
        Add("conn_process_group_worst_file_descriptors_limit", LimitOf(holders.Processes[0], soft: true), name);

        string[] stat = StatOf(daemon);
        Add("process_virtual_memory_bytes", double.Parse(stat[20], CultureInfo.InvariantCulture));
        Add("process_resident_memory_bytes", double.Parse(stat[21], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
        Add("process_threads", Directory.EnumerateDirectories($"/proc/{daemon}/task").Count());
        Add("process_open_fds", Directory.EnumerateFileSystemEntries($"/proc/{daemon}/fd").Count());
        Add("process_max_fds", LimitOf(daemon, soft: true));
        Add("process_start_time_seconds", OfTheMachine("btime") + (double.Parse(stat[19], CultureInfo.InvariantCulture) / 100));
    }

    /// <summary>One line of ss.</summary>
    private sealed partial class Socket
    {
        public Socket(string line)
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            State = Tally.NamesOfSs[fields[0]];
            ReceiveQueue = int.Parse(fields[1], CultureInfo.InvariantCulture);
            SendQueue = int.Parse(fields[2], CultureInfo.InvariantCulture);
            (Local, LocalPort) = Split(fields[3]);
            (Remote, RemotePort) = Split(fields[4]);
            Process = ProcessName().Match(line) is { Success: true } process ? process.Groups["name"].Value : null;
            Drops = DropCount().Match(line) is { Success: true } drops ? double.Parse(drops.Groups["count"].ValueSpan, CultureInfo.InvariantCulture) : 0;
            SinceLastSegment = LastSegment().Match(line) is { Success: true } segment ? double.Parse(segment.Groups["milliseconds"].ValueSpan, CultureInfo.InvariantCulture) / 1000 : 0;
        }

        public string State { get; }

        public int ReceiveQueue { get; }

        public int SendQueue { get; }

        public string Local { get; }

        public int LocalPort { get; }

        public string Remote { get; }

        public int RemotePort { get; }

        public string? Process { get; }

        public double Drops { get; }

        public double SinceLastSegment { get; }

        private static (string Address, int Port) Split(string endpoint)
        {
            int colon = endpoint.LastIndexOf(':');
            string address = endpoint[..colon].Trim('[', ']');
            const string Mapped = "::ffff:";
            address = address == "*" ? "::" : address.StartsWith(Mapped, StringComparison.Ordinal) && address.Contains('.') ? address[Mapped.Length..] : address;
            return (address, endpoint[(colon + 1)..] == "*" ? 0 : int.Parse(endpoint.AsSpan(colon + 1), CultureInfo.InvariantCulture));
        }

        [GeneratedRegex("users:\\(\\(\"(?<name>[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
        private static partial Regex ProcessName();

        [GeneratedRegex(@"skmem:\([^)]*,d(?<count>\d+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
        private static partial Regex DropCount();

        [GeneratedRegex(@" lastack:(?<milliseconds>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
        private static partial Regex LastSegment();
    }
}
