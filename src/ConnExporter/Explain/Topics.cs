using System.Collections.Immutable;

namespace ConnExporter.Explain;

/// <summary>THE list of what <c>explain</c> knows, and of what people have in hand when they ask.</summary>
internal static class Topics
{
    /// <summary>Letters of a text that are looked at.</summary>
    public const int MostLetters = 256 * 1024;

    private const int MostLines = 1000;
    private const int Near = 8;
    private const string KernelCounters = "kernel_counters";

    // Of counters in /proc/net/netstat and /proc/net/snmp, normalised.
    private static readonly string[] Groups = ["tcpext", "ipext", "mptcpext"];

    public static ImmutableArray<Topic> All { get; } =
    [
        Finding(
            "ephemeral_ports_exhausting",
            "EADDRNOTAVAIL", "cannot assign requested address", "can't assign requested address", "ephemeral ports", "out of ports", "port exhaustion", "无法指定被请求的地址", "无法分配请求的地址", "不能分配请求的地址", "临时端口", "端口耗尽", "端口不足", "端口不够") with
        {
            Says = ["connect() failed for * no free ports", "no free ports"],
        },
        Finding("ephemeral_ports_blocked_by_bind", "IP_BIND_ADDRESS_NO_PORT", "bind(0)", "bind before connect", "bound before connect"),
        Finding("udp_ports_exhausting", "UDP ports", "UDP port exhaustion", "UDP 端口"),
        Finding("udp_receive_buffer_overflowing", "RcvbufErrors", "UdpRcvbufErrors", "Udp6RcvbufErrors", "UdpInErrors", "receive buffer errors", "packet receive errors", "UDP 丢包", "接收缓冲区溢出"),
        Finding("unix_accept_queue_overflowing", "php-fpm backlog", "listen.backlog", "Unix socket queue", "Unix 套接字队列"),
        Finding("unix_receiver_full", "Unix datagram queue", "Unix 数据报队列"),
        Finding("instance_connections_exhausting", "conntrack_allowance_exceeded", "conntrack_allowance_available", "connection quota", "instance type * connections", "连接数配额", "实例规格 * 连接数"),
        Finding("time_wait_storm", "TIME_WAIT", "TWRecycled", "timewait", "too many TIME_WAIT", "TIME_WAIT 过多", "大量 TIME_WAIT"),
        Finding("time_wait_bucket_overflow", "time wait bucket table overflow", "TCPTimeWaitOverflow", "time wait bucket"),
        Finding("conntrack_exhausting", "nf_conntrack", "conntrack", "conntrack table", "连接跟踪", "连接跟踪表"),
        Finding("neighbour_table_overflowing"),
        Finding("softnet_dropping", "softnet_stat", "packets dropped before any protocol"),
        Finding("conntrack_dropping", "nf_conntrack: table full", "ip_conntrack: table full", "table full, dropping packet", "nf_conntrack: table full, dropping packet", "early_drop", "conntrack * drop", "连接跟踪表满", "连接跟踪表已满"),
        Finding("conntrack_insertions_failing", "insert_failed", "chaintoolong", "chain_too_long", "clash_resolve", "resolv.conf", "single-request-reopen", "5 second DNS"),
        Finding("nat_ports_exhausting", "SNAT", "masquerade", "NAT ports", "NAT gateway", "SNAT port", "NAT 端口", "NAT 网关"),
        Finding(
            "process_descriptors_exhausting",
            "EMFILE", "too many open files", "accept4: too many open files", "socket: too many open files", "LimitNOFILE", "nofile", "RLIMIT_NOFILE", "file descriptors",
            "打开的文件过多", "打开的文件太多", "打开文件过多", "打开文件数过多", "文件描述符", "文件句柄", "句柄耗尽", "句柄泄漏") with
        {
            Says = ["reached process FD limit"],
        },
        Finding(
            "system_descriptors_exhausting",
            "ENFILE", "too many open files in system", "VFS: file-max limit", "file-max limit * reached", "reached system FD limit", "系统中打开的文件过多", "系统打开的文件过多"),
        Finding("orphans_exhausting", "too many orphaned sockets", "too many of orphaned sockets", "out of socket memory", "orphaned sockets", "orphans", "FIN_WAIT1", "FIN_WAIT_1", "FIN_WAIT2", "FIN_WAIT_2", "LAST_ACK", "孤儿套接字", "孤儿连接"),
        Finding("tcp_memory_pressure", "TCP: out of memory", "out of memory -- consider tuning tcp_mem", "TCPAbortOnMemory", "TCPMemoryPressures", "TCP memory", "memory pressure", "TCP 内存"),
        Finding(
            "accept_queue_overflowing",
            "ListenOverflows", "ListenDrops", "accept queue", "listen queue", "times the listen queue of a socket overflowed", "SYNs to LISTEN sockets dropped", "SYNs to LISTEN sockets ignored", "backlog", "全连接队列", "accept 队列", "监听队列"),
        Finding("syn_queue_overflowing", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "SYN queue", "SYN flooding on port * dropping request", "SYN backlog", "半连接队列", "SYN 队列"),
        Finding("syn_flood_suspected", "possible SYN flooding", "SYN flooding on port", "SYN flooding on port * sending cookies", "SYN flood", "SYN_RECV", "SYN_RECEIVED", "SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed", "SYN cookies", "SYN 洪水", "SYN 攻击"),
        Finding("close_wait_leak", "CLOSE_WAIT", "closewait", "CLOSE_WAIT 过多", "大量 CLOSE_WAIT"),
        Finding("established_leak", "connection leak", "leaked connections", "connections never closed", "keepalive", "连接泄漏", "连接泄露", "连接只增不减"),
        Finding("syn_sent_pileup", "SYN_SENT", "TCPSynRetrans"),
        Finding("outbound_scan_suspected", "outbound scan", "port scan", "network scan", "端口扫描", "对外扫描"),
        Finding("slow_reader", "Recv-Q", "receive queue", "TCPRcvQDrop", "application not reading", "接收队列", "recv q 不为 0"),
        Finding("slow_peer", "Send-Q", "send queue", "zero window", "TCP ZeroWindow", "window full", "发送队列", "零窗口"),
        Finding("retransmit_storm", "retransmit", "retransmission", "retransmissions", "RetransSegs", "TcpRetransSegs", "TCPTimeouts", "TCPLostRetransmit", "TCPLossProbes", "TCPFastRetrans", "TCPSlowStartRetrans", "segments retransmitted", "packet loss", "重传", "丢包"),
        Finding("too_many_established", "ESTABLISHED", "ConnTooManyEstablished", "TcpCurrEstab", "too many established", "65535 connections", "60000 connections", "连接数过多", "连接数过高", "ESTABLISHED 过多"),
        Finding("process_storm", "process storm", "进程过多", "数据库连接数"),

        Tuning("tuning_range_below_1024"),
        Tuning("tuning_range_overlaps_listeners"),
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
        Tuning("tuning_tw_timeout_changed"),
        Tuning("tuning_tw_buckets_low"),
        Tuning("tuning_syn_backlog_raised"),
        Tuning("tuning_tw_recycle_in_file", "sysctl: cannot stat /proc/sys/net/ipv4/tcp_tw_recycle"),
        Tuning("tuning_ip_conntrack_max_in_file", "sysctl: cannot stat /proc/sys/net/ipv4/ip_conntrack_max"),

        Message(
            "connection_refused",
            "ECONNREFUSED", "connection refused", "actively refused", "拒绝连接", "连接被拒绝", "连接被拒"),
        Message(
            "connection_reset",
            "ECONNRESET", "connection reset", "connection reset by peer", "errno 104", "(104)", "broken pipe", "EPIPE", "connection was forcibly closed", "TCPAbortOnData", "TCPAbortOnClose", "EstabResets", "TcpEstabResets", "连接被重置", "连接重置", "连接被对方重设", "连接被对端重置", "断开的管道"),
        Message(
            "connection_timed_out",
            "ETIMEDOUT", "connection timed out", "connect timed out", "connection timeout", "connect timeout", "i/o timeout", "operation timed out", "upstream timed out", "TCPAbortOnTimeout", "连接超时"),
        Message("address_in_use", "EADDRINUSE", "address already in use", "地址已在使用", "地址已被使用", "地址已经被使用", "端口被占用"),
        Message("bind_address_not_local", "IP_FREEBIND", "bind: cannot assign requested address"),
        Message("ipv6_no_address", "disable_ipv6", "connect EADDRNOTAVAIL ::1", "ip6-localhost"),
        Message("unreachable", "ENETUNREACH", "EHOSTUNREACH", "network is unreachable", "no route to host", "host unreachable", "destination net unreachable", "网络不可达", "没有到主机的路由", "无法到达主机"),
        Message("name_resolution", "EAI_AGAIN", "ENOTFOUND", "getaddrinfo", "temporary failure in name resolution", "name or service not known", "no such host", "could not resolve host", "DNS", "域名解析暂时失败", "未知的名称或服务", "域名解析"),
        Message("port_already_allocated", "Docker port") with
        {
            Says = ["port is already allocated", "端口已被分配"],
        },
        Message("reserved_ports", "bindresvport", "reserved port * EADDRINUSE", "sunrpc.min_resvport"),
        Message("eagain", "EAGAIN", "EWOULDBLOCK", "resource temporarily unavailable", "资源暂时不可用"),
        Message("unix_socket_backlog", "Unix socket * EAGAIN", "connect() to unix: * resource temporarily unavailable"),
        Message("thread_limit", "TasksMax", "pids.max", "RLIMIT_NPROC", "ulimit -u", "fork: resource temporarily unavailable", "没有子进程") with
        {
            Says =
            [
                "unable to create new native thread", "unable to create native thread", "pthread_create failed", "can't start new thread", "failed to create new OS thread", "fork: retry", "cannot fork",
                "fork rejected by pids controller", "无法创建新线程", "无法创建线程", "无法创建本地线程",
            ],
        },
        Message("no_buffer_space", "ENOBUFS", "no buffer space available", "没有可用的缓冲区空间"),
        Message("neighbour_table_overflow", "gc_thresh", "neighbour table", "ARP table", "ARP cache", "ARP 表", "邻居表") with
        {
            Says = ["neighbor table overflow", "neighbour table overflow", "neighbor table overflow!", "arp_cache: * overflow", "邻居表溢出"],
        },
        Message("route_cache_full") with
        {
            Says = ["route cache is full"],
        },
        Message("conntrack_expectations") with
        {
            Says = ["expectation table full"],
        },
        Message("inotify_limits", "inotify", "fsnotify", "too many open files, watch") with
        {
            Says =
            [
                "number of file watchers reached", "inotify resources exhausted", "limit on inotify watches", "inotify watches was reached", "number of inotify instances has been reached", "inotify watches limit", "inotify limit",
                "failed to enter waiting state: too many open files", "watch limit reached",
            ],
        },
        Message(
            "program_limits",
            "worker_connections", "maxclients", "max_clients", "max_children", "maxconn", "max_connections", "maximumPoolSize", "maxActive", "maxThreads", "MaxRequestWorkers", "MaxStartups", "max_client_conn", "pool_size", "connection pool", "circuit breaker", "连接池") with
        {
            Says =
            [
                "worker_connections are not enough", "max number of clients reached", "pm.max_children setting", "max_children setting", "too many connections", "connection slots are reserved", "too many clients already", "too many open connections",
                "connections are reserved", "max_user_connections", "maximum connection limit", "maximum number of threads * created", "all threads * currently busy", "connection is not available, request timed out", "no more connections allowed",
                "reset reason: overflow", "pending_overflow", "cx_overflow", "timeout waiting for connection from pool", "timeout waiting for idle object", "pool exhausted", "pool is exhausted", "PoolExhaustedException", "pool empty", "encountered waiting for connection", "of waiting for a connection", "blocked because of many connection errors", "pool has been exhausted", "pool error timeout",
                "obtaining a connection from the pool", "get a connection, pool error", "could not get a resource since the pool is exhausted", "GetConnectionTimeoutException", "wait millis * maxActive", "QueuePool limit of size", "connection pool is full",
                "connection pool exhausted", "timed out waiting for a connection from the pool", "reached MaxRequestWorkers", "reached MaxClients setting", "scoreboard is full", "past MaxStartups", "MaxStartups throttling",
                "mysql * 连接过多", "mysql * 连接数过多", "mysql连接数过多", "数据库连接过多", "数据库连接数过多", "数据库连接数已满", "redis连接数过多", "连接池已满", "连接池耗尽", "连接池用尽", "连接池满", "达到最大连接数", "超过最大连接数", "超出最大连接数", "连接数已达上限",
                "连接数达到上限", "已达到最大连接数",
            ],
        },

        Message("bad_gateway") with
        {
            Otherwise =
            [
                "502 bad gateway", "bad gateway", "HTTP 502", "503 service unavailable", "503 service temporarily unavailable", "504 gateway time-out", "504 gateway timeout", "gateway timeout", "gateway time-out", "no live upstreams",
                "upstream prematurely closed connection", "prematurely closed connection", "upstream connect error or disconnect/reset before headers", "网关错误", "网关超时",
            ],
        },
        Message("deadline_exceeded") with
        {
            Otherwise = ["context deadline exceeded", "deadline exceeded", "DeadlineExceeded", "Client.Timeout exceeded", "Client.Timeout exceeded while awaiting headers", "context canceled"],
        },
        Message("own_alerts") with
        {
            Otherwise =
            [
                "ConnFindingCritical", "ConnFindingWarning", "ConnFindingRecurring", "ConnExporterDown", "ConnExporterMissing", "ConnExporterRestarting", "ConnCollectorBroken", "ConnDataTooOld", "ConnReloadFailed", "ConnWebReloadFailed",
                "ConnCertificateExpiring", "ConnCertificateExpired", "ConnConnectsWithoutPort",
            ],
        },
        Message(KernelCounters, "nstat", "TCPBacklogDrop", "TCPAbortFailed", "TCPKeepAlive", "PAWSActive", "PAWSEstab", "AttemptFails", "TcpAttemptFails", "TcpActiveOpens", "TcpPassiveOpens", "TcpOutRsts", "TcpInErrs"),

        Setting("net.ipv4.ip_local_port_range", "folklore", "narrow_range"),
        Setting("net.ipv4.ip_local_reserved_ports", "tuning", "tuning_range_overlaps_listeners"),
        Setting("net.ipv4.tcp_tw_reuse", "folklore", "tw_reuse_server"),
        Setting("net.ipv4.tcp_timestamps", "tuning", "tuning_tw_reuse_without_timestamps"),
        Setting("net.ipv4.tcp_fin_timeout", "folklore", "fin_timeout"),
        Setting("net.ipv4.tcp_tw_timeout", "tuning", "tuning_tw_timeout_changed"),
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
        Setting("net.unix.max_dgram_qlen", "unix_receiver_full"),
        Setting("net.core.rmem_max", "udp_receive_buffer_overflowing"),
        Setting("net.ipv4.udp_mem", "udp_receive_buffer_overflowing"),
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
        Setting("fs.inotify.max_user_instances", "errors", "inotify_limits"),
        Setting("fs.inotify.max_user_watches", "errors", "inotify_limits"),
        Setting("net.core.netdev_max_backlog", "folklore", "netdev_max_backlog"),
        Setting("net.ipv4.ip_nonlocal_bind", "errors", "bind_address_not_local"),
        Setting("net.ipv4.neigh.default.gc_thresh1", "errors", "neighbour_table_overflow"),
        Setting("net.ipv4.neigh.default.gc_thresh2", "errors", "neighbour_table_overflow"),
        Setting("net.ipv4.neigh.default.gc_thresh3", "errors", "neighbour_table_overflow"),
        Setting("net.ipv6.route.max_size", "errors", "route_cache_full"),
        Setting("net.netfilter.nf_conntrack_expect_max", "errors", "conntrack_expectations"),
        Setting("kernel.threads-max", "errors", "thread_limit"),
        Setting("kernel.pid_max", "errors", "thread_limit"),
        Setting("vm.max_map_count", "errors", "thread_limit"),
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
        Folklore("linger_zero", "SO_LINGER", "TCPAbortOnLinger"),
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

    /// <summary>
    /// The topic that a text means, or null. Of several lines the first that tells does. What only one program says decides before the call, the error and what they were about, and these
    /// before words that mean something by themselves.
    /// </summary>
    public static Topic? Find(string text)
    {
        string[] lines = [.. Lines(text)];
        string?[] told = new string?[lines.Length];
        for (int i = 0; i < lines.Length; i++)
        {
            if (Best(lines[i], (topic, line) => topic.FitOfSays(line)) is { } said)
            {
                return said;
            }

            var failure = FailureLine.Read(lines[i]);
            if (failure.Errno == Errno.None)
            {
                continue;
            }

            failure = failure.Call == Call.None ? failure with { Call = CallBeside(lines, i) } : failure;
            if (Failures.TopicOf(failure) is { } id)
            {
                return All.First(topic => topic.Id == id);
            }

            told[i] = lines[i];
        }

        return lines.Where((_, i) => told[i] is null).Select(line => Best(line, (topic, normal) => topic.Fit(normal))).FirstOrDefault(topic => topic is not null)
            ?? lines.Select(line => Best(line, (topic, normal) => topic.FitOfOtherwise(normal)) ?? OfCounter(line)).FirstOrDefault(topic => topic is not null);
    }

    // Names as nstat has them, of which there are hundreds.
    private static Topic? OfCounter(string normal) => normal.Split([' ', '=', ':', ',', '{', '}', '"', '(', ')']).Any(word => Groups.Any(group => word.Length > group.Length && word.StartsWith(group, StringComparison.Ordinal)))
        ? All.First(topic => topic.Id == KernelCounters)
        : null;

    /// <summary>What a text that means nothing here may have been meant to be.</summary>
    public static IEnumerable<string> Names => All.SelectMany(topic => topic.Patterns.Concat(topic.Says).Concat(topic.Otherwise).Where(pattern => !pattern.Contains('*', StringComparison.Ordinal)).Append(topic.Id)).Distinct(StringComparer.OrdinalIgnoreCase);

    // Node prints an object over several lines, with the call in a line of its own; others say what they wanted and then, in the next line, why not.
    private static Call CallBeside(string[] lines, int failed)
    {
        string? named = lines.Skip(failed + 1).Take(Near).FirstOrDefault(line => line.Contains("syscall", StringComparison.Ordinal));
        return named is not null ? FailureLine.CallIn(named) : failed > 0 && FailureLine.Read(lines[failed - 1]).Errno == Errno.None ? FailureLine.CallIn(lines[failed - 1]) : Call.None;
    }

    // Normalised. Frames of a stack have names of code in them, which say nothing about the failure.
    private static IEnumerable<string> Lines(string text) => text.AsSpan(0, Math.Min(text.Length, MostLetters)).ToString().Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !IsFrame(line)).Take(MostLines).Select(line => WithoutGroup(Phrase.Normalise(line)));

    // nstat writes TcpExtListenDrops for what netstat and /proc call ListenDrops. What nobody knows by that name keeps its own.
    private static string WithoutGroup(string normal)
    {
        foreach (string group in Groups)
        {
            for (int at = normal.IndexOf(group, StringComparison.Ordinal); at >= 0; at = normal.IndexOf(group, at + group.Length, StringComparison.Ordinal))
            {
                int begin = at + group.Length;
                int end = begin;
                for (; end < normal.Length && char.IsAsciiLetterOrDigit(normal[end]); end++)
                {
                }

                string name = normal[begin..end];
                bool isWord = at == 0 || !char.IsAsciiLetterOrDigit(normal[at - 1]);
                if (isWord && All.Any(topic => topic.Patterns.Any(pattern => Phrase.Normalise(pattern) == name)))
                {
                    normal = string.Concat(normal.AsSpan(0, at), name, normal.AsSpan(end));
                }
            }
        }

        return normal;
    }

    private static bool IsFrame(string line) => (line.StartsWith("at ", StringComparison.Ordinal) && line.Contains('(', StringComparison.Ordinal)) || line.StartsWith("File \"", StringComparison.Ordinal);

    // Among equals the first in the list.
    private static Topic? Best(string normal, Func<Topic, string, int> fit)
    {
        (Topic topic, int letters) = All.Select(topic => (topic, fit(topic, normal))).MaxBy(pair => pair.Item2);
        return letters > 0 ? topic : null;
    }

    private static Topic Finding(string id, params ImmutableArray<string> patterns) => new(TopicKind.Finding, id, id, null, patterns);

    private static Topic Tuning(string id, params ImmutableArray<string> patterns) => new(TopicKind.Tuning, id, "tuning", id, patterns);

    private static Topic Message(string id, params ImmutableArray<string> patterns) => new(TopicKind.Message, id, "errors", id, patterns);

    private static Topic Setting(string name, string page, string? section = null) => new(TopicKind.Setting, name, page, section, name[(name.LastIndexOf('.') + 1)..]);

    private static Topic Folklore(string id, params ImmutableArray<string> patterns) => new(TopicKind.Folklore, "folklore_" + id, "folklore", id, patterns);

    private static Topic Habit(string id, params ImmutableArray<string> patterns) => new(TopicKind.Habit, id, "habits", id, patterns);
}
