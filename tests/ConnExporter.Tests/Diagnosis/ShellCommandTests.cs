using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Diagnosis.Rules;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Diagnosis;

public sealed class ShellCommandTests : IDisposable
{
    private const string UnitFiles = "/etc/systemd/system/";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("/run/netns/a_b.c-d", "/run/netns/a_b.c-d")]
    [InlineData("a,b:c@d%e+f", "a,b:c@d%e+f")]
    [InlineData("net.core.somaxconn=4096", "net.core.somaxconn=4096")]
    [InlineData("net.ipv4.ip_local_port_range=10000 65535", "net.ipv4.ip_local_port_range='10000 65535'")]
    [InlineData("--net=/run/netns/my net", "--net='/run/netns/my net'")]
    [InlineData("--net=it's", @"--net='it'\''s'")]
    [InlineData("a b=c d", "'a b=c d'")]
    [InlineData("", "''")]
    [InlineData("=", "=")]
    [InlineData("=ls", "'=ls'")]
    [InlineData("~root", "'~root'")]
    [InlineData("#", "'#'")]
    [InlineData("'", @"''\'''")]
    [InlineData(@"foo\x2dbar", @"'foo\x2dbar'")]
    [InlineData("$(reboot)", "'$(reboot)'")]
    [InlineData("[fd99::1]:443", "'[fd99::1]:443'")]
    [InlineData("{a,b}", "'{a,b}'")]
    [InlineData("数据库", "'数据库'")]
    public void A_plain_word_stays_as_it_is_and_all_else_is_quoted(string argument, string word) => ShellCommand.Of("x", argument).ToString().ShouldBe($"x {word}");

    [Fact]
    public void Programs_can_be_piped_wrapped_and_written_to_a_file()
    {
        ShellCommand.Of("ss", "-t").KeptIn("sockets.txt").RunBy("nsenter", "-t", "1").ToString().ShouldBe("nsenter -t 1 ss -t >>~/sockets.txt");
        Should.Throw<ArgumentException>(() => ShellCommand.Of("ss").KeptIn("a b"));
        ShellCommand.Of("a", "b c").Into("d", "e").To("/f g").RunBy("nsenter", "-t", "1").ToString().ShouldBe("nsenter -t 1 a 'b c' | nsenter -t 1 d e >'/f g'");
        ShellCommand.Of("a", "-b").On("c", "-d").ToString().ShouldBe("a -b -- c -d");
        ShellCommand.Of("a", "-b").On("c").ToString().ShouldBe("a -b c");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("A=b")]
    [InlineData("a;b")]
    public void A_program_is_a_plain_word(string program) => Should.Throw<ArgumentException>(() => ShellCommand.Of(program));

    [Theory]
    [InlineData("a\nb")]
    [InlineData("a\tb")]
    [InlineData("a\u001b[31mb")]
    [InlineData("a\u202eb")]
    [InlineData("a\u2028b")]
    [InlineData("a\ufffdb")]
    [InlineData("a\U000e0041b")]
    [InlineData("a\ud800b")]
    [InlineData("a\0b")]
    public void What_cannot_be_copied_as_it_is_is_not_exact_wherever_it_stands(string name)
    {
        ShellCommand.Of("x", name).IsExact.ShouldBeFalse();
        ShellCommand.Of("x").On(name).IsExact.ShouldBeFalse();
        ShellCommand.Of("x").To(name).IsExact.ShouldBeFalse();
        ShellCommand.Of("x").Into("y", name).IsExact.ShouldBeFalse();
        ShellCommand.Of("x").RunBy("y", name).IsExact.ShouldBeFalse();
        new Remedy("x", RemedyKind.Room, ShellCommand.Of("x"), ShellCommand.Of("x", name)).CommandLines.ShouldBeEmpty("they belong together");
    }

    // Whatever a name is made of: a shell with no programs but ours takes each for one argument, and runs nothing else.
    [Fact]
    public void A_shell_takes_every_name_for_one_argument_and_runs_nothing_else() => Prop.ForAll(
        Names().ArrayOf(150).ToArbitrary(),
        names =>
        {
            var shell = new Shell(Path.Join(directory.Path, Guid.NewGuid().ToString("N")));
            foreach (byte[] name in names)
            {
                string text = Utf8Text.Of(name);
                if (!Visible.IsExact(text))
                {
                    ShellCommand.Of("probe", text).IsExact.ShouldBeFalse();
                    continue;
                }

                Encoding.UTF8.GetBytes(text).ShouldBe(name, "what is exact is the name");
                string file = shell.FileFor(text);
                shell.Add(
                    [ShellCommand.Of("probe", text, $"--name={text}").On(text).Into("probe", $"{text}{text}").RunBy("wrap", text).To(file).ToString()],
                    [["wrap", text, "probe", text, $"--name={text}", .. text.StartsWith('-') ? (string[])["--"] : [], text], ["wrap", text, "probe", $"{text}{text}"]],
                    file);
            }

            shell.Run();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(4).WithQuietOnSuccess(true));

    // The same of what rules print of a cgroup, a process, a file of sysctls and a network namespace with that name.
    [Fact]
    public void Every_printed_command_names_what_it_is_about_or_is_left_out() => Prop.ForAll(
        Names().Where(name => !name.Contains((byte)'/')).ArrayOf(60).ToArbitrary(),
        names =>
        {
            var shell = new Shell(Path.Join(directory.Path, Guid.NewGuid().ToString("N")));
            foreach (byte[] name in names)
            {
                string text = Utf8Text.Of(name);
                string unit = UnitName.FromPath([.. "/system.slice/"u8, .. name, .. ".service"u8]);
                string[] operand = unit.StartsWith('-') ? ["--", unit] : [unit];
                bool isLegal = Regex.IsMatch(unit, @"^[A-Za-z0-9:_.\\-][A-Za-z0-9:_.\\@-]*\.service\z", RegexOptions.None, TimeSpan.FromSeconds(1)) && unit.Length <= 253
                    && unit.IndexOf('@', StringComparison.Ordinal) != unit.Length - "@.service".Length;

                Verdict descriptors = new ObservationBench()
                    .Running(new ProcessesReading.Row(text, unit, 1, 1000, 1000, 1024) { WorstProcessId = 4711, WorstStartTicks = 200, WorstHardLimit = 524_288 })
                    .Judge(new ProcessDescriptorsExhausting())!;
                shell.Add(
                    descriptors.Commands(),
                    [
                        ["prlimit", "--pid", "4711", "--nofile=2048:524288"],
                        ["find", "/proc/4711/fd", "-type", "l", "-printf", @"%l\n"], ["sed", "s/[0-9][0-9]*/N/g"], ["sort"], ["uniq", "-c"], ["sort", "-rn"], ["head"],
                        ["ss", "-tanp"], ["grep", "pid=4711,"], ["awk", "{print $1}"], ["sort"], ["uniq", "-c"], ["sort", "-rn"],
                        .. isLegal
                            ? (string[][])
                            [
                                ["mkdir", "-p", $"{shell.Units}{unit}.d"], ["printf", @"[Service]\nLimitNOFILE=65536:524288\n"], ["systemctl", "daemon-reload"],
                                ["systemctl", "show", "-p", "LimitNOFILE", .. operand],
                            ]
                            : [],
                    ],
                    isLegal ? shell.DropInOf(unit) : null);

                var queue = new ObservationBench { Census = ObservationBench.CensusOf(listeners: [new("0.0.0.0", "443", unit, text, 0, 10, 0, 0, Owner: null)]) };
                string[] raise = ["sysctl", "-w", "net.core.somaxconn=4096"];
                shell.Add(
                    queue.Listening(new ListenersReading.Row("0.0.0.0", "443", 129, 128, 129, 0)).Judge(new AcceptQueueOverflowing()).Commands(),
                    isLegal ? [raise, ["systemctl", "reload", .. operand]] : [raise]);

                string path = $"/etc/sysctl.d/{text}.conf";
                var files = new ObservationBench
                {
                    Settings = new SettingsReading(
                        KernelSource.OwnNamespace, new Dictionary<string, string>(StringComparer.Ordinal), new Version(6, 18), [.. SysctlConf.Parse(path, "net.ipv4.tcp_tw_recycle = 1\n"u8)]),
                };
                bool isExact = Visible.IsExact(text);
                shell.Add(files.Judge(new RecycleInFile()).Commands(), isExact ? [["sed", "-i", "--follow-symlinks", "1{/tcp_tw_recycle/s/^/# /}", path]] : []);

                ShellCommand inside = Elsewhere($"/run/netns/{text}").Inside(ShellCommand.Of("ss", "-tn"));
                inside.IsExact.ShouldBe(isExact);
                shell.Add(isExact ? [inside.ToString()] : [], isExact ? [["nsenter", $"--net=/run/netns/{text}", "ss", "-tn"]] : []);
            }

            shell.Run();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3).WithQuietOnSuccess(true));

    private static Observation Elsewhere(string path)
    {
        var time = new ManualTime();
        var namespaces = new NamespacesReading([new("elsewhere", new NamespaceReadings(), InFull: true) { Path = path }], seen: 1, read: 1, denied: 0);
        Snapshot snapshot = Snapshot.Empty with
        {
            Collectors =
            [
                new CollectorState
                {
                    Name = "namespaces",
                    Interval = TimeSpan.FromSeconds(1),
                    Outcome = ConnExporter.Sampling.Outcome.Ok,
                    Reading = namespaces,
                    LastSuccess = time.GetUtcNow(),
                    LastSuccessTimestamp = time.GetTimestamp(),
                },
            ],
        };
        return Observation.Of(snapshot, time.GetUtcNow(), new Thresholds(), _ => new Memory()).Last();
    }

    // What a shell, a terminal or systemd might read otherwise, legal names of units, and any bytes; no NUL and no name of a directory.
    private static Gen<byte[]> Names()
    {
        Gen<byte[]> nasty = Gen.Elements(
            "'", "\"", "`", "$(", ")", "$HOME", "${IFS}", ";", "&", "|", "<", ">", ">x", "(", "{", "}", "[", "]", "*", "?", "!", "!!", "~", "#", "^", "=", "%s", "%n", "-", "--", "-rf", " ", "  ",
            "\\", @"\x2d", @"\n", @"\'", "\n", "\r", "\t", "\u001b[31m", "\u202e", "\u00a0", "\u2028", "é", "网络", "🙂", "x", "echo", "reboot", "/", "..", ".d", ".service", "@", "{limit}")
            .Select(Encoding.UTF8.GetBytes);
        Gen<byte[]> broken = Gen.Elements<byte[]>([0xff], [0xc3], [0xe7, 0xbd], [0xed, 0xa0, 0x80], [0xf0, 0x9f]);
        Gen<byte[]> soup = Gen.Frequency((20, nasty), (1, broken)).NonEmptyListOf().Select(pieces => pieces.SelectMany(piece => piece).Take(200).ToArray());
        Gen<byte[]> legal = Gen.Elements("a", "B", "7", ":", "-", "_", ".", @"\x20", @"\x2d", "@", "cpu", "web").NonEmptyListOf().Select(pieces => Encoding.ASCII.GetBytes(string.Concat(pieces)).Take(200).ToArray());
        Gen<byte[]> any = Gen.Choose(1, 255).Select(value => (byte)value).NonEmptyListOf().Select(bytes => bytes.Take(200).ToArray());
        return Gen.Frequency((5, soup), (3, legal), (1, any));
    }

    /// <summary>A shell in a directory of its own in which every program only says how it was called, and in which there is no other.</summary>
    private sealed class Shell
    {
        private static readonly string[] Programs =
            ["probe", "wrap", "nsenter", "sysctl", "systemctl", "mkdir", "printf", "prlimit", "find", "sed", "sort", "uniq", "head", "ss", "grep", "awk"];

        private readonly string root;
        private readonly string files;
        private readonly StringBuilder script = new();
        private readonly List<(string[] Lines, string[][] Runs)> blocks = [];
        private readonly HashSet<string> written = [];

        public Shell(string root)
        {
            this.root = root;
            files = Directory.CreateDirectory(Path.Join(root, "files")).FullName;
            Units = Directory.CreateDirectory(Path.Join(root, "units")).FullName + "/";
            Directory.CreateDirectory(Path.Join(root, "bin"));

            // For whatever a shell might take for a pattern.
            foreach (string name in (string[])["x", "a b", "-rf", "echo"])
            {
                File.WriteAllText(Path.Join(Directory.CreateDirectory(Path.Join(root, "here")).FullName, name), "");
            }

            script.Append(CultureInfo.InvariantCulture, $"exec 3>>{root}/log\ncd {root}/here || exit 9\nsays() {{ command printf '%s\\0' \"$#\" \"$@\" >&3; }}\n");
            foreach (string program in Programs)
            {
                script.Append(CultureInfo.InvariantCulture, $"{program}() {{ says {program} \"$@\"; }}\n");
            }
        }

        /// <summary>Where drop-ins of units are written here.</summary>
        public string Units { get; }

        public string FileFor(string text) => Path.Join(files, "f" + string.Concat(text.Select(c => c == '/' ? '_' : c)));

        public string DropInOf(string unit)
        {
            string dropIn = Directory.CreateDirectory($"{Units}{unit}.d").FullName;
            return Path.Join(dropIn, "50-conn-exporter-nofile.conf");
        }

        /// <summary>Adds lines that are to run these programs, in any order, and write this file alone.</summary>
        public void Add(IEnumerable<string> lines, string[][] runs, string? file = null)
        {
            string[] typed = [.. lines.Select(line => line.Replace(UnitFiles, Units, StringComparison.Ordinal))];
            script.Append(CultureInfo.InvariantCulture, $"says block\n{string.Join('\n', typed)}\n");
            blocks.Add((typed, runs));
            if (file is not null)
            {
                written.Add(file);
            }
        }

        public void Run()
        {
            string path = Path.Join(root, "script");
            File.WriteAllText(path, script.ToString());
            Sh("-n", path);
            Sh(path);

            // Records of how many words, and the words; each ended by NUL.
            string[] log = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Join(root, "log"))).Split('\0');
            var seen = new List<List<string>>();
            for (int at = 0; at < log.Length - 1;)
            {
                int count = int.Parse(log[at], CultureInfo.InvariantCulture);
                string[] words = log[(at + 1)..(at + 1 + count)];
                at += 1 + count;
                if (words is ["block"])
                {
                    seen.Add([]);
                }
                else
                {
                    seen[^1].Add(string.Join('\0', words));
                }
            }

            seen.Count.ShouldBe(blocks.Count);
            foreach (((string[] lines, string[][] runs), List<string> ran) in blocks.Zip(seen))
            {
                ran.Order(StringComparer.Ordinal).ShouldBe(runs.Select(words => string.Join('\0', words)).Order(StringComparer.Ordinal), string.Join('\n', lines));
            }

            Directory.EnumerateFiles(files).Concat(Directory.EnumerateFiles(Units, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal).ShouldBe(written.Order(StringComparer.Ordinal));
            Directory.EnumerateFileSystemEntries(Path.Join(root, "here")).Count().ShouldBe(4);
        }

        private void Sh(params string[] arguments)
        {
            var start = new ProcessStartInfo("/bin/sh", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment.Clear();
            start.Environment["PATH"] = Path.Join(root, "bin");
            start.Environment["HOME"] = "/home-of-nobody";
            using Process shell = Process.Start(start)!;
            shell.StandardInput.Close();
            Task<string> errors = shell.StandardError.ReadToEndAsync();
            Task<string> output = shell.StandardOutput.ReadToEndAsync();
            shell.WaitForExit(Patience).ShouldBeTrue("the shell did not end");
            (errors.GetAwaiter().GetResult() + output.GetAwaiter().GetResult()).ShouldBe("");
            shell.ExitCode.ShouldBe(0);
        }
    }
}
