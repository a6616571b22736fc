using System.Collections.Immutable;

namespace ConnExporter.Explain;

/// <summary>THE list of what <c>explain</c> knows, and of what people have in hand when they ask.</summary>
internal static class Topics
{
    public static ImmutableArray<Topic> All { get; } =
    [
        Finding(
            "ephemeral_ports_exhausting",
            "EADDRNOTAVAIL", "cannot assign requested address", "can't assign requested address", "errno 99", "error 99", "(99)", "connect() failed for * no free ports", "no free ports",
            "ephemeral ports", "out of ports", "port exhaustion", "无法指定被请求的地址", "无法分配请求的地址", "不能分配请求的地址", "临时端口", "端口耗尽", "端口不足", "端口不够"),
        Finding("ephemeral_ports_blocked_by_bind", "IP_BIND_ADDRESS_NO_PORT", "bind(0)", "bind before connect", "port 0 * address already in use", "bound before connect"),
        Finding("time_wait_storm", "TIME_WAIT", "timewait", "too many TIME_WAIT", "TIME_WAIT 过多", "大量 TIME_WAIT"),
        Finding("time_wait_bucket_overflow", "time wait bucket table overflow", "TCPTimeWaitOverflow", "time wait bucket"),
        Finding("conntrack_exhausting", "nf_conntrack", "conntrack", "conntrack table", "连接跟踪", "连接跟踪表"),
        Finding("conntrack_dropping", "nf_conntrack: table full", "ip_conntrack: table full", "table full, dropping packet", "nf_conntrack: table full, dropping packet", "early_drop", "conntrack * drop", "连接跟踪表满", "连接跟踪表已满"),
        Finding("nat_ports_exhausting", "insert_failed", "SNAT", "masquerade", "NAT ports", "NAT gateway", "SNAT port", "NAT 端口", "NAT 网关"),
        Finding(
            "process_descriptors_exhausting",
            "EMFILE", "too many open files", "errno 24", "error 24", "(24)", "accept4: too many open files", "socket: too many open files", "reached process FD limit", "LimitNOFILE", "nofile", "RLIMIT_NOFILE", "file descriptors",
            "打开的文件过多", "打开的文件太多", "打开文件过多", "打开文件数过多", "文件描述符", "文件句柄", "句柄耗尽", "句柄泄漏"),
        Finding(
            "system_descriptors_exhausting",
            "ENFILE", "too many open files in system", "errno 23", "VFS: file-max limit", "file-max limit * reached", "reached system FD limit", "系统中打开的文件过多", "系统打开的文件过多"),
        Finding("orphans_exhausting", "too many orphaned sockets", "too many of orphaned sockets", "out of socket memory", "orphaned sockets", "orphans", "FIN_WAIT1", "FIN_WAIT_1", "FIN_WAIT2", "FIN_WAIT_2", "LAST_ACK", "孤儿套接字", "孤儿连接"),
        Finding("tcp_memory_pressure", "TCP: out of memory", "out of memory -- consider tuning tcp_mem", "TCPAbortOnMemory", "TCPMemoryPressures", "TCP memory", "memory pressure", "TCP 内存"),
        Finding(
            "accept_queue_overflowing",
            "ListenOverflows", "ListenDrops", "accept queue", "listen queue", "times the listen queue of a socket overflowed", "SYNs to LISTEN sockets dropped", "SYNs to LISTEN sockets ignored", "backlog", "全连接队列", "accept 队列", "监听队列"),
        Finding("syn_queue_overflowing", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "SYN queue", "SYN flooding on port * dropping request", "SYN backlog", "半连接队列", "SYN 队列"),
        Finding("syn_flood_suspected", "possible SYN flooding", "SYN flooding on port", "SYN flooding on port * sending cookies", "SYN flood", "SYN_RECV", "SYN_RECEIVED", "SyncookiesSent", "SYN cookies", "SYN 洪水", "SYN 攻击"),
        Finding("close_wait_leak", "CLOSE_WAIT", "closewait", "CLOSE_WAIT 过多", "大量 CLOSE_WAIT"),
        Finding("established_leak", "connection leak", "leaked connections", "connections never closed", "keepalive", "连接泄漏", "连接泄露", "连接只增不减"),
        Finding("syn_sent_pileup", "SYN_SENT", "TCPSynRetrans"),
        Finding("outbound_scan_suspected", "outbound scan", "port scan", "scan", "扫描", "对外扫描"),
        Finding("slow_reader", "Recv-Q", "receive queue", "TCPRcvQDrop", "application not reading", "接收队列", "recv q 不为 0"),
        Finding("slow_peer", "Send-Q", "send queue", "zero window", "TCP ZeroWindow", "window full", "发送队列", "零窗口"),
        Finding("retransmit_storm", "retransmit", "retransmission", "retransmissions", "RetransSegs", "segments retransmitted", "packet loss", "重传", "丢包"),
        Finding("too_many_established", "ESTABLISHED", "too many established", "65535 connections", "60000 connections", "连接数过多", "连接数过高", "ESTABLISHED 过多"),
        Finding("process_storm", "too many connections", "too many clients already", "fork: retry: resource temporarily unavailable", "process storm", "进程过多", "数据库连接数"),

        Tuning("tuning_range_below_1024"),
        Tuning("tuning_range_overlaps_listeners", "listen tcp * address already in use", "failed to bind * address already in use", "bind() to * address already in use"),
        Tuning("tuning_range_same_parity", "port range * parity"),
        Tuning("tuning_range_narrowed"),
        Tuning("tuning_backlog_cut_off"),
        Tuning("tuning_somaxconn_low", "somaxconn 128", "somaxconn = 128", "somaxconn=128"),
        Tuning("tuning_syncookies_off", "tcp_syncookies=0", "tcp_syncookies = 0"),
        Tuning("tuning_abort_on_overflow", "tcp_abort_on_overflow=1", "tcp_abort_on_overflow = 1"),
        Tuning("tuning_tw_reuse_without_timestamps"),
        Tuning("tuning_conntrack_timeout_below_keepalive"),
        Tuning("tuning_conntrack_buckets_few"),
        Tuning("tuning_nofile_soft_low"),
        Tuning("tuning_fin_timeout_lowered"),
        Tuning("tuning_tw_buckets_low"),
        Tuning("tuning_syn_backlog_raised"),
        Tuning("tuning_tw_recycle_in_file", "sysctl: cannot stat /proc/sys/net/ipv4/tcp_tw_recycle"),
        Tuning("tuning_ip_conntrack_max_in_file", "sysctl: cannot stat /proc/sys/net/ipv4/ip_conntrack_max"),

        Message(
            "connection_refused",
            "ECONNREFUSED", "connection refused", "errno 111", "(111)", "os error 111", "actively refused", "拒绝连接", "连接被拒绝", "连接被拒"),
        Message(
            "connection_reset",
            "ECONNRESET", "connection reset", "connection reset by peer", "errno 104", "(104)", "broken pipe", "EPIPE", "connection was forcibly closed", "连接被重置", "连接重置", "连接被对方重设", "连接被对端重置", "断开的管道"),
        Message(
            "connection_timed_out",
            "ETIMEDOUT", "connection timed out", "connect timed out", "connection timeout", "connect timeout", "i/o timeout", "operation timed out", "errno 110", "(110)", "upstream timed out", "连接超时"),
        Message("address_in_use", "EADDRINUSE", "address already in use", "errno 98", "(98)", "地址已在使用", "地址已被使用", "地址已经被使用", "端口被占用"),

        Setting("net.ipv4.ip_local_port_range", "folklore", "narrow_range"),
        Setting("net.ipv4.ip_local_reserved_ports", "tuning", "tuning_range_overlaps_listeners"),
        Setting("net.ipv4.tcp_tw_reuse", "folklore", "tw_reuse_server"),
        Setting("net.ipv4.tcp_timestamps", "tuning", "tuning_tw_reuse_without_timestamps"),
        Setting("net.ipv4.tcp_fin_timeout", "folklore", "fin_timeout"),
        Setting("net.ipv4.tcp_max_tw_buckets", "folklore", "max_tw_buckets"),
        Setting("net.ipv4.tcp_max_syn_backlog", "folklore", "max_syn_backlog"),
        Setting("net.core.somaxconn", "tuning", "tuning_somaxconn_low"),
        Setting("net.ipv4.tcp_syncookies", "tuning", "tuning_syncookies_off"),
        Setting("net.ipv4.tcp_abort_on_overflow", "tuning", "tuning_abort_on_overflow"),
        Setting("net.ipv4.tcp_keepalive_time", "folklore", "keepalive_time"),
        Setting("net.ipv4.tcp_keepalive_intvl", "folklore", "keepalive_time"),
        Setting("net.ipv4.tcp_keepalive_probes", "folklore", "keepalive_time"),
        Setting("net.ipv4.tcp_max_orphans", "orphans_exhausting"),
        Setting("net.ipv4.tcp_orphan_retries", "orphans_exhausting"),
        Setting("net.ipv4.tcp_mem", "tcp_memory_pressure"),
        Setting("net.ipv4.tcp_rmem", "tcp_memory_pressure"),
        Setting("net.ipv4.tcp_wmem", "tcp_memory_pressure"),
        Setting("net.ipv4.tcp_syn_retries", "syn_sent_pileup"),
        Setting("net.ipv4.tcp_synack_retries", "syn_queue_overflowing"),
        Setting("net.netfilter.nf_conntrack_max", "conntrack_exhausting"),
        Setting("net.netfilter.nf_conntrack_buckets", "tuning", "tuning_conntrack_buckets_few"),
        Setting("net.netfilter.nf_conntrack_tcp_timeout_established", "tuning", "tuning_conntrack_timeout_below_keepalive"),
        Setting("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "nat_ports_exhausting"),
        Setting("net.netfilter.nf_conntrack_tcp_loose", "conntrack_exhausting"),
        Setting("fs.file-max", "system_descriptors_exhausting"),
        Setting("fs.nr_open", "process_descriptors_exhausting"),
        Setting("net.ipv4.tcp_tw_recycle", "folklore", "tw_recycle"),
        Setting("net.ipv4.ip_conntrack_max", "folklore", "ip_conntrack_max"),

        Folklore("fin_timeout", "fin_timeout", "tcp_fin_timeout * TIME_WAIT", "TIME_WAIT * tcp_fin_timeout"),
        Folklore("tw_recycle", "tw_recycle", "tcp_tw_recycle=1", "tcp_tw_recycle = 1"),
        Folklore("tw_reuse_server", "tw_reuse", "tcp_tw_reuse=1", "tcp_tw_reuse = 1"),
        Folklore("narrow_range", "narrow the port range", "缩小端口范围"),
        Folklore("max_tw_buckets", "max_tw_buckets", "tw_buckets", "tcp_max_tw_buckets=5000", "tcp_max_tw_buckets = 5000"),
        Folklore("keepalive_time", "keepalive_time", "tcp_keepalive_time=600", "tcp_keepalive_time = 600"),
        Folklore("time_wait_count", "thousands of TIME_WAIT", "几万个 TIME_WAIT"),
        Folklore("four_way_close", "four way handshake", "四次挥手", "四次握手", "三次握手"),
        Folklore("limits_conf", "soft nofile", "hard nofile", "nofile 65535"),
        Folklore("reuseport_sum", "SO_REUSEPORT"),
        Folklore("linger_zero", "SO_LINGER"),
        Folklore("max_syn_backlog", "max_syn_backlog", "tcp_max_syn_backlog=65535", "tcp_max_syn_backlog = 65535"),
        Folklore("socket_default_5000"),
        Folklore("ip_conntrack_max", "net.ipv4.ip_conntrack_max ="),
        Folklore("non_established", "NON_ESTABLISHED", "NON-ESTABLISHED 连接"),
        Folklore("connlimit_recent", "xt_recent", "hitcount"),

        Habit("netstat_states", "netstat", "netstat -an", "netstat * TIME_WAIT", "netstat * CLOSE_WAIT", "netstat * ESTABLISHED", "netstat * SYN_RECV", "netstat * awk * S[$NF]", "ss -s"),
        Habit("netstat_peers", "netstat * awk * $5", "netstat * cut"),
        Habit("netstat_listeners", "netstat -tlnp", "netstat -tnlp", "netstat -ntlp", "netstat -tulnp", "netstat -tunlp", "netstat -plnt", "netstat -lnt", "netstat -lntp", "netstat -ltn", "netstat -ln"),
        Habit("netstat_counters", "netstat -s"),
        Habit("netstat_port", "netstat * grep :"),
        Habit("lsof_count", "lsof", "lsof | wc"),
        Habit("lsof_port", "lsof -i"),
        Habit("ulimit_n", "ulimit", "ulimit -n", "ulimit -a"),
        Habit("ulimit_in_limits_conf", "limits_conf", "limits.conf", "limits.conf * ulimit", "ulimit -n * limits.conf", "rc.local"),
        Habit("tcpkill", "killcx", "ss -K"),
        Habit("restart", "restart the service", "systemctl restart", "service * restart", "重启", "重启服务"),
        Habit("sysctl_p", "sysctl -p"),
        Habit("iptables_recent", "iptables", "connlimit", "iptables * connlimit", "iptables * recent"),
        Habit("conntrack_proc", "/proc/net/nf_conntrack", "/proc/net/ip_conntrack", "conntrack -L", "conntrack -C"),
        Habit("dmesg", "journalctl -k"),
    ];

    /// <summary>The topic that a text means, or null: the one that accounts for the most letters of it; among equals the first in the list.</summary>
    public static Topic? Find(string text)
    {
        string normal = Topic.Normalise(text);
        (Topic topic, int fit) = All.Select(topic => (topic, topic.Fit(normal))).MaxBy(pair => pair.Item2);
        return fit > 0 ? topic : null;
    }

    /// <summary>What a text that means nothing here may have been meant to be.</summary>
    public static IEnumerable<string> Names => All.SelectMany(topic => topic.Patterns.Where(pattern => !pattern.Contains('*', StringComparison.Ordinal)).Append(topic.Id)).Distinct(StringComparer.OrdinalIgnoreCase);

    private static Topic Finding(string id, params ImmutableArray<string> patterns) => new(TopicKind.Finding, id, id, null, patterns);

    private static Topic Tuning(string id, params ImmutableArray<string> patterns) => new(TopicKind.Tuning, id, "tuning", id, patterns);

    private static Topic Message(string id, params ImmutableArray<string> patterns) => new(TopicKind.Message, id, "errors", id, patterns);

    private static Topic Setting(string name, string page, string? section = null) => new(TopicKind.Setting, name, page, section, name[(name.LastIndexOf('.') + 1)..]);

    private static Topic Folklore(string id, params ImmutableArray<string> patterns) => new(TopicKind.Folklore, "folklore_" + id, "folklore", id, patterns);

    private static Topic Habit(string id, params ImmutableArray<string> patterns) => new(TopicKind.Habit, id, "habits", id, patterns);
}
