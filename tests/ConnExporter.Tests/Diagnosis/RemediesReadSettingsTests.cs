using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;
using ConnExporter.Tests.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Diagnosis;

#pragma warning disable MA0009 // The texts are our own.

/// <summary>
/// A host on which everything is wrong at once, and every setting below, at and above what remedies set, and unread: no printed command sets what is in force, goes back,
/// or sets what another one sets otherwise.
/// </summary>
public class RemediesReadSettingsTests
{
    private const int ProcessId = 4711;

    // More or less is better, or it depends. What is in neither is set as it should be.
    private static readonly string[] Raised =
    [
        "net.core.somaxconn", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_max_orphans", "net.ipv4.tcp_mem", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_timestamps",
        "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets", "fs.file-max", "fs.nr_open",
        "net.ipv4.neigh.default.gc_thresh1", "net.ipv4.neigh.default.gc_thresh2", "net.ipv4.neigh.default.gc_thresh3",
        "net.ipv6.neigh.default.gc_thresh1", "net.ipv6.neigh.default.gc_thresh2", "net.ipv6.neigh.default.gc_thresh3",
        "net.core.rmem_max", "net.core.netdev_max_backlog", "net.unix.max_dgram_qlen",
    ];

    private static readonly string[] Lowered =
    [
        "net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait", "net.ipv4.tcp_abort_on_overflow",
    ];

    private static readonly Dictionary<string, string> Bad = new(StringComparer.Ordinal)
    {
        ["net.ipv4.tcp_tw_reuse"] = "1",
        ["net.ipv4.tcp_timestamps"] = "0",
        ["net.ipv4.tcp_fin_timeout"] = "15",
        ["net.ipv4.tcp_tw_timeout"] = "120",
        ["net.ipv4.tcp_max_tw_buckets"] = "5000",
        ["net.ipv4.tcp_max_syn_backlog"] = "65535",
        ["net.core.somaxconn"] = "128",
        ["net.ipv4.tcp_syncookies"] = "0",
        ["net.ipv4.tcp_abort_on_overflow"] = "1",
        ["net.ipv4.tcp_keepalive_time"] = "7200",
        ["net.ipv4.tcp_keepalive_intvl"] = "75",
        ["net.ipv4.tcp_keepalive_probes"] = "9",
        ["net.ipv4.tcp_max_orphans"] = "65536",
        ["net.ipv4.tcp_mem"] = "90000 120000 180000",
        ["net.netfilter.nf_conntrack_max"] = "262144",
        ["net.netfilter.nf_conntrack_buckets"] = "16384",
        ["net.netfilter.nf_conntrack_tcp_timeout_established"] = "600",
        ["net.netfilter.nf_conntrack_tcp_timeout_time_wait"] = "120",
        ["net.netfilter.nf_conntrack_tcp_loose"] = "0",
        ["net.ipv4.neigh.default.gc_thresh1"] = "128",
        ["net.ipv4.neigh.default.gc_thresh2"] = "512",
        ["net.ipv4.neigh.default.gc_thresh3"] = "1024",
        ["net.ipv6.neigh.default.gc_thresh1"] = "128",
        ["net.ipv6.neigh.default.gc_thresh2"] = "512",
        ["net.ipv6.neigh.default.gc_thresh3"] = "1024",
        ["fs.file-max"] = "100000",
        ["fs.nr_open"] = "1048576",
        ["net.ipv4.tcp_syn_retries"] = "6",
        ["net.ipv4.tcp_synack_retries"] = "5",
        ["net.ipv4.tcp_orphan_retries"] = "0",
        ["net.ipv4.tcp_rmem"] = "4096 131072 6291456",
        ["net.ipv4.tcp_wmem"] = "4096 16384 4194304",
        ["net.core.rmem_max"] = "212992",
        ["net.core.netdev_max_backlog"] = "1000",
        ["net.unix.max_dgram_qlen"] = "10",
    };

    private readonly Dictionary<string, string> values = new(Bad, StringComparer.Ordinal);
    private readonly HashSet<string> fired = [];
    private readonly HashSet<string> set = [];
    private readonly ObservationBench bench = new() { Thresholds = new Thresholds { ConnectionLimit = 1000 } };
    private PortRange range = new(1000, 2000);
    private string reserved = "";
    private ulong? descriptorsUsed;
    private (ulong Soft, ulong? Hard) limits = (1024, 524_288);
    private ulong listenLimit = 128;
    private bool isNat;
    private ulong ticks;

    public RemediesReadSettingsTests()
    {
        // Half an hour in which everything grows.
        for (int i = 0; i < 390; i++)
        {
            Play().Look();
        }
    }

    [Fact]
    public void Every_rule_with_every_setting_below_at_and_above_what_it_sets()
    {
        Check("as it is");
        foreach (bool nat in (bool[])[true, false])
        {
            isNat = nat;
            Check($"NAT {nat}");
        }

        foreach (string name in Bad.Keys)
        {
            foreach (string? value in ValuesFor(name))
            {
                Play(name, value);
            }

            values[name] = Bad[name];
        }

        foreach ((ushort first, ushort last, string list) in ((ushort, ushort, string)[])[(1024, 65535, ""), (10_000, 65_535, ""), (32_768, 60_999, "1500"), (32_768, 61_000, ""), (9999, 65_535, "1-9999"), (500, 600, "500-600")])
        {
            (range, reserved) = (new PortRange(first, last), list);
            Check($"range {first} to {last}, reserved {list}");
        }

        (range, reserved) = (new PortRange(1000, 2000), "");
        foreach ((ulong soft, ulong? hard, string? highest) in ((ulong, ulong?, string?)[])
            [(1024, 1024, "1048576"), (1024, null, "1048576"), (524_288, 524_288, "524288"), (1_048_576, 1_048_576, "1048576"), (1024, 1_048_576, "65536"), (1_000_000, 1_000_000, "1048576"), (1024, 524_288, null)])
        {
            limits = (soft, hard);
            Play("fs.nr_open", highest);
        }

        values["fs.nr_open"] = Bad["fs.nr_open"];
        limits = (1024, 524_288);
        foreach (ulong limit in (ulong[])[16, 511, 1024, 4096, 16_384, 65_535])
        {
            listenLimit = limit;
            foreach (string? value in (string?[])["16", "128", "511", "4096", "65535", "1000000", null])
            {
                Play("net.core.somaxconn", value);
            }
        }

        // Nothing is set by rules that was not tried here, and no rule was left out.
        set.Except(Bad.Keys).ShouldBe(["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "RLIMIT_NOFILE"], ignoreOrder: true);
        RuleList.All.Select(rule => rule.Id).Except(fired).ShouldBeEmpty("a rule that never fired was not tried");
    }

    [Theory]
    [InlineData("128", "16", "sysctl -w net.core.somaxconn=4096")]
    [InlineData("128", "4096", null)]
    [InlineData("511", "511", "sysctl -w net.core.somaxconn=4096")]
    [InlineData("4096", "4096", "sysctl -w net.core.somaxconn=16384")]
    [InlineData("65535", "65535", null)]
    [InlineData("128", "65535", null)]
    public void Somaxconn_is_raised_where_it_is_what_is_short(string limit, string inForce, string? command)
    {
        listenLimit = ulong.Parse(limit, CultureInfo.InvariantCulture);
        values["net.core.somaxconn"] = inForce;
        Play();

        string?[] commands = [.. bench.Judge(new AcceptQueueOverflowing())!.Remedies.SelectMany(remedy => remedy.CommandLines).Where(line => line.Contains("somaxconn", StringComparison.Ordinal))];

        commands.ShouldBe(command is null ? [] : [command]);
    }

    [Fact]
    public void Every_finding_is_told_on_one_screen_with_its_first_command()
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        foreach (bool nat in (bool[])[true, false])
        {
            isNat = nat;
            Tell();
        }

        foreach (string name in Bad.Keys)
        {
            values.Remove(name);
            Tell();
            values[name] = Bad[name];
        }

        (range, values["net.ipv4.tcp_syncookies"]) = (new(100, 1100), "1");
        Tell();
        told.ShouldBe(RuleList.All.Select(rule => rule.Id), ignoreOrder: true);

        void Tell()
        {
            Observation seen = Play().Look();
            foreach (Rule rule in RuleList.All)
            {
                // Alone, as other findings take commands over.
                if (rule.Judge(seen, held: null) is { } verdict && told.Add(rule.Id) | verdict.Remedies.Any(remedy => remedy.Unread.Length > 0))
                {
                    OneScreen.Of(new Finding(rule, "self", verdict.Severity, verdict, DateTimeOffset.UnixEpoch), seen.Resources);
                }
            }
        }
    }

    [Fact]
    public void A_note_gives_way_to_what_is_wrong_and_says_to_which_finding()
    {
        Play();
        ImmutableArray<Finding> findings = Findings();

        Remedy note = findings.Single(finding => finding.Id == "tuning_range_narrowed").Verdict.Remedies.Single();

        note.CommandLines.ShouldBeEmpty();
        TextBook.Of(Language.English).EffectOf(note).ShouldContain($"those of {note.DefersTo} set the same");
        findings.Single(finding => finding.Id == note.DefersTo).Verdict.Remedies.SelectMany(remedy => remedy.CommandLines).ShouldContain("sysctl -w net.ipv4.ip_local_port_range='1024 65535'");
    }

    // One needs more buckets than the other: neither loses the rest of its commands for that.
    [Fact]
    public void Two_that_raise_one_setting_are_content_with_the_higher_and_keep_their_other_commands()
    {
        Play();
        ImmutableArray<Finding> findings = Findings();
        string[] Lines(string id) => [.. findings.Single(finding => finding.Id == id).Verdict.Remedies.SelectMany(remedy => remedy.CommandLines)];

        string[] exhausting = Lines("conntrack_exhausting");
        exhausting.ShouldContain(line => line.Contains("nf_conntrack_max=", StringComparison.Ordinal));
        string buckets = exhausting.Single(line => line.Contains("nf_conntrack_buckets=", StringComparison.Ordinal));
        Lines("conntrack_insertions_failing").ShouldContain(buckets);
        exhausting.ShouldBe(exhausting.Distinct());
    }

    // Of wrong ones none hides the command that the other needs; a note may.
    [Fact]
    public void Nothing_that_is_wrong_is_left_without_its_command_by_what_goes_the_same_way()
    {
        Play();
        foreach (Finding finding in Findings().Where(finding => finding.Severity > Severity.Info))
        {
            finding.Verdict.Remedies.Where(remedy => remedy.DefersTo == finding.Id).ShouldBeEmpty(finding.Id);
            finding.Verdict.Remedies.Where(remedy => remedy.DefersTo is not null && remedy.Key is not "tuning_move_range").Select(remedy => $"{finding.Id}: {remedy.Key} to {remedy.DefersTo}").ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData(1024, 1014, false)]
    [InlineData(1024, 1016, true)]
    [InlineData(1_048_576, 1_038_576, false)]
    [InlineData(1_048_576, 1_048_568, true)]
    public void A_listener_whose_process_has_descriptors_left_is_not_said_to_be_out_of_them(uint limit, uint used, bool isOut)
    {
        limits = (limit, 2_097_152);
        descriptorsUsed = used;
        Observation seen = Play().Look();

        (DescriptorShortage.Of(seen, seen.Listeners!.Rows[0])?.Cause.Finding == "process_descriptors_exhausting").ShouldBe(isOut);
    }

    [Fact]
    public void What_would_come_too_late_is_not_the_first_thing_to_do()
    {
        // Below half of it, and used up in two minutes.
        var table = new ResourceInstance(ResourceKind.ConntrackEntries, "self", ResourceInstance.Host, 100_000, 262_144) { GrowthPerSecond = 1350, Exhaustion = TimeSpan.FromMinutes(2) };
        Observation seen = Play().Look();

        foreach (ResourceKind kind in (ResourceKind[])[ResourceKind.ConntrackEntries, ResourceKind.FileDescriptors, ResourceKind.TcpMemory, ResourceKind.OrphanedSockets])
        {
            seen.Resources = [new Resource(kind, "self", [table with { Kind = kind }])];
            Rule rule = RuleList.All.Single(rule => rule.Id == kind switch
            {
                ResourceKind.ConntrackEntries => "conntrack_exhausting",
                ResourceKind.FileDescriptors => "system_descriptors_exhausting",
                ResourceKind.TcpMemory => "tcp_memory_pressure",
                _ => "orphans_exhausting",
            });

            rule.Judge(seen, held: null)!.Remedies[0].ShouldSatisfyAllConditions(first => first.Kind.ShouldBe(RemedyKind.Grace, rule.Id), first => first.CommandLines.ShouldNotBeEmpty(rule.Id));
        }
    }

    // Below, at and above whatever is printed for it as it is, and not read.
    private IEnumerable<string?> ValuesFor(string name)
    {
        values[name] = Bad[name];
        Play();
        foreach (string target in Findings().SelectMany(finding => finding.Verdict.Remedies).SelectMany(remedy => remedy.Steps).Where(step => step.Name == name).Select(step => step.Value).Distinct().ToArray())
        {
            string[] words = target.Split(' ');
            foreach (Func<ulong, ulong> change in (Func<ulong, ulong>[])[value => value / 2, value => Math.Max(1, value) - 1, value => value, value => value + 1, value => (value * 2) + 1])
            {
                yield return string.Join(' ', words.Select(word => $"{change(ulong.Parse(word, CultureInfo.InvariantCulture))}"));
            }
        }

        foreach (string value in name is "net.ipv4.tcp_mem" or "net.ipv4.tcp_rmem" or "net.ipv4.tcp_wmem" ? (string[])["1 1 1"] : ["0", "1", "2", "3", "1000000000"])
        {
            yield return value;
        }

        yield return null;
    }

    private void Play(string name, string? value)
    {
        if (value is null)
        {
            values.Remove(name);
        }
        else
        {
            values[name] = value;
        }

        Check($"{name} = {value ?? "?"}");
    }

    private void Check(string world)
    {
        Play();
        ImmutableArray<Finding> findings = Findings();
        fired.UnionWith(findings.Select(finding => finding.Id));
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((Finding finding, Remedy remedy) in findings.SelectMany(finding => finding.Verdict.Remedies.Select(remedy => (finding, remedy))))
        {
            foreach (Language language in Enum.GetValues<Language>())
            {
                var book = TextBook.Of(language);
                string said = $"{book[$"remedy.{remedy.Key}.title", remedy.Values]}\n{book.EffectOf(remedy)}";
                Regex.IsMatch(said, @"(?:[=(:]|backlog of |somaxconn to |nr_open to |file-max to |orphans to |unit to )\d{1,3}(?:,\d{3})+").ShouldBeFalse($"{world}: {said}");
                Regex.IsMatch(said, @"\{[a-z_]+(:code)?\}").ShouldBeFalse(said);
            }

            foreach (string command in remedy.CommandLines)
            {
                command.ShouldNotMatch(@"\d,\d{3}(?!\d)[^-,]", command);
                if (Regex.Match(command, @"sysctl -w ([a-z0-9_.-]+)='?([0-9 ,-]+)'?$") is { Success: true } sets)
                {
                    (string name, string value) = (sets.Groups[1].Value, sets.Groups[2].Value);
                    CheckSysctl(world, finding, remedy, name, value);
                    targets.TryAdd(name, value);
                    targets[name].ShouldBe(value, $"{world}: {finding.Id} sets {name} otherwise than another");
                }
                else if (Regex.Match(command, @"--nofile=(\d+):(\d*)$") is { Success: true } nofile)
                {
                    set.Add("RLIMIT_NOFILE");
                    ulong soft = ulong.Parse(nofile.Groups[1].Value, CultureInfo.InvariantCulture);
                    soft.ShouldBeGreaterThan(limits.Soft, world);
                    if (nofile.Groups[2].Length > 0)
                    {
                        ulong.Parse(nofile.Groups[2].Value, CultureInfo.InvariantCulture).ShouldBeGreaterThanOrEqualTo(Math.Max(soft, limits.Hard ?? 0), world);
                    }

                    if (values.TryGetValue("fs.nr_open", out string? highest))
                    {
                        ulong permitted = targets.TryGetValue("fs.nr_open", out string? raised) ? ulong.Parse(raised, CultureInfo.InvariantCulture) : ulong.Parse(highest, CultureInfo.InvariantCulture);
                        Math.Max(soft, limits.Hard ?? 0).ShouldBeLessThanOrEqualTo(permitted, $"{world}: {command}");
                    }
                    else
                    {
                        TextBook.Of(Language.English).EffectOf(remedy).ShouldContain("was not read", Case.Sensitive, world);
                    }

                    targets.TryAdd("nofile", $"{soft}");
                    targets["nofile"].ShouldBe($"{soft}", world);
                }
            }
        }
    }

    private void CheckSysctl(string world, Finding finding, Remedy remedy, string name, string value)
    {
        set.Add(name);
        string? inForce = name switch
        {
            "net.ipv4.ip_local_port_range" => $"{range.First} {range.Last}",
            "net.ipv4.ip_local_reserved_ports" => reserved,
            _ => values.GetValueOrDefault(name),
        };
        string what = $"{world}: {finding.Id}, {remedy.Key}: {name} is {inForce}, set to {value}";
        if (inForce is null)
        {
            TextBook.Of(Language.English).EffectOf(remedy).ShouldContain("was not read", Case.Sensitive, what);
            TextBook.Of(Language.Chinese).EffectOf(remedy).ShouldContain("未能读到", Case.Sensitive, what);
            return;
        }

        value.ShouldNotBe(inForce, what);
        if (name == "net.ipv4.ip_local_reserved_ports")
        {
            var before = PortSet.Parse("", System.Text.Encoding.ASCII.GetBytes(inForce + "\n"));
            var after = PortSet.Parse("", System.Text.Encoding.ASCII.GetBytes(value + "\n"));
            before.Ports.Except(after.Ports).ShouldBeEmpty(what);
            return;
        }

        ulong last = ulong.Parse(value.Split(' ')[^1], CultureInfo.InvariantCulture);
        ulong was = ulong.Parse(inForce.Split(' ')[^1], CultureInfo.InvariantCulture);
        if (Raised.Contains(name))
        {
            last.ShouldBeGreaterThan(was, what);
        }
        else if (Lowered.Contains(name))
        {
            last.ShouldBeLessThan(was, what);
        }
    }

    private ImmutableArray<Finding> Findings()
    {
        Observation seen = bench.Look();
        return RemedyAgreement.Of([.. RuleList.All.Select(rule => (rule, verdict: rule.Judge(seen, held: null))).Where(pair => pair.verdict is not null)
            .Select(pair => new Finding(pair.rule, "self", pair.verdict!.Severity, pair.verdict, DateTimeOffset.UnixEpoch))
            .OrderByDescending(finding => finding.Severity)]);
    }

    private ObservationBench Play()
    {
        ticks++;
        bench.Pass(TimeSpan.FromSeconds(5));
        foreach (string counter in (string[])["ListenOverflows", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "SyncookiesSent", "TCPTimeWaitOverflow", "TCPAbortOnMemory", "TCPMemoryPressures", "ActiveOpens"])
        {
            bench.Count(counter, ticks * 200);
        }

        bench.Count("SyncookiesRecv", 1).Count("PassiveOpens", 1).Count("AttemptFails", 1).Count("OutSegs", ticks * 10_000).Count("RetransSegs", ticks * 2000).Count("TCPSynRetrans", 1).Count("TCPTimeouts", ticks);
        var owner = new Owner("shop", "shop.service", ProcessId, 100);
        bench.Settings = new SettingsReading("self", values, new Version(6, 18), [.. SysctlConf.Parse("/etc/sysctl.conf", "net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.ip_conntrack_max = 5\nnet.ipv4.tcp_max_tw_buckets = 5000\n"u8)]);
        ulong? orphans = Number("net.ipv4.tcp_max_orphans");
        bench.SockStat = new SockStatReading("self", new SockStat(InUse: 10, orphans ?? 0, TimeWait: 0, MemoryPages: 110_000), Limits(), orphans, Number("net.ipv4.tcp_max_tw_buckets")) { Softnet = new SoftnetStat(1_000_000, ticks * 100, ticks), BacklogLimit = Number("net.core.netdev_max_backlog") };
        bench.Range(range.First, range.Last, reserved);
        bench.Ports = new PortsReading("self", range, bench.Ports!.Reserved) { BoundUdp = PortSet.Parse("", "1600,20000\n"u8) };
        bench.Descriptors = Number("fs.file-max") is { } files ? new DescriptorsReading(new FileCounts(files - (files / 50), files), Number("fs.nr_open")) : null;
        bench.Running(new ProcessesReading.Row("shop", "shop.service", 1, limits.Soft, descriptorsUsed ?? (limits.Soft - 20), limits.Soft) { WorstProcessId = ProcessId, WorstStartTicks = 100, WorstHardLimit = limits.Hard });
        bench.Neighbours = new NeighboursReading(
            [.. ((string[])["ipv4", "ipv6"]).Select(family => new NeighboursReading.Table(family, new NeighbourStatistics(1100, ticks * 100, ticks), Number($"net.{family}.neigh.default.gc_thresh3")))]);
        bench.Udp = ObservationBench.UdpOf(
            [new("0.0.0.0", bench.Ports!.UsableCount, bench.Ports.UsableCount)],
            bench.Ports.UsableCount,
            holders: [new(owner, 900)],
            receivers: [new("0.0.0.0", "514", 212_992, 212_992, 212_992, ticks * 100, "shop.service", owner)],
            receiveErrors: ticks * 100);
        var holding = ListenerHolding.Of([owner], []);
        bench.Unix = ObservationBench.UnixOf(
            [new("/run/php-fpm.sock", (uint)listenLimit + 1, (uint)listenLimit, (uint)listenLimit + 1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), holding)],
            [new("/dev/log", TimeSpan.FromMinutes(1), IsFull: true, FullLooks: 4, holding)]);
        ulong? table = Number("net.netfilter.nf_conntrack_max");
        bench.Tracked(
            table is > 0 and { } max ? max : 100_000, table, Number("net.netfilter.nf_conntrack_buckets"), drops: ticks * 100, earlyDrops: ticks * 100, insertFailed: ticks * 100, chains: isNat ? 0 : ticks * 100,
            nat: isNat ? new NatPorts(100, IsWhole: true, 50, new NatPorts.Use("tcp", InetAddress.ReadV4([10, 0, 0, 1]), InetAddress.ReadV4([10, 0, 0, 9]), 443, 10, 10, 20_000, 20_009)) : null);
        bench.Sockets((TcpState.Established, 61_000 + (ticks * 100)), (TcpState.CloseWait, 1500), (TcpState.TimeWait, 20_000));
        bench.Listening(new ListenersReading.Row("0.0.0.0", "1500", listenLimit + 1, listenLimit, listenLimit + 1, ticks * 200));
        int usable = bench.Ports.UsableCount;
        bench.Census = ObservationBench.CensusOf(
            destinations: [new("10.0.0.1", "10.0.0.2", "443", (ulong)Math.Max(0, usable / 5), (ulong)Math.Max(0, usable - (usable / 5)), 0)],
            listeners: [new("0.0.0.0", "1500", "shop.service", "shop", 200, 10, 1500, 0, owner) { Unanswered = 150 }],
            blocked: (ulong)Math.Max(0, usable),
            closeWaitAges: Ages(),
            oldestCloseWait: TimeSpan.FromHours(1),
            zeroWindow: 5000,
            unread: 100,
            unanswered: new(5000, 80, [new("10.9.9.9", "22", 4000)]),
            holders: [.. Enum.GetValues<HeldSockets>().Select(kind => new CensusReading.HolderRow(kind, owner, 100, null))],
            connecting: [new("shop", "shop.service", 300, 300, owner)]);
        return bench;
    }

    private static AgeCounts Ages()
    {
        var ages = new AgeCounts();
        for (int i = 0; i < 1500; i++)
        {
            ages.Add(TimeSpan.FromHours(1));
        }

        return ages;
    }

    private ulong? Number(string name) => values.TryGetValue(name, out string? value) ? ulong.Parse(value, CultureInfo.InvariantCulture) : null;

    private MemoryLimits? Limits() => values.TryGetValue("net.ipv4.tcp_mem", out string? value)
        ? MemoryLimits.Parse("tcp_mem", System.Text.Encoding.ASCII.GetBytes(value + "\n"))
        : null;
}
