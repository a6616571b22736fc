using ConnExporter.Configuration;
using ConnExporter.Explain;
using ConnExporter.Terminal;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Explain;

/// <summary>What people have in hand, and what they get.</summary>
public class TopicsTests
{
    public static TheoryData<string> Ids => [.. Topics.All.Select(topic => topic.Id)];

    [Fact]
    public void No_name_is_used_twice() => Topics.All.Select(topic => topic.Id).ShouldBeUnique();

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_topic_is_found_by_its_name_and_by_each_of_its_patterns(string id)
    {
        Topic topic = Topics.All.Single(topic => topic.Id == id);
        foreach (string pattern in topic.Patterns.Concat(topic.Says).Concat(topic.Otherwise).Append(id))
        {
            Topics.Find(pattern.Replace("*", "something or other", StringComparison.Ordinal))?.Id.ShouldBe(id, pattern);
            Topics.Find(pattern.ToUpperInvariant())?.Id.ShouldBe(id, pattern);
        }
    }

    // What passes on that something failed gives way to whatever says what.
    [Theory]
    [InlineData("HTTP/1.1 502 Bad Gateway", "bad_gateway")]
    [InlineData("[error] 31#31: *5 upstream prematurely closed connection while reading response header from upstream, client: 10.0.0.1, upstream: \"http://10.0.0.2:8080/\"", "bad_gateway")]
    [InlineData("502 Bad Gateway: connect() failed (111: Connection refused) while connecting to upstream", "connection_refused")]
    [InlineData("Get \"http://10.0.0.1/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "deadline_exceeded")]
    [InlineData("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "deadline_exceeded")]
    [InlineData("context deadline exceeded: dial tcp 10.0.0.5:443: connect: connection refused", "connection_refused")]
    [InlineData("ConnFindingCritical", "own_alerts")]
    [InlineData("[FIRING:1] ConnFindingWarning (web-1:9057 self close_wait_leak conn warning)", "close_wait_leak")]
    [InlineData("ConnTooManyEstablished", "too_many_established")]
    [InlineData("TcpExtListenDrops", "accept_queue_overflowing")]
    [InlineData("TcpExtListenOverflows               271                0.0", "accept_queue_overflowing")]
    [InlineData("TcpExtTCPReqQFullDrop", "syn_queue_overflowing")]
    [InlineData("node_netstat_TcpExt_ListenOverflows", "accept_queue_overflowing")]
    [InlineData("TcpRetransSegs", "retransmit_storm")]
    [InlineData("TcpExtTCPTimeouts", "retransmit_storm")]
    [InlineData("TcpExtTW", "kernel_counters")]
    [InlineData("TcpExtTCPDSACKOldSent", "kernel_counters")]
    [InlineData("IpExtInNoRoutes", "kernel_counters")]
    public void What_tells_little_leads_where_it_is_read(string text, string id) => Topics.Find(text)?.Id.ShouldBe(id);

    [Fact]
    public void Every_alert_of_our_rules_is_known()
    {
        string[] alerts =
        [
            .. Directory.EnumerateFiles(Path.GetFullPath(Fixture.PathOf("..", "..", "..", "deploy", "prometheus", "rules")))
                .SelectMany(File.ReadLines).Select(line => line.Trim()).Where(line => line.StartsWith("- alert: ", StringComparison.Ordinal)).Select(line => line["- alert: ".Length..]),
        ];

        alerts.Length.ShouldBeGreaterThan(10);
        alerts.ShouldAllBe(alert => Topics.Find(alert) != null);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_topic_has_an_answer_in_both_languages(string id)
    {
        Topic topic = Topics.All.Single(topic => topic.Id == id);
        foreach (Language language in Enum.GetValues<Language>())
        {
            string answer = new Explanation(language, TerminalStyle.Plain).Of(topic);
            answer.ShouldNotStartWith("#");
            answer.Split('\n').Length.ShouldBeGreaterThan(2);
        }
    }

    [Fact]
    public void A_setting_is_answered_with_what_the_catalogue_says_and_what_goes_wrong_with_it()
    {
        var book = TextBook.Of(Language.English);
        foreach (Topic topic in Topics.All.Where(topic => topic.Kind == TopicKind.Setting))
        {
            string answer = new Explanation(Language.English, TerminalStyle.Plain).Of(topic);
            answer.StartsWith(topic.Id + "\n", StringComparison.Ordinal).ShouldBe(book.Find($"setting.{topic.Id}.what") is not null, topic.Id);
            if (topic.Section is not null)
            {
                answer.ShouldContain(Runbook.Read(Language.English, topic.Page).Section(topic.Section).Title.Split(' ')[0]);
            }
        }
    }

    // From logs, exceptions and questions as they really look.
    [Theory]
    [InlineData("dial tcp 10.0.0.5:443: connect: cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("java.net.NoRouteToHostException: Cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("java.net.BindException: Cannot assign requested address (connect failed)", "ephemeral_ports_exhausting")]
    [InlineData("OSError: [Errno 99] Cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("connect() to 10.0.0.5:8080 failed (99: Cannot assign requested address) while connecting to upstream", "ephemeral_ports_exhausting")]
    [InlineData("Error: connect EADDRNOTAVAIL 10.0.0.5:6379 - Local (0.0.0.0:0)", "ephemeral_ports_exhausting")]
    [InlineData("System.Net.Sockets.SocketException (99): Cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("Can't connect to MySQL server on 'db' (99)", "ephemeral_ports_exhausting")]
    [InlineData("Connect() failed for backend app: no free ports.", "ephemeral_ports_exhausting")]
    [InlineData("无法分配请求的地址", "ephemeral_ports_exhausting")]
    [InlineData("报错 Cannot assign requested address 怎么办", "ephemeral_ports_exhausting")]
    [InlineData("服务器临时端口耗尽", "ephemeral_ports_exhausting")]
    [InlineData("dial tcp: socket: too many open files", "process_descriptors_exhausting")]
    [InlineData("http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 1s", "process_descriptors_exhausting")]
    [InlineData("java.net.SocketException: Too many open files (Accept failed)", "process_descriptors_exhausting")]
    [InlineData("[alert] accept4() failed (24: Too many open files)", "process_descriptors_exhausting")]
    [InlineData("OSError: [Errno 24] Too many open files: '/tmp/x'", "process_descriptors_exhausting")]
    [InlineData("bash: /bin/ls: 打开的文件过多", "process_descriptors_exhausting")]
    [InlineData("文件句柄耗尽", "process_descriptors_exhausting")]
    [InlineData("Too many open files in system", "system_descriptors_exhausting")]
    [InlineData("socket: too many open files in system", "system_descriptors_exhausting")]
    [InlineData("[12345.678] VFS: file-max limit 1000 reached", "system_descriptors_exhausting")]
    [InlineData("ENFILE", "system_descriptors_exhausting")]
    [InlineData("kernel: nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack_dropping")]
    [InlineData("nf_conntrack: table full, dropping packet", "conntrack_dropping")]
    [InlineData("ip_conntrack: table full, dropping packet.", "conntrack_dropping")]
    [InlineData("TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.", "syn_flood_suspected")]
    [InlineData("Possible SYN flooding on port 0.0.0.0:8080. Sending cookies.", "syn_flood_suspected")]
    [InlineData("Possible SYN flooding on port 80. Dropping request.", "syn_queue_overflowing")]
    [InlineData("TCP: too many orphaned sockets", "orphans_exhausting")]
    [InlineData("TCP: too many of orphaned sockets", "orphans_exhausting")]
    [InlineData("Out of socket memory", "orphans_exhausting")]
    [InlineData("TCP: out of memory -- consider tuning tcp_mem", "tcp_memory_pressure")]
    [InlineData("TCP: time wait bucket table overflow (CT101)", "time_wait_bucket_overflow")]
    [InlineData("connection refused", "connection_refused")]
    [InlineData("curl: (7) Failed to connect to 10.0.0.5 port 80: Connection refused", "connection_refused")]
    [InlineData("java.net.ConnectException: Connection refused (Connection refused)", "connection_refused")]
    [InlineData("read tcp 10.0.0.1:5000->10.0.0.5:80: read: connection reset by peer", "connection_reset")]
    [InlineData("java.net.SocketException: Connection reset", "connection_reset")]
    [InlineData("write: broken pipe", "connection_reset")]
    [InlineData("连接被对方重设", "connection_reset")]
    [InlineData("dial tcp 10.0.0.5:80: i/o timeout", "connection_timed_out")]
    [InlineData("java.net.SocketTimeoutException: connect timed out", "connection_timed_out")]
    [InlineData("upstream timed out (110: Connection timed out) while connecting to upstream", "connection_timed_out")]
    [InlineData("连接超时", "connection_timed_out")]
    [InlineData("OSError: [Errno 98] Address already in use", "address_in_use")]
    [InlineData("listen tcp :8080: bind: address already in use", "address_in_use")]
    [InlineData("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "address_in_use")]
    [InlineData("5739 times the listen queue of a socket overflowed", "accept_queue_overflowing")]
    [InlineData("5739 SYNs to LISTEN sockets dropped", "accept_queue_overflowing")]
    [InlineData("全连接队列溢出", "accept_queue_overflowing")]
    [InlineData("半连接队列", "syn_queue_overflowing")]
    [InlineData("close-wait", "close_wait_leak")]
    [InlineData("服务器上有大量 CLOSE_WAIT", "close_wait_leak")]
    [InlineData("大量TIME_WAIT", "time_wait_storm")]
    [InlineData("ERROR 1040 (HY000): Too many connections", "program_limits")]
    [InlineData("insert_failed", "conntrack_insertions_failing")]
    [InlineData("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_fin_timeout")]
    [InlineData("tcp_fin_timeout", "net.ipv4.tcp_fin_timeout")]
    [InlineData("/proc/sys/net/ipv4/tcp_fin_timeout", "net.ipv4.tcp_fin_timeout")]
    [InlineData("sysctl -w net.ipv4.tcp_tw_reuse=1", "folklore_tw_reuse_server")]
    [InlineData("tcp_tw_recycle", "net.ipv4.tcp_tw_recycle")]
    [InlineData("sysctl: cannot stat /proc/sys/net/ipv4/tcp_tw_recycle: No such file or directory", "tuning_tw_recycle_in_file")]
    [InlineData("net.ipv4.ip_conntrack_max", "net.ipv4.ip_conntrack_max")]
    [InlineData("file-max", "fs.file-max")]
    [InlineData("somaxconn", "net.core.somaxconn")]
    [InlineData("netstat -an | grep TIME_WAIT | wc -l", "netstat_states")]
    [InlineData("netstat -n | awk '/^tcp/ {++S[$NF]} END {for(a in S) print a, S[a]}'", "netstat_states")]
    [InlineData("netstat -ntu | awk '{print $5}' | cut -d: -f1 | sort | uniq -c | sort -n", "netstat_peers")]
    [InlineData("netstat -tlnp", "netstat_listeners")]
    [InlineData("netstat -s", "netstat_counters")]
    [InlineData("lsof | wc -l", "lsof_count")]
    [InlineData("lsof -i:8080", "lsof_port")]
    [InlineData("tcpkill -i eth0 port 80", "tcpkill")]
    [InlineData("ulimit -n 65535", "ulimit_n")]
    [InlineData("/etc/security/limits.conf", "ulimit_in_limits_conf")]
    [InlineData("* soft nofile 65535", "folklore_limits_conf")]
    [InlineData("NON_ESTABLISHED", "folklore_non_established")]
    [InlineData("CLOSE WAIT LEAK", "close_wait_leak")]
    [InlineData("fin_timeout", "folklore_fin_timeout")]
    [InlineData("net.ipv4.tcp_tw_reuse_delay", "net.ipv4.tcp_tw_reuse")]
    public void A_text_as_it_is_found_gets_its_topic(string text, string topic) => Topics.Find(text)?.Id.ShouldBe(topic);

    [Theory]
    [InlineData("frobnicate")]
    [InlineData("support")]
    [InlineData("scandal")]
    [InlineData("-")]
    public void What_is_no_topic_is_not_taken_for_one(string text) => Topics.Find(text).ShouldBeNull();

    [Theory]
    [InlineData("conection refusd", "connection refused")]
    [InlineData("time_wiat_storm", "time_wait_storm")]
    [InlineData("tcp_fin_timeuot", "tcp_fin_timeout")]
    public void A_slip_of_the_pen_gets_the_nearest_name(string wrong, string right)
    {
        Topics.Find(wrong).ShouldBeNull();
        Suggestion.For(wrong, Topics.Names).ShouldBe($"; did you mean '{right}'?");
    }
}
