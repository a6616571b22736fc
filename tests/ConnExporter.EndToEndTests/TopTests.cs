using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary><c>top</c> in a terminal of its own: every tab, filter, order, windows of any size, and a terminal that is as it was, however it ends.</summary>
public sealed class TopTests : IDisposable
{
    // "p.py STEPS COMMAND...": runs the command on a terminal, does the steps one after the other, and writes what was to be seen after each, and how it all ended.
    private const string Program = """
        import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time
        steps = json.loads(sys.argv[1])
        pid, fd = pty.fork()
        if pid == 0:
            for s in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE): signal.signal(s, signal.SIG_DFL)
            sys.stdin.readline()
            os.execvp(sys.argv[2], sys.argv[2:])
        def size(rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        size(24, 80)

        # Kept open, so that its modes can be read when nobody else is there any more.
        number = struct.unpack('i', fcntl.ioctl(fd, 0x80045430, b'\0' * 4))[0]
        keep = os.open(f'/dev/pts/{number}', os.O_RDWR | os.O_NOCTTY)
        before = termios.tcgetattr(fd); os.write(fd, b'\n')
        seen = b''; status = None
        def read(seconds):
            global seen, status
            if select.select([fd], [], [], seconds)[0]: seen += os.read(fd, 65536)
            elif status is None:
                done, code = os.waitpid(pid, os.WNOHANG)
                if done: status = os.waitstatus_to_exitcode(code)
        def screen():
            frames = seen.split(b'\x1b[H')
            text = frames[-1].decode('utf-8', 'replace') if len(frames) > 1 else ''
            return re.sub(r'\r+\n', '\n', re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', text)).split('\n')
        screens = []
        for kind, value, wanted in steps:
            if kind == 'keys': os.write(fd, value.encode())
            elif kind == 'size': size(*value)
            elif kind == 'signal': os.kill(pid, value)
            until = time.time() + 60
            while time.time() < until and status is None and not (wanted and re.search(wanted, '\n'.join(screen()))): read(0.2)
            while select.select([fd], [], [], 0.4)[0]: read(0)
            screens.append(screen())
        until = time.time() + 30
        while time.time() < until and status is None: read(0.1)
        while select.select([fd], [], [], 0.2)[0]: read(0.1)
        if status is None: os.kill(pid, 9); os.waitpid(pid, 0)
        same = termios.tcgetattr(keep) == before
        print(json.dumps({'screens': screens, 'exit': status, 'same': same, 'head': seen.decode('utf-8', 'replace')[:60], 'tail': seen.decode('utf-8', 'replace')[-60:]}))
        """;

    private const string Closed = "\u001b[?7h\u001b[?25h\u001b[?1049l";
    private readonly ProcTree proc = ProcTree.With("sys/fs/file-nr", path => File.WriteAllText(path, "990000\t0\t1000000\n"));

    public void Dispose() => proc.Dispose();

    [FactThatNeeds("python3")]
    public async Task Every_tab_is_shown_by_its_number_and_by_going_on()
    {
        string[] names = ["destinations", "listeners", "processes", "peers", "units", "namespaces"];

        using JsonDocument byNumber = await ShowAsync([Wait("file descriptors"), .. names.Select((name, i) => Keys($"{i + 1}", $@"\[{i + 1} {name}\]")), Keys("q")]);
        using JsonDocument onwards = await ShowAsync([Wait(@"\[1 "), .. names.Skip(1).Select((name, i) => Keys(i % 2 == 0 ? "\t" : "\u001b[C", $@"\[{i + 2} {name}\]")), Keys("\u001b[Z", @"\[5 units"), Keys("q")]);

        foreach (JsonDocument shown in new[] { byNumber, onwards })
        {
            IsGivenBack(shown, 0);
            Screens(shown).SkipLast(1).ShouldAllBe(screen => screen.Length == 24 && screen.All(line => line.Length <= 80));
        }

        for (int i = 0; i < names.Length; i++)
        {
            string.Join('\n', Screen(byNumber, i + 1)).ShouldContain($"[{i + 1} {names[i]}]");
        }

        Screen(byNumber, 0)[1].ShouldBe("CRITICAL: The host runs out of file descriptors");
    }

    [FactThatNeeds("python3")]
    public async Task It_fits_any_window_as_it_changes()
    {
        using JsonDocument shown = await ShowAsync([Wait("file descriptors"), Size(50, 140, "reusable"), Size(10, 40, @"\[1 destinations\]"), Size(24, 80, "2 listeners"), Size(5, 12, "1"), Size(24, 80, "2 listeners"), Keys("q")]);

        Screen(shown, 1).Length.ShouldBe(50);
        Screen(shown, 1).Max(line => line.Length).ShouldBeInRange(110, 140);
        Screen(shown, 2).Length.ShouldBe(10);
        Screen(shown, 2).ShouldAllBe(line => line.Length <= 40);
        Screen(shown, 3).Length.ShouldBe(24);
        IsGivenBack(shown, 0);
    }

    [FactThatNeeds("python3")]
    public async Task Rows_are_sorted_and_filtered()
    {
        using JsonDocument shown = await ShowAsync(
        [
            Wait("file descriptors"), Keys("3", "descriptors"), Keys("s", "process▲"), Keys("r", "process▼"), Keys("/no-such-process", "Nothing matches the filter"), Keys("\u007f\u007f", "/no-such-proce_"),
            Keys("\u001b", "q quit"), Keys("?", "Any key goes back"), Keys(" ", @"\[3 processes\]"), Keys("q"),
        ]);

        string.Join('\n', Screen(shown, 2)).ShouldContain("process▲");
        string.Join('\n', Screen(shown, 3)).ShouldContain("process▼");
        string[] up = [.. Rows(Screen(shown, 2))];
        up.ShouldBe(up.Order(StringComparer.Ordinal));
        string[] down = [.. Rows(Screen(shown, 3))];
        down.ShouldBe(down.OrderDescending(StringComparer.Ordinal));
        up.Length.ShouldBeGreaterThan(2);
        string.Join('\n', Screen(shown, 4)).ShouldContain("Nothing matches the filter");
        string.Join('\n', Screen(shown, 5)).ShouldContain("/no-such-proce_");
        string.Join('\n', Screen(shown, 6)).ShouldNotContain("no-such");
        string.Join('\n', Screen(shown, 7)).ShouldContain("Any key goes back");
        IsGivenBack(shown, 0);
    }

    // SIGHUP, SIGINT and SIGTERM, by kill and by the key.
    [TheoryThatNeeds("python3")]
    [InlineData("signal", 1, 129)]
    [InlineData("signal", 2, 130)]
    [InlineData("signal", 15, 143)]
    [InlineData("keys", 3, 130)]
    [InlineData("keys", 113, 0)]
    public async Task The_terminal_is_given_back_whatever_ends_it(string by, int what, int exitCode)
    {
        using JsonDocument shown = await ShowAsync([Wait("file descriptors"), by == "signal" ? ["signal", what, ""] : Keys(((char)what).ToString())]);

        IsGivenBack(shown, exitCode);
    }

    [FactThatNeeds("python3")]
    public async Task Watching_on_a_terminal_is_the_same()
    {
        using JsonDocument shown = await ShowAsync([Wait(@"\[1 destinations\]"), Keys("q")], "diagnose", "--watch");

        string.Join('\n', Screen(shown, 0)).ShouldContain("[1 destinations]");
        IsGivenBack(shown, 0);
    }

    [FactThatNeeds("python3", Need.Root)]
    public async Task A_daemon_that_runs_here_is_asked()
    {
        using var directory = new TemporaryDirectory();
        string socket = Path.Join(directory.Path, "diagnose.sock");
        await using Daemon daemon = await Daemon.StartReadyAsync($"--path.procfs={proc.Path}", "--netns=host", "--diagnosis.for=100ms", "--web.listen-address=127.0.0.1:0", $"--web.local-socket={socket}");

        using JsonDocument shown = await ShowAsync([Wait("from the daemon"), Keys("3", @"\[3 processes\]"), Keys("q")], "top", $"--web.local-socket={socket}");

        string.Join('\n', Screen(shown, 0)).ShouldContain("from the daemon");
        IsGivenBack(shown, 0);
    }

    [Fact]
    public async Task Without_a_terminal_it_says_what_to_do_instead()
    {
        Finished run = await new Launch("top").RunAsync();

        run.ExitCode.ShouldBe(64);
        run.Output.ShouldBe("");
        run.Error.ShouldContain("must be a terminal");
    }

    private static object[] Keys(string keys, string wanted = "") => ["keys", keys, wanted];

    private static object[] Wait(string wanted) => ["wait", "", wanted];

    private static object[] Size(int rows, int columns, string wanted) => ["size", new[] { rows, columns }, wanted];

    private async Task<JsonDocument> ShowAsync(object[][] steps, params string[] command)
    {
        string[] verb = command.Length > 0 ? command : ["top"];
        string own = verb.Any(part => part.StartsWith("--web.local-socket", StringComparison.Ordinal)) ? "" : "--web.local-socket=/nonexistent/diagnose.sock";
        var launch = new Launch([.. verb, "--lang=en", $"--path.procfs={proc.Path}", "--netns=host", .. own.Length > 0 ? new[] { own } : []])
        {
            Patience = TimeSpan.FromMinutes(2),
            Under = ["env", "TERM=xterm", "LC_ALL=C.UTF-8", "python3", "-c", Program, JsonSerializer.Serialize(steps)],
        };
        Finished run = await launch.RunAsync();
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output);
    }

    private static void IsGivenBack(JsonDocument shown, int exitCode)
    {
        JsonElement root = shown.RootElement;
        root.GetProperty("exit").GetInt32().ShouldBe(exitCode, root.GetProperty("tail").GetString());
        root.GetProperty("head").GetString()!.ShouldContain("\u001b[?1049h");
        root.GetProperty("tail").GetString()!.ShouldEndWith(Closed);
        root.GetProperty("same").GetBoolean().ShouldBeTrue("the modes of the terminal");
    }

    private static string[][] Screens(JsonDocument shown) => [.. shown.RootElement.GetProperty("screens").EnumerateArray().Select(screen => screen.EnumerateArray().Select(line => line.GetString()!).ToArray())];

    private static string[] Screen(JsonDocument shown, int step) => Screens(shown)[step];

    // The names in the first column, below the heading.
    private static IEnumerable<string> Rows(string[] screen)
    {
        int heading = Array.FindIndex(screen, line => line.StartsWith("process", StringComparison.Ordinal));
        return screen[(heading + 1)..^1].Where(line => line.Length > 0).Select(line => line.Split(' ')[0].TrimEnd('…'));
    }
}
