using ConnExporter.Explain;

namespace ConnExporter.Tests.Explain;

/// <summary>Each kind of failure that the same words tell of, with lines that look like it and are something else.</summary>
public class FailureKindTests
{
    private const string Nothing = "none";

    // EADDRNOTAVAIL: no port where connect() says so, another address where bind() does, no IPv6 where it is ::1.
    [Theory]
    [InlineData("connect() to 10.0.0.5:8080 failed (99: Cannot assign requested address) while connecting to upstream, client: ::1, server: localhost", "ephemeral_ports_exhausting")]
    [InlineData("[client ::1:51234] (99)Cannot assign requested address: AH00957: HTTP: attempt to connect to 127.0.0.1:8080 (localhost) failed", "ephemeral_ports_exhausting")]
    [InlineData("dial tcp 10.0.0.5:443: connect: cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("stream_socket_client(): unable to connect to tcp://127.0.0.1:6379 (Cannot assign requested address)", "ephemeral_ports_exhausting")]
    [InlineData("Caused by: java.net.BindException: Cannot assign requested address (connect failed)", "ephemeral_ports_exhausting")]
    [InlineData("connect EADDRNOTAVAIL 127.0.0.1:6379 - Local (0.0.0.0:0)", "ephemeral_ports_exhausting")]
    [InlineData("无法连接 10.0.0.5:3306：无法分配请求的地址", "ephemeral_ports_exhausting")]
    [InlineData("ConnectionError: [Errno 99] Cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("nginx: [emerg] bind() to 203.0.113.7:443 failed (99: Cannot assign requested address)", "bind_address_not_local")]
    [InlineData("listen tcp 203.0.113.7:8080: bind: cannot assign requested address", "bind_address_not_local")]
    [InlineData("Error: listen EADDRNOTAVAIL: address not available 203.0.113.7:3000", "bind_address_not_local")]
    [InlineData("Could not create server TCP listening socket 203.0.113.7:6379: bind: Cannot assign requested address", "bind_address_not_local")]
    [InlineData("could not bind IPv4 address \"203.0.113.7\": Cannot assign requested address", "bind_address_not_local")]
    [InlineData("error: Bind to port 22 on 203.0.113.7 failed: Cannot assign requested address.", "bind_address_not_local")]
    [InlineData("绑定 203.0.113.7:80 失败：无法指定被请求的地址", "bind_address_not_local")]
    [InlineData("bind(203.0.113.7) failed (99: Cannot assign requested address) while connecting to upstream", "bind_address_not_local")]
    [InlineData("dial tcp [::1]:5432: connect: cannot assign requested address", "ipv6_no_address")]
    [InlineData("connect EADDRNOTAVAIL ::1:6379 - Local (:::0)", "ipv6_no_address")]
    [InlineData("[Errno 99] error while attempting to bind on address ('::1', 8080, 0, 0): cannot assign requested address", "ipv6_no_address")]
    [InlineData("connection to server at \"localhost\" (::1), port 5432 failed: Cannot assign requested address", "ipv6_no_address")]
    [InlineData("Connect to localhost/0:0:0:0:0:0:0:1:8080 failed: Cannot assign requested address", "ipv6_no_address")]
    [InlineData("socket() [::]:80 failed (97: Address family not supported by protocol)", "ipv6_no_address")]
    [InlineData("dial tcp [2001:db8::1]:443: connect: cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("dial tcp [fe80::1]:443: connect: cannot assign requested address", "ephemeral_ports_exhausting")]
    [InlineData("RTNETLINK answers: Cannot assign requested address", Nothing)]
    [InlineData("setsockopt(IP_ADD_MEMBERSHIP): Cannot assign requested address", Nothing)]
    [InlineData("socket(AF_VSOCK): Address family not supported by protocol", Nothing)]

    // EADDRINUSE: port 0 and bind before connect, reserved ports, Docker's own list, or simply taken.
    [InlineData("failed to bind to 127.0.0.6:0: Address already in use", "ephemeral_ports_blocked_by_bind")]
    [InlineData("bind(10.0.0.7) failed (98: Address already in use) while connecting to upstream", "ephemeral_ports_blocked_by_bind")]
    [InlineData("dial tcp 10.0.0.7:0->10.0.0.5:443: bind: address already in use", "ephemeral_ports_blocked_by_bind")]
    [InlineData("bind(5, {sa_family=AF_INET, sin_port=htons(0)}, 16) = -1 EADDRINUSE (Address already in use)", "ephemeral_ports_blocked_by_bind")]
    [InlineData("listen udp 0.0.0.0:0: bind: address already in use", "ephemeral_ports_blocked_by_bind")]
    [InlineData("listen tcp :8080: bind: address already in use", "address_in_use")]
    [InlineData("Error: listen EADDRINUSE: address already in use :::3000", "address_in_use")]
    [InlineData("2026/11/20 10:00:00 bind() to 0.0.0.0:80 failed (98: Address in use)", "address_in_use")]
    [InlineData("java.net.BindException: 地址已在使用 (Bind failed)", "address_in_use")]
    [InlineData("bind() to unix:/run/x.sock failed (98: Address already in use)", "address_in_use")]
    [InlineData("RPC: Can't bind to reserved port (98)", "reserved_ports")]
    [InlineData("rcmd: bindresvport: Address already in use", "reserved_ports")]
    [InlineData("mount.nfs: no reserved port: Address already in use", "reserved_ports")]
    [InlineData("Bind for 0.0.0.0:8080 failed: port is already allocated", "port_already_allocated")]
    [InlineData("Error response from daemon: Bind for :::443 failed: port is already allocated.", "port_already_allocated")]
    [InlineData("failed to set up container networking: Bind for 127.0.0.1:5432 failed: port is already allocated", "port_already_allocated")]
    [InlineData("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", "address_in_use")]
    [InlineData("failed to allocate for range 0: no IP addresses available in range set", Nothing)]

    // EMFILE and ENOSPC: inotify or descriptors or a disk.
    [InlineData("inotify_init: too many open files", "inotify_limits")]
    [InlineData("failed to create fsnotify watcher: too many open files", "inotify_limits")]
    [InlineData("Error: EMFILE: too many open files, watch '/app/src'", "inotify_limits")]
    [InlineData("Failed to allocate directory watch: Too many open files", "inotify_limits")]
    [InlineData("tail: inotify cannot be used, reverting to polling: Too many open files", "inotify_limits")]
    [InlineData("The configured user limit (128) on the number of inotify instances has been reached", "inotify_limits")]
    [InlineData("inotify_add_watch(/srv): No space left on device", "inotify_limits")]
    [InlineData("创建 inotify 失败：打开的文件过多", "inotify_limits")]
    [InlineData("EMFILE: too many open files, open '/app/watch.js'", "process_descriptors_exhausting")]
    [InlineData("watch of *v1.Pod ended with: accept4: too many open files", "process_descriptors_exhausting")]
    [InlineData("socket: No file descriptors available", "process_descriptors_exhausting")]
    [InlineData("accept4(): Too many open files (os error 24)", "process_descriptors_exhausting")]
    [InlineData("epoll_create1: Too many open files", "process_descriptors_exhausting")]
    [InlineData("accept: Too many open files in system", "system_descriptors_exhausting")]
    [InlineData("write /var/lib/x: no space left on device", Nothing)]
    [InlineData("ENOSPC: no space left on device, write", Nothing)]

    // EAGAIN by its call.
    [InlineData("connect() to unix:/run/php/php-fpm.sock failed (11: Resource temporarily unavailable) while connecting to upstream", "unix_socket_backlog")]
    [InlineData("dial unix /run/app.sock: connect: resource temporarily unavailable", "unix_socket_backlog")]
    [InlineData("Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (11)", "unix_socket_backlog")]
    [InlineData("connect() to unix:/run/app.sock failed (11: 资源暂时不可用)", "unix_socket_backlog")]
    [InlineData("recv() failed (11: Resource temporarily unavailable) while reading response header from upstream, upstream: \"fastcgi://unix:/run/php.sock\"", "eagain")]
    [InlineData("redis.exceptions.ConnectionError: Error 11 while reading: EAGAIN", "eagain")]
    [InlineData("sendto: Resource temporarily unavailable", "eagain")]
    [InlineData("connect() to unix:/run/app.sock failed (2: No such file or directory)", Nothing)]
    [InlineData("connect() to unix:/run/app.sock failed (111: Connection refused)", "connection_refused")]
    [InlineData("bash: fork: retry: Resource temporarily unavailable", "thread_limit")]
    [InlineData("fork/exec /bin/sh: resource temporarily unavailable", "thread_limit")]
    [InlineData("java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached", "thread_limit")]
    [InlineData("cgroup: fork rejected by pids controller in /system.slice/app.service", "thread_limit")]
    [InlineData("java.lang.OutOfMemoryError: Java heap space", Nothing)]

    // ENOBUFS and the neighbour table.
    [InlineData("neighbour: ndisc_cache: neighbor table overflow!", "neighbour_table_overflow")]
    [InlineData("Neighbour table overflow.", "neighbour_table_overflow")]
    [InlineData("arp_cache: neighbor table overflow!", "neighbour_table_overflow")]
    [InlineData("RTNETLINK answers: No buffer space available", "neighbour_table_overflow")]
    [InlineData("ping: sendmsg: No buffer space available", "no_buffer_space")]
    [InlineData("dial tcp 10.0.0.5:443: connect: no buffer space available", "no_buffer_space")]
    [InlineData("sendto: 没有可用的缓冲区空间", "no_buffer_space")]
    [InlineData("conntrack -E: Operation failed: No buffer space available", Nothing)]
    [InlineData("netlink: recvmsg: no buffer space available", Nothing)]
    [InlineData("setsockopt(SO_RCVBUFFORCE): no buffer space available", Nothing)]

    // Names.
    [InlineData("getaddrinfo EAI_AGAIN db", "name_resolution")]
    [InlineData("getaddrinfo ENOTFOUND db", "name_resolution")]
    [InlineData("dial tcp: lookup db on 10.96.0.10:53: no such host", "name_resolution")]
    [InlineData("lookup example.com on 10.96.0.10:53: read udp 10.244.1.3:42517->10.96.0.10:53: i/o timeout", "name_resolution")]
    [InlineData("dial tcp: lookup db on 127.0.0.53:53: read udp 127.0.0.1:4->127.0.0.53:53: read: connection refused", "name_resolution")]
    [InlineData("php_network_getaddresses: getaddrinfo failed: Temporary failure in name resolution", "name_resolution")]
    [InlineData("curl: (6) Could not resolve host: example.com", "name_resolution")]
    [InlineData("java.net.UnknownHostException: db: 未知的名称或服务", "name_resolution")]
    [InlineData("lookup of the key failed: connection refused", "connection_refused")]
    [InlineData("dial tcp 10.0.0.5:5353: i/o timeout", "connection_timed_out")]
    [InlineData("dial tcp: lookup db: socket: too many open files", "process_descriptors_exhausting")]

    // No route.
    [InlineData("connect: network is unreachable", "unreachable")]
    [InlineData("dial tcp 10.0.0.5:443: connect: no route to host", "unreachable")]
    [InlineData("java.net.NoRouteToHostException: 没有到主机的路由 (Host unreachable)", "unreachable")]
    [InlineData("Error: connect EHOSTUNREACH 10.0.0.5:443", "unreachable")]
    [InlineData("connect() to [2001:db8::1]:443 failed (101: Network unreachable)", "unreachable")]
    [InlineData("System.Net.Sockets.SocketException (113): No route to host", "unreachable")]
    [InlineData("Nacos: no route found for service", Nothing)]

    // Limits of the program itself.
    [InlineData("[alert] 7#7: 1024 worker_connections are not enough while connecting to upstream", "program_limits")]
    [InlineData("server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting", "program_limits")]
    [InlineData("FATAL: sorry, too many clients already", "program_limits")]
    [InlineData("Timeout waiting for connection from pool", "program_limits")]
    [InlineData("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30", "program_limits")]
    [InlineData("connection refused because too many open connections: 819", "program_limits")]
    [InlineData("Timeout expired. The timeout period elapsed prior to obtaining a connection from the pool.", "program_limits")]
    [InlineData("drop connection #10 from [10.0.0.5]:4711 on [10.0.0.7]:22 past MaxStartups", "program_limits")]
    [InlineData("数据库连接数过多", "program_limits")]
    [InlineData("Proxy x reached process FD limit (maxsock=4013). Please check 'ulimit-n' and restart.", "process_descriptors_exhausting")]
    [InlineData("uWSGI listen queue of socket \":8000\" (fd: 3) full !!! (101/100)", "accept_queue_overflowing")]

    // Others.
    [InlineData("nf_conntrack: nf_conntrack: expectation table full", "conntrack_expectations")]
    [InlineData("nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack_dropping")]
    [InlineData("Route cache is full: consider increasing sysctl net.ipv6.route.max_size.", "route_cache_full")]
    [InlineData("delayed connect error: 111", "connection_refused")]
    [InlineData("由于目标计算机积极拒绝，无法连接。", "connection_refused")]
    [InlineData("redis SCAN is slow", Nothing)]
    [InlineData("open() \"/srv/favicon.ico\" failed (2: No such file or directory)", Nothing)]
    [InlineData("Out of memory: Killed process 1669 (x)", Nothing)]
    [InlineData("SELECT count(111) took 104 ms", Nothing)]
    [InlineData("exited with status 99", Nothing)]
    public void A_line_gets_the_page_of_its_kind(string line, string topic) => Answer(line).ShouldBe(topic);

    [Theory]
    [InlineData("net.core.netdev_max_backlog", "netdev_max_backlog")]
    [InlineData("fs.inotify.max_user_watches", "inotify_limits")]
    [InlineData("max_user_instances", "inotify_limits")]
    [InlineData("gc_thresh3", "neighbour_table_overflow")]
    public void A_setting_gets_the_page_that_is_about_it(string setting, string section) => Answer(setting).ShouldBe(section);

    [Theory]
    [InlineData("Error: boom\n    at connect (net.js:1)\n    at keepalive (agent.js:2)\nCaused by: java.net.ConnectException: Connection refused\n", "connection_refused")]
    [InlineData("{ Error: x\n  errno: 'EADDRNOTAVAIL',\n  code: 'EADDRNOTAVAIL',\n  syscall: 'bind',\n  address: '203.0.113.7' }", "bind_address_not_local")]
    [InlineData("Traceback (most recent call last):\n  File \"/srv/inotify/watch.py\", line 3, in connect\nOSError: [Errno 24] Too many open files\n", "process_descriptors_exhausting")]
    [InlineData("\r\n\r\nstarting\r\n\e[31mERROR\e[0m dial tcp 10.0.0.5:1: connect: connection refused\r\n", "connection_refused")]
    [InlineData("Cannot bind address ([203.0.113.7]:0)\nCannot assign requested address", "bind_address_not_local")]
    [InlineData("Cannot assign requested address\nlistening on 0.0.0.0:80", "ephemeral_ports_exhausting")]
    [InlineData("disk: no space left on device\nneighbour: arp_cache: neighbor table overflow!", "neighbour_table_overflow")]
    public void Of_several_lines_the_first_that_tells_is_answered(string text, string topic) => Answer(text).ShouldBe(topic);

    [Fact]
    public void Very_long_texts_of_every_sort_are_read_in_bounded_time_and_what_is_in_front_is_found()
    {
        foreach (string filler in (string[])["a", "::1", "(11)", "errno 11 ", "connect ", "[client ", "bind:0", "\n", "x\n", "\e[", "打", "* ", "EMFILE", "too many open "])
        {
            string text = "dial tcp 10.0.0.5:1: connect: connection refused " + string.Concat(Enumerable.Repeat(filler, 300_000 / filler.Length));
            Answer(text).ShouldBe("connection_refused", filler);
            Topics.Find(text[50..]);
        }
    }

    private static string Answer(string text) => Topics.Find(text) is { } topic ? topic.Section ?? topic.Page : Nothing;
}
