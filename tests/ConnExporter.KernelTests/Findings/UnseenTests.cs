using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Findings;

/// <summary>What is absent, refused or hidden is said to be, and what another source has is used; what merely looks like that is not.</summary>
public class UnseenTests
{
    private const string AsNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Answers socket(AF_NETLINK, ..., protocol) with an errno, or every protocol of it, and becomes the program.
    private const string Refusing = """
        import ctypes, os, struct, sys
        error, protocol = int(sys.argv[1]), int(sys.argv[2])
        one = [(0x20, 0, 0, 32), (0x15, 0, 1, protocol)] if protocol >= 0 else []
        rest = len(one)
        ops = [(0x20, 0, 0, 0), (0x15, 0, 3 + rest, 41), (0x20, 0, 0, 16), (0x15, 0, 1 + rest, 16), *one, (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *op) for op in ops))
        program = struct.pack("HxxxxxxQ", len(ops), ctypes.addressof(code))
        libc = ctypes.CDLL(None)
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.c_char_p(program)) != 0: sys.exit("seccomp")
        os.execvp(sys.argv[3], sys.argv[3:])
        """;

    [KernelTheory("dotnet", "python3")]
    [InlineData(93, 4)]
    [InlineData(97, -1)]
    [InlineData(1, -1)]
    public void Without_sock_diag_the_tables_show_taken_ports_and_queues_and_the_rest_is_named(int errno, int protocol)
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", "20000 20019");
        using var lab = new Lab(network, "backlog", "--limit", "1024", "--clients", "20", "--port", "8080");
        string[] refusing = ["python3", "-c", Refusing, $"{errno}", $"{protocol}"];

        var seen = Diagnosis.Under(network, refusing);

        seen.InstanceOf("ephemeral_ports_exhausting").ShouldBe($"127.0.0.1:{lab.Number("port")} from 127.0.0.1");
        seen.EvidenceOf("ephemeral_ports_exhausting").ShouldContain("20 of 20 ports");
        seen.IsComplete.ShouldBeFalse();
        seen.WhyNotSeen("listeners").ShouldNotBeNull().ShouldContain("accept_queue_overflowing");
        seen.WhyNotSeen("census").ShouldNotBeNull().ShouldContain("no sockets that are bound without a connection");

        // The near miss: ports that are left. Nothing is running out, and that is not said.
        network.Set("net/ipv4/ip_local_port_range", "20000 20999");
        var near = Diagnosis.Under(network, refusing);
        near.Alarms.ShouldBeEmpty();
        near.IsComplete.ShouldBeFalse();
        near.WhyNotSeen("census").ShouldNotBeNull().ShouldContain("ephemeral_ports_blocked_by_bind");

        // The lookalike: sock_diag there, and what it says.
        var with = Diagnosis.Of(network);
        with.Alarms.ShouldBeEmpty();
        with.IsComplete.ShouldBeTrue(with.ToString());
    }

    // 16 of 20 ports are connected to one destination, and bind() took the other four: the first has none left. Without sock_diag it is not known which a destination holds.
    [KernelFact("dotnet", "python3")]
    public void Without_sock_diag_a_port_that_the_kernel_gives_is_not_said_to_be_one_for_a_destination_that_holds_it()
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/ip_local_port_range", "20000 20019");
        const string Holding = """
            import socket, sys
            a = socket.create_server(("127.0.0.1", 8080), backlog=64); b = socket.create_server(("127.0.0.2", 8081), backlog=64)
            kept = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(16)]
            for _ in range(4):
                one = socket.socket(); one.bind(("127.0.0.1", 0)); one.connect(("127.0.0.2", 8081)); kept.append(one)
            print("ready", flush=True); sys.stdin.read()
            """;
        using Process holder = network.Start("python3", "-c", Holding);
        holder.StandardOutput.ReadLine().ShouldBe("ready");

        for (int i = 0; i < 3; i++)
        {
            var seen = Diagnosis.Under(network, ["python3", "-c", Refusing, "93", "4"]);

            seen.ToString().ShouldNotContain("\"ports_some_left\"");
            seen.Possible("ephemeral_ports", "127.0.0.1:8080 from 127.0.0.1").ShouldBe(20);
        }

        holder.StandardInput.Close();
        holder.WaitForExit(Patience).ShouldBeTrue();
    }

    [KernelTheory("dotnet", "unshare")]
    [InlineData("mount -t tmpfs none /proc/sys", false, "ports", "descriptors", "conntrack", "settings")]
    [InlineData("mount -t tmpfs none /proc/sys/net", false, "ports", "conntrack")]
    [InlineData("mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys", true)]
    public void Hidden_sysctls_are_missing_and_read_only_ones_are_not(string setup, bool isComplete, params string[] missing)
    {
        using var network = new NetworkNamespace();

        var seen = Diagnosis.Under(network, Mounting(setup));

        seen.IsComplete.ShouldBe(isComplete, seen.ToString());
        foreach (string collector in missing)
        {
            seen.WhyNotSeen(collector).ShouldNotBeNull(seen.ToString()).ShouldContain("cannot be told");
        }

        // That every kernel has something tells hidden from missing; below it nothing does.
        seen.ToString().Contains("/proc/sys is hidden", StringComparison.Ordinal).ShouldBe(setup.EndsWith("none /proc/sys", StringComparison.Ordinal), seen.ToString());
    }

    [KernelTheory("dotnet", "unshare", "setpriv")]
    [InlineData("hidepid=2", AsNobody, false)]
    [InlineData("hidepid=1", AsNobody, false)]
    [InlineData("hidepid=2,gid=65534", AsNobody, true)]
    [InlineData("hidepid=0", AsNobody, true)]
    [InlineData("hidepid=2", "env", true)]
    public void Hidden_processes_are_not_none(string options, string starter, bool isComplete)
    {
        if (starter == AsNobody && isComplete && Environment.OSVersion.Version < new Version(6, 2))
        {
            // There the descriptors of others take a privilege.
            isComplete = false;
        }

        using var network = new NetworkNamespace();

        var seen = Diagnosis.Under(network, Mounting($"mount -t proc -o {options} proc /proc", starter));

        seen.IsComplete.ShouldBe(isComplete, seen.ToString());
        if (!isComplete)
        {
            seen.WhyNotSeen("processes").ShouldNotBeNull().ShouldContain("process_descriptors_exhausting");
        }
    }

    [KernelFact("dotnet", "unshare")]
    public void The_processes_of_a_container_are_all_of_its_own_network_and_those_of_the_host_are_named()
    {
        using var network = new NetworkNamespace();

        var seen = Diagnosis.Under(network, ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);

        seen.IsComplete.ShouldBeTrue(seen.ToString());
        seen.WhyNotSeen("processes").ShouldNotBeNull().ShouldContain("--pid=host");

        // The tests may run in one themselves: the first namespace of a host has this number.
        bool isHost = File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false)!.Name == "pid:[4026531836]";
        (Diagnosis.Of(network).WhyNotSeen("processes") is null).ShouldBe(isHost);
    }

    // Ten ports for each destination: five towards each of two are none too many, and the whole range is wide.
    [KernelTheory("dotnet", "nft")]
    [InlineData("tcp dport 8080 snat to 10.99.0.1:20000-20009", 5)]
    [InlineData("tcp dport 8080 masquerade fully-random", 15)]
    public void NAT_with_ports_left_is_no_finding(string rule, int towardsEach)
    {
        using var network = new NetworkNamespace();
        Nat(network, rule);
        using Socket first = network.Inside(() => Listen("10.99.0.1"));
        using Socket second = network.Inside(() => Listen("127.0.0.1"));
        List<Socket> clients = network.Inside(() => Enumerable.Range(0, 2 * towardsEach).Select(i => Begin(i % 2 == 0 ? "10.99.0.1" : "127.0.0.1")).ToList());
        try
        {
            var seen = Diagnosis.Of(network);

            seen.Alarms.ShouldBeEmpty(seen.ToString());
            seen.Has("conntrack_insertions_failing").ShouldBeFalse();
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    // Four ports that are all taken do not show by the table that there are no more: said is what is known.
    [KernelFact("dotnet", "nft")]
    public void Insertions_that_fail_are_not_blamed_on_what_was_not_seen()
    {
        using var network = new NetworkNamespace();
        Nat(network, "tcp dport 8080 snat to 10.99.0.1:20000-20003");
        using Socket listener = network.Inside(() => Listen("10.99.0.1"));
        var clients = new List<Socket>();
        try
        {
            Diagnosis seen = Poll.Until(
                () =>
                {
                    clients.AddRange(network.Inside(() => Enumerable.Range(0, 12).Select(_ => Begin("10.99.0.1")).ToList()));
                    return Diagnosis.Of(network);
                },
                seen => seen.Has("conntrack_insertions_failing"),
                "conntrack_insertions_failing",
                Patience);

            seen.Has("nat_ports_exhausting").ShouldBeFalse();
            seen.EvidenceOf("conntrack_insertions_failing").ShouldContain("unless its rule has hardly more");
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static string[] Mounting(string setup, string starter = "env") => ["unshare", "--mount", "sh", "-c", $"{setup} && exec {starter} \"$@\"", "sh"];

    private static void Nat(NetworkNamespace network, string rule) =>
        network.Run("nft", $"add table ip nat; add chain ip nat out {{ type nat hook postrouting priority srcnat; }}; add rule ip nat out {rule}");

    private static Socket Listen(string address)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 8080));
        listener.Listen(512);
        return listener;
    }

    private static Socket Begin(string address)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            client.Connect(IPAddress.Parse(address), 8080);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // Under way.
        }

        return client;
    }
}
