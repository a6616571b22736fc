using System.Diagnostics;

namespace ConnExporter.KernelTests.Findings;

/// <summary>Connections in CLOSE_WAIT that no process has a descriptor of: who must act is named, with what helps.</summary>
public class WithoutDescriptorTests
{
    private const string Finding = "close_wait_leak";
    private static readonly string[] Flags = ["--diagnosis.close-wait-age=1s"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // "p.py WAITING ACCEPTED KIND": so many clients come, are kept in the way that KIND says, and leave.
    private const string Program = """
        import array, ctypes, os, socket, struct, sys
        open('/proc/self/comm', 'w').write('server')
        waiting, accepted, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        l = socket.socket(); l.bind(('127.0.0.1', 8080)); l.listen(4096); kept = []
        def come(n): return [socket.create_connection(('127.0.0.1', 8080)) for _ in range(n)]
        clients = come(accepted)
        taken = [l.accept()[0] for _ in range(accepted)]
        if kind == 'uring':
            libc = ctypes.CDLL(None, use_errno=True)
            ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
            table = (ctypes.c_int * accepted)(*[s.fileno() for s in taken])
            assert ring >= 0 and libc.syscall(427, ring, 2, table, accepted) == 0, ctypes.get_errno()
            taken = []
        elif kind == 'in-flight':
            kept = socket.socketpair()
            kept[0].sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno() for s in taken]))])
            taken = []
        clients += come(waiting)
        for s in clients: s.close()
        print('ready', flush=True); sys.stdin.read()
        """;

    [KernelFact("dotnet", "python3")]
    public void What_nobody_has_accepted_is_to_be_accepted_not_closed()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, 150, 0, "descriptor");

        var seen = Diagnosis.Until(network, Finding, Flags);

        seen.TitleOf(Finding).ShouldStartWith("server");
        seen.TitleOf(Finding).ShouldContain("does not accept its connections");
        seen.HoldersOf(Finding).ShouldBe([("server", server.Id)]);
        seen.EvidenceOf(Finding).ShouldContain("150 of them wait in the accept queue of 127.0.0.1:8080");
        seen.RemediesOf(Finding).ShouldBe(["See why it does not accept", "Accept faster"]);
        seen.CommandsOf(Finding).ShouldBe([$"ps -L -o tid,stat,pcpu,wchan:32,comm -p {server.Id}"]);
        network.Run("/bin/sh", "-c", seen.CommandsOf(Finding)[0]).ShouldContain("server");
    }

    [KernelFact("dotnet", "python3")]
    public void What_is_accepted_and_kept_open_is_to_be_closed()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, 0, 150, "descriptor");

        var seen = Diagnosis.Until(network, Finding, Flags);

        seen.TitleOf(Finding).ShouldContain("does not close connections");
        seen.HoldersOf(Finding).ShouldBe([("server", server.Id)]);
        seen.EvidenceOf(Finding).ShouldNotContain("accept");
        seen.RemediesOf(Finding).ShouldBe(["Keep what is there in ~/close-wait.txt, then end the dead sockets", "Close when the peer has closed"]);
    }

    [KernelFact("dotnet", "python3")]
    public void Of_some_of_each_both_are_said()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, 20, 130, "descriptor");

        Diagnosis seen = Poll.Until(() => Diagnosis.Of(network, Flags), seen => seen.Has(Finding) && seen.EvidenceOf(Finding).Contains("20 of them wait", StringComparison.Ordinal), "both", Patience);

        seen.TitleOf(Finding).ShouldContain("does not close connections");
        seen.HoldersOf(Finding).ShouldBe([("server", server.Id)], "one process, one holder");
        seen.EvidenceOf(Finding).ShouldContain($"server (pid {server.Id}) holds 130 of them");
        seen.RemediesOf(Finding).ShouldBe(["Keep what is there in ~/close-wait.txt, then end the dead sockets", "Accept faster", "Close when the peer has closed"]);
    }

    [UringFact("dotnet", "python3")]
    public void A_table_of_io_uring_is_a_holder()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, 0, 150, "uring");

        var seen = Diagnosis.Until(network, Finding, Flags);

        seen.HoldersOf(Finding).ShouldBe([("server", server.Id)], seen.ToString());
        seen.TitleOf(Finding).ShouldContain("does not close connections");
    }

    [KernelFact("dotnet", "python3")]
    public void What_was_handed_on_and_not_received_is_of_whom_it_came_in_to()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, 0, 150, "in-flight");

        // Not while a process comes or goes that could have been theirs.
        Diagnosis seen = Poll.Until(() => Diagnosis.Of(network, Flags), seen => seen.Has(Finding) && seen.EvidenceOf(Finding).Contains("when descriptors were read last", StringComparison.Ordinal), "all descriptors", Patience);

        seen.HoldersOf(Finding).ShouldBe([("server", server.Id)], seen.ToString());
        seen.EvidenceOf(Finding).ShouldContain("150 of them came in through 127.0.0.1:8080, and when descriptors were read last no process had one of them");
        seen.TitleOf(Finding).ShouldContain("does not close connections");
    }

    private sealed class Running : IDisposable
    {
        private readonly Process process;

        public Running(NetworkNamespace network, int waiting, int accepted, string kind)
        {
            process = network.Start("python3", "-c", Program, $"{waiting}", $"{accepted}", kind);
            process.StandardOutput.ReadLine().ShouldBe("ready");
        }

        public int Id => process.Id;

        public void Dispose()
        {
            process.StandardInput.Close();
            process.WaitForExit(Patience).ShouldBeTrue();
            process.Dispose();
        }
    }
}
