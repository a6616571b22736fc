using System.Diagnostics;

namespace ConnExporter.KernelTests.Findings;

/// <summary>A cause and its effects are one story: the effect names its cause and prints its cure; the cure is run as it is printed, and the finding is gone.</summary>
public class CauseAndCureTests
{
    private const string Queue = "accept_queue_overflowing";
    private const string Unanswered = "syn_sent_pileup";

    // A server that accepts as long as it can: LIMIT descriptors of which HELD are taken before it begins, PACE seconds between two calls of accept().
    private const string Server = """
        import resource, socket, sys, time
        limit, held, backlog, pace = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((sys.argv[5], 8080)); s.listen(backlog)
        kept = [open('/dev/null') for _ in range(held)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
        print('ready', flush=True)
        while True:
            try: kept.append(s.accept()[0])
            except OSError as e:
                if e.errno != 24: raise
                time.sleep(0.02)
            time.sleep(pace)
        """;

    private const string Clients = """
        import socket, sys, time
        kept = []
        for i in range(int(sys.argv[1])):
            s = socket.socket(); s.setblocking(False); kept.append(s)
            try: s.connect((sys.argv[2], int(sys.argv[3])))
            except BlockingIOError: pass
            time.sleep(0.005)
        print('ready', flush=True)
        sys.stdin.read()
        """;

    [KernelTheory("dotnet", "python3", "prlimit", "find", "ss", "awk")]
    [InlineData("127.0.0.1", 64, 0)]
    [InlineData("0.0.0.0", 200, 150)]
    [InlineData("::", 128, 10)]
    public void A_server_out_of_descriptors_fills_its_queue_and_more_descriptors_empty_it(string address, int limit, int held)
    {
        using var network = new NetworkNamespace();
        using Process server = Start(network, Server.Replace("socket.socket(); s.sets", address.Contains(':', StringComparison.Ordinal) ? "socket.socket(socket.AF_INET6); s.sets" : "socket.socket(); s.sets", StringComparison.Ordinal), $"{limit}", $"{held}", "16", "0", address);
        using Process clients = Start(network, Clients, $"{limit * 3}", "127.0.0.1", "8080");
        try
        {
            // Whose a listener is takes a look at every process, for which one look of a busy host may have no time.
            Diagnosis seen = Until(network, seen => seen.Has(Queue) && seen.EvidenceOf(Queue).Contains("which listens there", StringComparison.Ordinal) && PrintedCommands.CauseOf(seen, Queue) is not null);

            PrintedCommands.CauseOf(seen, Queue).ShouldBe("process_descriptors_exhausting");
            seen.EvidenceOf(Queue).ShouldContain($"(pid {server.Id}), which listens there, has ");
            seen.EvidenceOf(Queue).ShouldContain($" of {limit} descriptors open: without a free one accept() fails with EMFILE");
            PrintedCommands.KeysOf(seen, Queue)[0].ShouldBe("raise_nofile_now");
            seen.CommandsOf(Queue).ShouldAllBe(command => !command.Contains("somaxconn", StringComparison.Ordinal));
            using var commands = new PrintedCommands(network);
            commands.Run(seen, Queue).ShouldContain($"prlimit --pid {server.Id} --nofile=1024:4096");

            Until(network, seen => !seen.Has(Queue));
        }
        finally
        {
            End(server, clients);
        }
    }

    // The same program twice, each started by hand: that the one is out of descriptors is not why the other is slow.
    [KernelTheory("dotnet", "python3")]
    [InlineData(64, true)]
    [InlineData(1024, false)]
    public void A_slow_server_is_not_said_to_be_out_of_descriptors(int limit, bool isOther)
    {
        using var network = new NetworkNamespace();
        using Process server = Start(network, Server, "1024", "0", "16", "3600", "127.0.0.1");
        using Process other = Start(network, Server.Replace("8080", "8081", StringComparison.Ordinal), $"{limit}", "0", "512", "0", "127.0.0.1");
        using Process clients = Start(network, Clients, "60", "127.0.0.1", "8080");
        using Process others = Start(network, Clients, isOther ? "80" : "1", "127.0.0.1", "8081");
        try
        {
            Diagnosis seen = Until(network, seen => seen.Has(Queue) && seen.HolderOf(Queue) == server.Id && seen.Has("process_descriptors_exhausting") == isOther);

            PrintedCommands.CauseOf(seen, Queue).ShouldBeNull();
            seen.EvidenceOf(Queue).ShouldNotContain("which listens there");
            PrintedCommands.KeysOf(seen, Queue).ShouldNotContain("raise_nofile_now");
        }
        finally
        {
            End(server, other, clients, others);
        }
    }

    [KernelTheory("dotnet", "python3")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("0.0.0.0", "10.99.0.1")]
    public void Connections_to_an_own_listener_whose_queue_is_full_are_said_to_be_dropped_here(string address, string destination)
    {
        using var network = new NetworkNamespace();
        using Process server = Start(network, Server, "1024", "0", "16", "3600", address);
        using Process clients = Start(network, Clients, "300", destination, "8080");
        try
        {
            Diagnosis seen = Until(network, seen => seen.Has(Unanswered) && seen.Has(Queue));

            PrintedCommands.CauseOf(seen, Unanswered).ShouldBe(Queue);
            seen.EvidenceOf(Unanswered).ShouldContain("The SYNs are dropped here, not on the way");
            PrintedCommands.KeysOf(seen, Unanswered).ShouldNotContain("check_the_path");
        }
        finally
        {
            End(server, clients);
        }
    }

    // The port alone tells nothing: behind a filter elsewhere it is the path, whatever listens here.
    [KernelFact("dotnet", "python3", "nft")]
    public void Connections_to_the_same_port_elsewhere_are_not()
    {
        using var network = new NetworkNamespace();
        network.Run("nft", "add table inet filter; add chain inet filter output { type filter hook output priority 0; policy accept; }; add rule inet filter output ip daddr 10.99.0.9 drop");
        using Process server = Start(network, Server, "1024", "0", "16", "3600", "0.0.0.0");
        using Process own = Start(network, Clients, "40", "127.0.0.1", "8080");
        using Process clients = Start(network, Clients, "300", "10.99.0.9", "8080");
        try
        {
            Diagnosis seen = Until(network, seen => seen.Has(Unanswered) && seen.Has(Queue));

            PrintedCommands.CauseOf(seen, Unanswered).ShouldBeNull();
            PrintedCommands.KeysOf(seen, Unanswered).ShouldContain("check_the_path");
        }
        finally
        {
            End(server, own, clients);
        }
    }

    private static Process Start(NetworkNamespace network, string script, params string[] arguments)
    {
        Process process = network.Start("python3", ["-c", script, .. arguments]);
        process.StandardOutput.ReadLine().ShouldBe("ready");
        return process;
    }

    private static void End(params Process[] processes)
    {
        foreach (Process process in processes)
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    private static Diagnosis Until(NetworkNamespace network, Func<Diagnosis, bool> done) => Poll.Until(() => Diagnosis.Of(network), done, "the finding", TimeSpan.FromSeconds(60));
}
