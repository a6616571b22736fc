using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.KernelTests.Findings;

/// <summary>Listeners with more than one holder: who serves it is named first, and who made it.</summary>
public class HandedOnTests
{
    private const string Finding = "accept_queue_overflowing";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // "p.py KIND": what is written is "ready SERVER MAKER", the pids. The listener takes three; six knock. Everything ends with stdin.
    private const string Program = """
        import array, os, socket, sys, time
        def name(text): open('/proc/self/comm', 'w').write(text)
        def wait(): sys.stdin.read(); os._exit(0)
        def knock(n):
            for _ in range(n):
                s = socket.socket(); s.setblocking(False); kept.append(s)
                try: s.connect(('127.0.0.1', 8080))
                except BlockingIOError: pass
        def child(text, work=None):
            time.sleep(0.05) # a clock tick is 10 ms: who is younger must be
            pid = os.fork()
            if pid == 0:
                name(text)
                if work: work()
                os.write(done, b'.')
                wait()
            os.read(begun, 1)
            return pid
        kept = []; begun, done = os.pipe()
        kind = sys.argv[1]; name('systemd' if kind == 'activation' else 'master')
        l = socket.socket(); l.bind(('127.0.0.1', 8080)); l.listen(2)
        def accept(n): kept.extend(l.accept() for _ in range(n))
        if kind == 'activation':
            server = child('web'); maker = os.getpid()
        elif kind == 'prefork':
            knock(3)
            server = child('worker', lambda: accept(1)); child('worker-b'); child('worker-c'); maker = os.getpid()
        elif kind == 'restart':
            ours, its = socket.socketpair()
            def receive():
                l.close(); its.recvmsg(1, socket.CMSG_SPACE(4))
            time.sleep(0.05)
            server = os.fork()
            if server == 0:
                name('next'); l.close(); its.recvmsg(1, socket.CMSG_SPACE(4)); os.write(done, b'.'); wait()
            ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [l.fileno()]))]); os.read(begun, 1); maker = os.getpid()
        elif kind == 'leaked':
            maker = child('helper'); knock(3); accept(2); server = os.getpid()
        else:
            server = maker = os.getpid()
        knock(8)
        print('ready', server, maker, flush=True); wait()
        """;

    [KernelTheory("dotnet", "python3")]
    [InlineData("activation", "web", "systemd", "is likely to be the one that should accept")]
    [InlineData("prefork", "worker", "master", "it holds connections that came in there")]
    [InlineData("restart", "next", "master", "is likely to be the one that should accept")]
    [InlineData("leaked", "master", "helper", "it holds connections that came in there")]
    public void Who_serves_it_is_named_first_and_who_else_holds_it_after_him(string kind, string serves, string holds, string evidence)
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, kind);

        Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Has(Finding) && seen.HoldersOf(Finding).Count > 1, "both holders", Patience);

        seen.HoldersOf(Finding).ShouldBe([(serves, running.Server), (holds, running.Other)], seen.ToString());
        seen.EvidenceOf(Finding).ShouldContain(evidence);
        seen.EvidenceOf(Finding).ShouldContain($"(pid {running.Server})");
        using var daemon = new RunningDaemon(network, "--netns=host", "--diagnosis.for=200ms", "--collector.census.interval=500ms");
        MetricsText page = Poll.Until(daemon.Scrape, page => page.Find("conn_finding_info", $"finding=\"{Finding}\"") == 1 && page.Find("conn_listener_info", $"process=\"{serves}\"") == 1, "the daemon to say the same", Patience);
        page.Find("conn_listener_info", $"process=\"{holds}\"").ShouldBeNull();
    }

    [KernelFact("dotnet", "python3")]
    public void One_holder_is_one_holder()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, "alone");

        var seen = Diagnosis.Until(network, Finding);

        seen.HoldersOf(Finding).ShouldBe([("master", running.Server)]);
        seen.EvidenceOf(Finding).ShouldNotContain("started first");
    }

    private sealed class Running : IDisposable
    {
        private readonly Process process;

        public Running(NetworkNamespace network, string kind)
        {
            process = network.Start("python3", "-c", Program, kind);
            string[]? words = process.StandardOutput.ReadLine()?.Split(' ');
            words.ShouldNotBeNull("it ended");
            (Server, Other) = (int.Parse(words[1], CultureInfo.InvariantCulture), int.Parse(words[2], CultureInfo.InvariantCulture));
        }

        public int Server { get; }

        public int Other { get; }

        public void Dispose()
        {
            // All of them read the same stdin.
            process.StandardInput.Close();
            process.WaitForExit(Patience).ShouldBeTrue();
            process.Dispose();
        }
    }
}
