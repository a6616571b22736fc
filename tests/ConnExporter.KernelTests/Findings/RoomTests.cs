using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace ConnExporter.KernelTests.Findings;

/// <summary>What connections run out of, made to run out: the finding and its holder are named, nothing else is, its commands work, and it ends with its cause.</summary>
public class RoomTests
{
    private const string Descriptors = "process_descriptors_exhausting";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] FastDaemon =
    [
        "--netns=host", "--diagnosis.for=200ms", "--diagnosis.linger=500ms", "--collector.census.interval=300ms", "--collector.ports.interval=300ms", "--collector.processes.interval=300ms",
    ];

    [KernelFact("dotnet", "sysctl")]
    public void A_client_that_opens_a_connection_for_each_request_runs_out_of_ports()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20019);
        using (var client = new Client(network, connections: 20))
        {
            client.Refusal.ShouldBe(SocketError.AddressNotAvailable, "the next connect()");

            // Whose a connection is takes a look at every process, for which one look of a busy host may have no time.
            Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Has("ephemeral_ports_exhausting") && seen.HolderOf("ephemeral_ports_exhausting") is not null, "a holder", Patience);

            AlarmsOf(seen).ShouldBe(["ephemeral_ports_exhausting"]);
            seen.SeverityOf("ephemeral_ports_exhausting").ShouldBe("critical");
            seen.InstanceOf("ephemeral_ports_exhausting").ShouldBe($"127.0.0.1:{client.Port} from 127.0.0.1");
            seen.HolderOf("ephemeral_ports_exhausting").ShouldBe(Environment.ProcessId);
            seen.EvidenceOf("ephemeral_ports_exhausting").ShouldContain("20 of 20 ports");
            SettingsAreThere(network, seen);

            // As it is printed: with a wider range the next connection gets its port.
            seen.Commands.ShouldContain("sysctl -w net.ipv4.ip_local_port_range='10000 65535'");
            CommandsRun(network, seen, "ephemeral_ports_exhausting");
            AlarmsOf(Diagnosis.Of(network)).ShouldBeEmpty();
        }
    }

    [KernelFact("dotnet", "sysctl")]
    public void The_range_is_widened_around_the_ports_that_are_listened_on()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20019);
        network.Set("net/ipv4/ip_local_reserved_ports", "30000-30002");
        using var client = new Client(network, connections: 19, port: 12345);

        var seen = Diagnosis.Of(network);
        CommandsRun(network, seen, "ephemeral_ports_exhausting");

        network.Run("sysctl", "-n", "net.ipv4.ip_local_reserved_ports").Trim().ShouldBe("12345,30000-30002");
        network.Run("sysctl", "-n", "net.ipv4.ip_local_port_range").Split(' ', '\t', '\n').Where(word => word.Length > 0).ShouldBe(["10000", "65535"]);
    }

    [KernelFact("dotnet")]
    public void Bound_ports_are_closed_to_everybody()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20019);
        List<Socket> bound = network.Inside(() => Enumerable.Range(0, 20).Select(_ => Bound()).ToList());
        try
        {
            Should.Throw<InvalidOperationException>(() => network.Inside(Bound)).InnerException.ShouldBeOfType<SocketException>().SocketErrorCode.ShouldBe(SocketError.AddressAlreadyInUse);

            var seen = Diagnosis.Of(network);

            AlarmsOf(seen).ShouldBe(["ephemeral_ports_blocked_by_bind"]);
            seen.SeverityOf("ephemeral_ports_blocked_by_bind").ShouldBe("critical");
            seen.ToString().ShouldContain($"\"name\": \"{File.ReadAllText("/proc/self/comm").Trim()}\"", Case.Sensitive, "the holder");
            SettingsAreThere(network, seen);
            CommandsRun(network, seen, "ephemeral_ports_blocked_by_bind");
        }
        finally
        {
            bound.ForEach(socket => socket.Dispose());
        }

        network.Set("net/ipv4/ip_local_port_range", "20000 20019");
        AlarmsOf(Diagnosis.UntilEnd(network, "ephemeral_ports_blocked_by_bind")).ShouldBeEmpty();

        static Socket Bound()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    [KernelFact("dotnet", "ss", "sysctl")]
    public void TIME_WAIT_at_90_percent_of_one_destination_is_named_as_the_cause()
    {
        using NetworkNamespace network = NetworkWithPorts(20000, 20099);
        network.Set("net/ipv4/tcp_tw_reuse", "0");
        using var client = new Client(network, connections: 90);
        client.CloseConnections();
        Poll.Until(() => network.ReadNet("sockstat"), sockstat => sockstat.Contains(" tw 90 ", StringComparison.Ordinal), "90 in TIME_WAIT");

        var seen = Diagnosis.Of(network);

        AlarmsOf(seen).Order().ShouldBe(["ephemeral_ports_exhausting", "time_wait_storm"]);
        seen.InstanceOf("time_wait_storm").ShouldBe($"127.0.0.1:{client.Port} from 127.0.0.1");
        seen.SeverityOf("time_wait_storm").ShouldBe("warning");
        seen.EvidenceOf("ephemeral_ports_exhausting").ShouldContain("90 by TIME_WAIT");
        Causes(seen, "ephemeral_ports_exhausting").ShouldBe("time_wait_storm");
        SettingsAreThere(network, seen);
        CommandsRun(network, seen, "ephemeral_ports_exhausting");
        network.Set("net/ipv4/ip_local_port_range", "20000 20099");
        network.Set("net/ipv4/tcp_tw_reuse", "0");
        Diagnosis.Until(network, "ephemeral_ports_exhausting");

        // A cause that ends: the emergency command for that destination. Where the kernel cannot, TIME_WAIT ends by itself after 60 s.
        network.Run("ss", "-K", "-t", "state", "time-wait", "src", "127.0.0.1", "dst", $"127.0.0.1:{client.Port}");
        Poll.Until(() => AlarmsOf(Diagnosis.Of(network)), alarms => alarms.Length == 0, "no findings", TimeSpan.FromSeconds(90));
    }

    [KernelFact("dotnet")]
    public void TIME_WAIT_above_its_limit_is_named()
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/tcp_max_tw_buckets", "5");
        using (new Lab(network, "churn", "--rate", "50"))
        {
            var seen = Diagnosis.Until(network, "time_wait_bucket_overflow");
            seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.SeverityOf("time_wait_bucket_overflow") == "warning", "overflows", Patience);

            AlarmsOf(seen).ShouldBe(["time_wait_bucket_overflow"]);
            SettingsAreThere(network, seen);
            CommandsRun(network, seen, "time_wait_bucket_overflow");
            network.Set("net/ipv4/tcp_max_tw_buckets", "5");
        }

        Poll.Until(() => AlarmsOf(Diagnosis.Of(network)), alarms => alarms.Length == 0, "no more overflows", Patience);
    }

    // An almost empty table, and packets are lost: every port of the translation is taken.
    [KernelFact("dotnet", "nft", "sysctl", "conntrack")]
    public void A_NAT_gateway_with_ten_ports_is_not_a_full_table()
    {
        using var network = new NetworkNamespace();
        network.Run("nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; add rule ip nat out tcp dport 8080 snat to 10.99.0.1:20000-20009");
        using Socket listener = network.Inside(() => Listen(IPAddress.Parse("10.99.0.1"), 8080));
        var clients = new List<Socket>();
        try
        {
            // While it looks: an attempt that found no port is repeated by TCP only after a second.
            Diagnosis seen = Poll.Until(
                () =>
                {
                    Task<Diagnosis> look = Task.Run(() => Diagnosis.Of(network));
                    Thread.Sleep(TimeSpan.FromMilliseconds(500));
                    clients.AddRange(network.Inside(() => Enumerable.Range(0, 12).Select(_ => Begin(new IPEndPoint(IPAddress.Parse("10.99.0.1"), 8080))).ToList()));
                    return look.GetAwaiter().GetResult();
                },
                seen => seen.Has("nat_ports_exhausting"),
                "nat_ports_exhausting",
                Patience);

            AlarmsOf(seen).ShouldBe(["nat_ports_exhausting"]);
            seen.EvidenceOf("nat_ports_exhausting").ShouldContain("the table has room");
            seen.MostOfConntrack("destinations").ShouldBe("10.99.0.1:8080 tcp");
            SettingsAreThere(network, seen);
            CommandsRun(network, seen, "nat_ports_exhausting");
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }

        Poll.Until(() => AlarmsOf(Diagnosis.Of(network)), alarms => alarms.Length == 0, "the end", Patience);
    }

    [CgroupFact("dotnet", "bash", "prlimit", "find", "ss", "awk")]
    public void Too_many_open_files_is_named_with_its_process_and_cured_by_the_printed_command()
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup();
        using Process leaking = cgroup.Start(network, "bash", "-c", "ulimit -Sn 100; for i in {1..88}; do exec {fd}</dev/null || exit 1; done; echo ready; read line");
        try
        {
            leaking.StandardOutput.ReadLine().ShouldBe("ready");

            // Of all programs of the host the fullest is named, and another may be fuller just now.
            Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Has(Descriptors) && seen.InstanceOf(Descriptors) == $"bash of {cgroup.Name}", "the process that leaks", Patience);

            seen.SeverityOf(Descriptors).ShouldBe("warning");
            AlarmsOf(seen).ShouldBeEmpty("nothing else");
            seen.HolderOf(Descriptors).ShouldBe(leaking.Id);
            seen.EvidenceOf(Descriptors).ShouldContain("of 100 descriptors");
            SettingsAreThere(network, seen);
            CommandsRun(network, seen, Descriptors);
            File.ReadAllText($"/proc/{leaking.Id}/limits").Split('\n').Single(line => line.StartsWith("Max open files", StringComparison.Ordinal)).ShouldContain(" 1024 ");
            var after = Diagnosis.Of(network);
            (after.Has(Descriptors) && after.HolderOf(Descriptors) == leaking.Id).ShouldBeFalse("the process has room now");
        }
        finally
        {
            leaking.StandardInput.Close();
            leaking.WaitForExit(Patience).ShouldBeTrue();
        }
    }

    // The daemon with a short memory: the finding begins, and ends when its cause does.
    [KernelFact("dotnet")]
    public void A_daemon_sees_findings_begin_and_end()
    {
        // The pages that are asked for leave TIME_WAIT in the same range, towards the daemon: with 20 ports there would soon be none left for the next.
        using NetworkNamespace network = NetworkWithPorts(20000, 20099);
        using var daemon = new RunningDaemon(network, FastDaemon);
        string[] critical = ["finding=\"ephemeral_ports_exhausting\"", "severity=\"critical\"", "netns=\"self\""];
        Poll.Until(daemon.Scrape, page => page.Find("conn_finding", critical) == 0, "that there is none", Patience);
        using (new Client(network, connections: 100))
        {
            Poll.Until(daemon.Scrape, page => page.Value("conn_finding", critical) == 1, "the finding", Patience);
        }

        network.Set("net/ipv4/ip_local_port_range", "20000 29999");
        MetricsText after = Poll.Until(daemon.Scrape, page => page.Value("conn_finding", critical) == 0, "its end", Patience);
        after.Value("conn_findings_total", critical).ShouldBe(1);
    }

    // What is the whole host's is not touched here: a tree of files plays a host whose limits are reached.
    [KernelTheory("dotnet", "sysctl")]
    [InlineData("conntrack_exhausting", "sys/net/netfilter/nf_conntrack_count", "250000\n")]
    [InlineData("system_descriptors_exhausting", "sys/fs/file-nr", "980000\t0\t1000000\n")]
    [InlineData("orphans_exhausting", "sys/net/ipv4/tcp_max_orphans", "7\n")]
    [InlineData("tcp_memory_pressure", "sys/net/ipv4/tcp_mem", "1\t2\t3\n")]
    public void Limits_of_the_host_are_read_and_named(string finding, string file, string content)
    {
        using var network = new NetworkNamespace();
        string tree = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;
        try
        {
            Tool.Run(Patience, "cp", "-a", Path.Join(Places.Repository, "tests/ConnExporter.Tests/Fixtures/linux-6.18/proc/."), tree);
            Write("sys/net/netfilter/nf_conntrack_max", "262144\n");
            Write("net/sockstat", "sockets: used 300\nTCP: inuse 50 orphan 7 tw 3 alloc 60 mem 3\nUDP: inuse 3 mem 0\n");
            AlarmsOf(Diagnosis.Of(network, $"--path.procfs={tree}")).ShouldBeEmpty("as recorded");
            Write(file, content);

            var seen = Diagnosis.Of(network, $"--path.procfs={tree}");

            AlarmsOf(seen).ShouldBe([finding]);
            seen.SeverityOf(finding).ShouldBe("critical");
            SettingsAreThere(network, seen);
            foreach (string command in seen.Commands.Where(command => command.StartsWith("sysctl -w ", StringComparison.Ordinal)))
            {
                // Of the host: the value it has is written again.
                string name = command["sysctl -w ".Length..].Split('=')[0];
                Tool.Run(Patience, "sysctl", "-n", name).Trim().ShouldNotBeEmpty();
            }
        }
        finally
        {
            Directory.Delete(tree, recursive: true);
        }

        void Write(string name, string text) => File.WriteAllText(Path.Join(tree, name), text);
    }

    [KernelFact("dotnet")]
    public void A_full_table_that_drops_is_named_with_its_cause()
    {
        using var network = new NetworkNamespace();
        string tree = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;
        try
        {
            Tool.Run(Patience, "cp", "-a", Path.Join(Places.Repository, "tests/ConnExporter.Tests/Fixtures/linux-6.18/proc/."), tree);
            File.WriteAllText(Path.Join(tree, "sys/net/netfilter/nf_conntrack_max"), "262144\n");
            File.WriteAllText(Path.Join(tree, "sys/net/netfilter/nf_conntrack_count"), "262144\n");
            Diagnosis seen = WhileItRises(
                Path.Join(tree, "net/stat/nf_conntrack"),
                drops => $"entries  insert_failed drop early_drop\n00040000  00000000 {drops:x8} 00000000\n",
                () => Diagnosis.Until(network, "conntrack_dropping", $"--path.procfs={tree}"));

            AlarmsOf(seen).Order().ShouldBe(["conntrack_dropping", "conntrack_exhausting"]);
            Causes(seen, "conntrack_dropping").ShouldBe("conntrack_exhausting");
            Diagnosis.Of(network, $"--path.procfs={tree}").Has("conntrack_dropping").ShouldBeFalse("it drops no more");
        }
        finally
        {
            Directory.Delete(tree, recursive: true);
        }
    }

    // The table is the host's; on a host of its own it is GuestTests'.
    [KernelFact("dotnet")]
    public void One_look_finds_a_table_of_neighbours_that_has_no_room()
    {
        using var network = new NetworkNamespace();
        string tree = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;
        try
        {
            Tool.Run(Patience, "cp", "-a", Path.Join(Places.Repository, "tests/ConnExporter.Tests/Fixtures/linux-6.18/proc/."), tree);
            Directory.CreateDirectory(Path.Join(tree, "sys/net/ipv4/neigh/default"));
            File.WriteAllText(Path.Join(tree, "sys/net/ipv4/neigh/default/gc_thresh3"), "1024\n");
            string table = Path.Join(tree, "net/stat/arp_cache");

            Diagnosis seen = WhileItRises(table, fulls => $"entries  forced_gc_runs table_fulls\n00000400 00000000 {fulls:x8}\n", () => Diagnosis.Of(network, $"--path.procfs={tree}"));

            seen.Has("neighbour_table_overflowing").ShouldBeTrue(seen.ToString());
            seen.CommandsOf("neighbour_table_overflowing").ShouldContain("sysctl -w net.ipv4.neigh.default.gc_thresh3=16384");
            Diagnosis.Of(network, $"--path.procfs={tree}").Has("neighbour_table_overflowing").ShouldBeFalse("full it is, and nobody was turned away");
        }
        finally
        {
            Directory.Delete(tree, recursive: true);
        }
    }

    private static Diagnosis WhileItRises(string path, Func<int, FormattableString> text, Func<Diagnosis> look)
    {
        using var stop = new CancellationTokenSource();
        var counting = Task.Run(() =>
        {
            for (int count = 1; !stop.IsCancellationRequested; count += 3)
            {
                // In place of each other, so that no reader meets half a file. A kept descriptor sees the file it opened: it is written into.
                using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                file.Write(System.Text.Encoding.ASCII.GetBytes(FormattableString.Invariant(text(count))));
                file.SetLength(file.Position);
                stop.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
            }
        });
        try
        {
            return look();
        }
        finally
        {
            stop.Cancel();
            counting.GetAwaiter().GetResult();
        }
    }

    [KernelFact("systemd-analyze")]
    public void The_drop_in_of_a_unit_is_one_that_systemd_takes()
    {
        string folder = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;
        try
        {
            string unit = Path.Join(folder, "shop.service");
            File.WriteAllText(unit, "[Unit]\nDescription=Shop\n[Service]\nExecStart=/bin/true\n");

            // As the remedy prints it, but for the folder.
            Tool.Run(Patience, "sh", "-ec", $"mkdir -p {folder}/shop.service.d; printf '[Service]\\nLimitNOFILE=65536\\n' >{folder}/shop.service.d/50-conn-exporter-nofile.conf");

            File.ReadAllText(Path.Join(folder, "shop.service.d/50-conn-exporter-nofile.conf")).ShouldBe("[Service]\nLimitNOFILE=65536\n");
            Tool.Run(Patience, "systemd-analyze", "verify", "--man=no", unit).ShouldNotContain("50-conn-exporter-nofile.conf");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static NetworkNamespace NetworkWithPorts(int first, int last)
    {
        var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", $"{first} {last}");
        return network;
    }

    private static Socket Listen(IPAddress address, int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, port));
        listener.Listen(512);
        return listener;
    }

    private static Socket Begin(IPEndPoint target)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Connect(target);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // It goes on by itself.
        }

        return socket;
    }

    // Descriptors are of the whole host: those of other programs are not the test's.
    private static string[] AlarmsOf(Diagnosis seen) => [.. seen.Alarms.Where(finding => finding != Descriptors)];

    private static string? Causes(Diagnosis seen, string finding)
    {
        using var document = JsonDocument.Parse(seen.ToString());
        return document.RootElement.GetProperty("findings").EnumerateArray().First(found => found.GetProperty("finding").GetString() == finding).GetProperty("caused_by").GetString();
    }

    // Typed as they are printed, by root in that network.
    private static void CommandsRun(NetworkNamespace network, Diagnosis seen, string finding)
    {
        using var document = JsonDocument.Parse(seen.ToString());
        string[] commands =
        [
            .. document.RootElement.GetProperty("findings").EnumerateArray().Where(found => found.GetProperty("finding").GetString() == finding)
                .SelectMany(found => found.GetProperty("remedies").EnumerateArray()).SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => command.GetString()!),
        ];
        commands.ShouldNotBeEmpty();
        foreach (string command in commands)
        {
            using Process process = network.Start("sh", "-c", command);
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            process.WaitForExit(Patience).ShouldBeTrue(command);

            // conntrack says with 1 that there was nothing to delete.
            bool nothing = command.StartsWith("conntrack ", StringComparison.Ordinal) && errors.Result.Contains("0 flow entries", StringComparison.Ordinal);
            (process.ExitCode == 0 || nothing).ShouldBeTrue($"{command}: {process.ExitCode}: {errors.Result}{output.Result}");
        }
    }

    private static void SettingsAreThere(NetworkNamespace network, Diagnosis seen)
    {
        using var document = JsonDocument.Parse(seen.ToString());
        foreach (string setting in document.RootElement.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("settings").EnumerateArray()).Select(setting => setting.GetString()!).Distinct())
        {
            // Some are the whole host's and not shown in a namespace of its own.
            string file = "/proc/sys/" + setting.Replace('.', '/');
            (File.Exists(file) || network.Inside(() => File.Exists(file))).ShouldBeTrue($"{setting} is not a setting of this kernel");
        }
    }

    /// <summary>A listener, and a program that opens connections to it and keeps them: this test's own process.</summary>
    private sealed class Client : IDisposable
    {
        private readonly NetworkNamespace network;
        private readonly Socket listener;
        private readonly List<Socket> connections = [];
        private readonly List<Socket> accepted = [];

        public Client(NetworkNamespace network, int connections, int port = 8080)
        {
            this.network = network;
            listener = network.Inside(() => Listen(IPAddress.Loopback, port));
            for (int i = 0; i < connections; i++)
            {
                this.connections.Add(network.Inside(Connect));
                accepted.Add(listener.Accept());
            }
        }

        public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

        /// <summary>What the next connection is refused with.</summary>
        public SocketError? Refusal
        {
            get
            {
                try
                {
                    network.Inside(Connect).Dispose();
                    return null;
                }
                catch (InvalidOperationException e) when (e.InnerException is SocketException refused)
                {
                    return refused.SocketErrorCode;
                }
            }
        }

        /// <summary>The client closes first: TIME_WAIT is its.</summary>
        public void CloseConnections()
        {
            connections.ForEach(socket => socket.Dispose());
            accepted.ForEach(socket => socket.Dispose());
        }

        public void Dispose()
        {
            CloseConnections();
            listener.Dispose();
        }

        private Socket Connect()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(IPAddress.Loopback, Port);
                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }
}
