using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ConnExporter.KernelTests.Findings;

#pragma warning disable MA0009 // The texts are our own.

/// <summary><c>who</c> beside <c>ss</c>: the same holders, queues, limits, states and peers, whatever is asked for and however it came about.</summary>
public class WhoTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Writes "ready PID..." and keeps it all until stdin ends.
    private const string Common = """
        import os, socket, sys
        kept = []
        def listen(address, port, backlog=64, options=(), family=None):
            l = socket.socket(family or (socket.AF_INET6 if ':' in address else socket.AF_INET))
            for level, name, value in ((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), *options): l.setsockopt(level, name, value)
            l.bind((address, port)); l.listen(backlog); kept.append(l); return l
        def dial(to, port, count, source=None):
            for _ in range(count):
                s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET)
                if source: s.bind((source, 0))
                s.connect((to, port)); kept.append(s)
        def ready(*pids): print('ready', *pids, flush=True); sys.stdin.read(); os._exit(0)

        """;

    [KernelFact("python3", "ss")]
    public void A_listener_of_IPv4_with_its_connections_and_peers()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, "l = listen('0.0.0.0', 8080, 50)\ndial('127.0.0.1', 8080, 7)\ndial('10.99.0.1', 8080, 3, '10.99.0.1')\nfor _ in range(6): kept.append(l.accept())\nready(os.getpid())");

        Answer answer = Ask(network, ":8080");

        answer.ExitCode.ShouldBe(0);
        answer.Queue("0.0.0.0:8080").ShouldBe(SsListener(network, "0.0.0.0:8080"));
        answer.Queue("0.0.0.0:8080").ShouldBe((4, 50));
        answer.States("came in").ShouldBe(SsStates(network, "sport = :8080"));
        answer.States("go out").ShouldBe(SsStates(network, "dport = :8080"));
        answer.Text.ShouldContain("from 127.0.0.1 7 · 10.99.0.1 3");
        answer.Text.ShouldContain("to 127.0.0.1:8080 7 · 10.99.0.1:8080 3");
        answer.Pids("0.0.0.0:8080 is listened on").ShouldBe([running.Pids[0]]);
        answer.Pids("came in").ShouldBe(SsPids(network, "sport = :8080", "established"));
        Regex.IsMatch(answer.Text, @"started (\d+) (ms|s|min) ago \(20").ShouldBeTrue(answer.Text);
    }

    [KernelFact("python3", "ss")]
    public void A_listener_of_IPv6_by_its_address_alone()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, "l = listen('::1', 8443)\nlisten('127.0.0.1', 8443)\ndial('::1', 8443, 5)\ndial('127.0.0.1', 8443, 2)\nfor _ in range(5): kept.append(l.accept())\nready(os.getpid())");

        Answer answer = Ask(network, "[::1]:8443");

        answer.Queue("[::1]:8443").ShouldBe(SsListener(network, "[::1]:8443"));
        answer.States("came in").ShouldBe(SsStates(network, "src [::1]:8443"));
        answer.Text.ShouldNotContain("127.0.0.1");
        Ask(network, "127.0.0.1:8443").Text.ShouldNotContain("[::1]");
    }

    // An IPv6 socket on all addresses takes IPv4 too, unless it was told not to.
    [KernelTheory("python3", "ss")]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_listener_of_both_families(int v6Only, bool takes)
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, $"listen('::', 9000, 64, ((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, {v6Only}),))\nready(os.getpid())");

        Ask(network, "10.99.0.1:9000").ExitCode.ShouldBe(takes ? 0 : 1);
        Ask(network, "[fd99::1]:9000").Queue("[::]:9000").ShouldBe((0, 64));
    }

    [KernelFact("python3", "ss")]
    public void A_group_of_SO_REUSEPORT_with_the_fullest_and_all_its_processes()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, """
            pids = []
            for n in range(2):
                r, w = os.pipe()
                pid = os.fork()
                if pid == 0:
                    listen('127.0.0.1', 7000, 16, ((socket.SOL_SOCKET, socket.SO_REUSEPORT, 1),)); os.write(w, b'.'); sys.stdin.read(); os._exit(0)
                os.read(r, 1); pids.append(pid)
            dial('127.0.0.1', 7000, 9)
            ready(*pids)
            """);

        Answer answer = Ask(network, ":7000");

        answer.Text.ShouldContain("127.0.0.1:7000 is listened on by 2 sockets (SO_REUSEPORT)");
        (int Queue, int Limit)[] members = SsListeners(network, "127.0.0.1:7000");
        answer.Text.ShouldContain($"in the fullest {members.Max(member => member.Queue)} wait to be accepted, the limit is 16; 9 wait in all");
        members.Sum(member => member.Queue).ShouldBe(9);
        answer.Pids("127.0.0.1:7000 is listened on").ShouldBe(running.Pids, ignoreOrder: true);
        answer.Text.ShouldContain("held by no process (TIME_WAIT, or not accepted yet)");
    }

    [KernelFact("python3", "ss")]
    public void A_socket_that_was_handed_on_has_both_holders()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, """
            listen('127.0.0.1', 7001)
            pid = os.fork()
            if pid == 0: sys.stdin.read(); os._exit(0)
            ready(os.getpid(), pid)
            """);

        Ask(network, ":7001").Pids("is listened on").ShouldBe(running.Pids, ignoreOrder: true);
        SsPids(network, "sport = :7001", "listening").ShouldBe(running.Pids, ignoreOrder: true);
    }

    [KernelFact("python3", "ss")]
    public void A_process_with_all_that_it_holds_and_nothing_of_others()
    {
        using var network = new NetworkNamespace();
        using var server = new Running(network, "l = listen('127.0.0.1', 7002)\nprint('ready', os.getpid(), flush=True)\nfor _ in range(4): kept.append(l.accept())\nsys.stdin.read()");
        using var client = new Running(network, "dial('127.0.0.1', 7002, 4)\nready(os.getpid())");

        Answer answer = Ask(network, client.Pids[0].ToString(CultureInfo.InvariantCulture));

        answer.ExitCode.ShouldBe(0);
        answer.Text.ShouldNotContain("is listened on");
        answer.States("go out").ShouldBe(SsStates(network, "dport = :7002"));
        answer.Pids("go out").ShouldBe([client.Pids[0]]);
        Poll.Until(() => Ask(network, server.Pids[0].ToString(CultureInfo.InvariantCulture)), its => its.Text.Contains("ESTABLISHED 4", StringComparison.Ordinal), "all accepted", Patience).Text.ShouldContain("127.0.0.1:7002 is listened on");
    }

    [CgroupFact("python3", "ss")]
    public void A_unit_with_or_without_its_ending()
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup("system.slice/{0}.service");
        using var running = new Running(cgroup.Start(network, "python3", "-c", Common + "listen('127.0.0.1', 7003)\ndial('127.0.0.1', 7003, 2)\nready(os.getpid())"));

        foreach (string name in (string[])[cgroup.Name, cgroup.Name[..^".service".Length]])
        {
            Answer answer = Ask(network, name);
            answer.ExitCode.ShouldBe(0, answer.Text);
            answer.Text.ShouldContain($"held by {cgroup.Name}: python3 (pid {running.Pids[0]})");
            answer.Queue("127.0.0.1:7003").ShouldBe(SsListener(network, "127.0.0.1:7003"));
        }
    }

    [KernelFact("python3", "ss")]
    public void Whom_connections_go_out_to_whoever_is_there()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, "for port in (9443, 9444):\n    s = socket.socket(); s.setblocking(False); kept.append(s)\n    try: s.connect(('10.99.0.77', port))\n    except BlockingIOError: pass\nready(os.getpid())");

        Answer answer = Ask(network, "10.99.0.77:9443");

        answer.States("go out").ShouldBe(SsStates(network, "dst 10.99.0.77:9443"));
        answer.States("go out").ShouldBe(new Dictionary<string, int> { ["SYN_SENT"] = 1 });
        answer.Pids("go out").ShouldBe(running.Pids);
    }

    [KernelFact("python3", "ss")]
    public void A_container_is_found_from_outside_and_left_out_where_it_is_not_asked_for()
    {
        using var network = new NetworkNamespace();
        using var outside = new NetworkNamespace();
        using var running = new Running(network, "listen('0.0.0.0', 17004)\nready(os.getpid())");

        Answer answer = Ask(outside, ":17004", all: true);

        answer.Text.ShouldContain($"0.0.0.0:17004 is listened on [netns {network.Name}]");
        answer.Pids("is listened on").ShouldBe(running.Pids);
        Ask(outside, ":17004").ExitCode.ShouldBe(1);
    }

    [KernelFact("python3", "ss")]
    public void What_has_ended_is_held_by_nobody_and_a_leak_tells_its_age()
    {
        using var network = new NetworkNamespace();
        using var running = new Running(network, """
            l = listen('127.0.0.1', 7005)
            for leaks in (True, False):
                s = socket.socket(); s.connect(('127.0.0.1', 7005)); c, _ = l.accept()
                if leaks: kept.append(c); s.close()
                else: c.close(); s.close()
            ready(os.getpid())
            """);

        Answer answer = Poll.Until(() => Ask(network, ":7005"), answer => answer.Text.Contains("longest in CLOSE_WAIT", StringComparison.Ordinal), "the age", Patience);

        answer.States("came in").ShouldBe(SsStates(network, "sport = :7005"), ignoreOrder: true);
        answer.States("came in").Keys.ShouldBe(["CLOSE_WAIT", "TIME_WAIT"], ignoreOrder: true);
        answer.States("go out").ShouldBe(SsStates(network, "dport = :7005"));
    }

    [KernelTheory]
    [InlineData(":7006", 1, "Nobody listens on :7006 or is connected from or to it by TCP.")]
    [InlineData("[::1]:7006", 1, "Nobody")]
    [InlineData("4194305", 1, "There is no process 4194305. A port is asked for with a colon: :4194305")]
    [InlineData("no-such.service", 1, "No process is of a unit no-such.service.")]
    [InlineData("1.2.3:80", 64, "")]
    [InlineData(":70000", 64, "")]
    public void Nobody_is_an_answer_with_an_exit_status_of_its_own(string asked, int exitCode, string said)
    {
        using var network = new NetworkNamespace();

        Answer answer = Ask(network, asked);

        answer.ExitCode.ShouldBe(exitCode);
        answer.Text.ShouldContain(said);
    }

    private static Answer Ask(NetworkNamespace network, string asked, bool all = false)
    {
        using Process process = network.Start(Places.Program[0], [.. Places.Program[1..], "who", asked, "--lang=en", all ? "--netns=auto" : "--netns=host"]);
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit(Patience).ShouldBeTrue("who did not end");
        return new Answer(Regex.Replace(text, @"\n {5}(?=\S)", " "), process.ExitCode, errors.GetAwaiter().GetResult());
    }

    private static (int Queue, int Limit) SsListener(NetworkNamespace network, string instance) => SsListeners(network, instance).Single();

    private static (int Queue, int Limit)[] SsListeners(NetworkNamespace network, string instance) =>
    [
        .. network.Run("ss", "-Hltn").Split('\n').Select(line => Regex.Split(line.Trim(), @"\s+")).Where(words => words.Length > 3 && words[3] == instance)
            .Select(words => (int.Parse(words[1], CultureInfo.InvariantCulture), int.Parse(words[2], CultureInfo.InvariantCulture))),
    ];

    private static Dictionary<string, int> SsStates(NetworkNamespace network, string filter) => network.Run("ss", ["-Htan", .. filter.Split(' ')]).Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => Name(line.Split(' ')[0])).Where(state => state != "LISTEN").GroupBy(state => state).ToDictionary(group => group.Key, group => group.Count());

    private static string Name(string state) => state switch { "ESTAB" => "ESTABLISHED", "FIN-WAIT-1" => "FIN_WAIT1", "FIN-WAIT-2" => "FIN_WAIT2", _ => state.Replace('-', '_') };

    private static int[] SsPids(NetworkNamespace network, string filter, string state) =>
        [.. Regex.Matches(network.Run("ss", ["-Htnp", "state", state, .. filter.Split(' ')]), @"pid=(\d+)").Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).Distinct()];

    private sealed record Answer(string Text, int ExitCode, string Errors)
    {
        /// <summary>Waiting connections and limit of a listener.</summary>
        public (int Queue, int Limit) Queue(string instance)
        {
            Match match = Regex.Match(Part($"{instance} is listened on"), @"([\d,]+) wait to be accepted, the limit is ([\d,]+)");
            match.Success.ShouldBeTrue(Text + Errors);
            return (Number(match.Groups[1].Value), Number(match.Groups[2].Value));
        }

        /// <summary>The connections of a direction by state.</summary>
        public Dictionary<string, int> States(string direction) =>
            Regex.Matches(Part(direction).Split('\n')[0], @"([A-Z][A-Z_0-9]+) ([\d,]+)").ToDictionary(match => match.Groups[1].Value, match => Number(match.Groups[2].Value));

        /// <summary>The processes that are named there.</summary>
        public int[] Pids(string what) => [.. Regex.Matches(Part(what), @"\(pid (\d+)\)").Select(match => Number(match.Groups[1].Value))];

        private static int Number(string text) => int.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);

        // From a title to the next one.
        private string Part(string title)
        {
            string[] lines = Text.Split('\n');
            int begin = Array.FindIndex(lines, line => !line.StartsWith(' ') && line.Contains(title, StringComparison.Ordinal));
            begin.ShouldBeGreaterThanOrEqualTo(0, $"{title}: {Text}{Errors}");
            return string.Join('\n', lines[begin..].Take(1).Concat(lines[(begin + 1)..].TakeWhile(line => line.StartsWith(' '))));
        }
    }

    private sealed class Running : IDisposable
    {
        private readonly Process process;

        public Running(NetworkNamespace network, string program)
            : this(network.Start("python3", "-c", Common + program))
        {
        }

        public Running(Process process)
        {
            this.process = process;
            string? line = process.StandardOutput.ReadLine();
            Pids = line?.StartsWith("ready ", StringComparison.Ordinal) == true
                ? [.. line.Split(' ')[1..].Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))]
                : throw new InvalidOperationException($"python3 said {line ?? "nothing"}: {process.StandardError.ReadToEnd()}");
        }

        public int[] Pids { get; }

        public void Dispose()
        {
            process.StandardInput.Close();
            process.WaitForExit(Patience);
            process.Dispose();
        }
    }
}
