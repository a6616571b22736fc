using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;
using ConnExporter.Tests.Collectors;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Diagnosis.Tuning;

#pragma warning disable MA0009 // The texts are our own.

/// <summary>Settings are played; every verdict is said in every language.</summary>
public class TuningRulesTests
{
    private static readonly ImmutableArray<Rule> Rules = [.. RuleList.All.Where(rule => rule is TuningRule)];
    private readonly ObservationBench bench = new();
    private readonly Dictionary<string, string> values = [];
    private readonly List<SysctlAssignment> files = [];

    public TuningRulesTests()
    {
        SettingsReading recorded = SettingsCollectorTests.Read("linux-6.18");
        foreach (TuningSetting setting in SettingCatalogue.Present)
        {
            values[setting.Name] = recorded.Text(setting.Name)!;
        }

        bench.Range(32768, 60999).Listening(Listener("0.0.0.0", "80", limit: 511, peak: 3));
    }

    [Fact]
    public void All_of_them_are_in_the_list_under_one_prefix()
    {
        Rules.Length.ShouldBe(18);
        Rules.ShouldAllBe(rule => rule.Id.StartsWith("tuning_", StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_with_the_defaults_of_a_new_kernel_has_nothing_to_say() => Found().ShouldBeEmpty();

    [Fact]
    public void A_host_with_the_defaults_of_Linux_4_19_is_told_of_somaxconn_only()
    {
        values["net.core.somaxconn"] = "128";

        Found().ShouldBe(["tuning_somaxconn_low"]);
    }

    // /etc/sysctl.conf as the images of Alibaba Cloud bring it along.
    [Fact]
    public void A_cloud_host_as_it_is_delivered_is_told_of_its_few_buckets_and_warned_of_nothing()
    {
        values["net.ipv4.tcp_max_tw_buckets"] = "5000";
        values["net.ipv4.tcp_max_syn_backlog"] = "1024";
        files.AddRange(SysctlConf.Parse("/etc/sysctl.conf", """
            vm.swappiness = 0
            kernel.sysrq = 1
            net.ipv4.neigh.default.gc_stale_time = 120
            net.ipv4.conf.all.rp_filter = 0
            net.ipv4.conf.default.rp_filter = 0
            net.ipv4.tcp_max_tw_buckets = 5000
            net.ipv4.tcp_syncookies = 1
            net.ipv4.tcp_max_syn_backlog = 1024
            net.ipv4.tcp_synack_retries = 2
            """u8));

        Found().ShouldBe(["tuning_tw_buckets_low"]);
        Judge<TimeWaitBucketsLow>()!.Severity.ShouldBe(Severity.Info);
        Evidence<TimeWaitBucketsLow>().ShouldContain("/etc/sysctl.conf, line 6, sets net.ipv4.tcp_max_tw_buckets = 5000");
    }

    // Of the kernels of Alibaba Cloud Linux 2 and 3; others do not have it.
    [Theory]
    [InlineData("15", "tw_timeout_shorter")]
    [InlineData("600", "tw_timeout_longer")]
    [InlineData("60", null)]
    [InlineData(null, null)]
    public void Another_length_of_TIME_WAIT_is_told(string? seconds, string? fact)
    {
        if (seconds is not null)
        {
            values["net.ipv4.tcp_tw_timeout"] = seconds;
        }

        Found().ShouldBe(fact is null ? [] : ["tuning_tw_timeout_changed"]);
        Judge<TimeWaitTimeoutChanged>()?.Evidence.ShouldContain(one => one.Key == fact);
    }

    [Fact]
    public void A_small_host_has_few_buckets_by_itself()
    {
        values["net.ipv4.tcp_max_tw_buckets"] = values["net.ipv4.tcp_max_orphans"] = "4096";

        Found().ShouldBeEmpty();
    }

    // The block that is copied from article to article.
    [Fact]
    public void A_host_tuned_by_folklore_is_answered_line_by_line()
    {
        files.AddRange(SysctlConf.Parse("/etc/sysctl.conf", """
            net.ipv4.tcp_syncookies = 1
            net.ipv4.tcp_tw_reuse = 1
            net.ipv4.tcp_tw_recycle = 1
            net.ipv4.tcp_timestamps = 0
            net.ipv4.tcp_fin_timeout = 30
            net.ipv4.tcp_keepalive_time = 1200
            net.ipv4.ip_local_port_range = 1024 65000
            net.ipv4.tcp_max_syn_backlog = 65535
            net.ipv4.tcp_max_tw_buckets = 5000
            net.ipv4.ip_conntrack_max = 655360
            """u8));
        foreach (SysctlAssignment line in files.Where(line => values.ContainsKey(line.Name)))
        {
            values[line.Name] = line.Value;
        }

        bench.Range(1024, 65000);
        Found().ShouldBe(
        [
            "tuning_range_same_parity", "tuning_tw_reuse_without_timestamps", "tuning_fin_timeout_lowered", "tuning_tw_buckets_low", "tuning_syn_backlog_raised",
            "tuning_tw_recycle_in_file", "tuning_ip_conntrack_max_in_file",
        ]);
        Commands<RecycleInFile>().ShouldBe(["sed -i --follow-symlinks '3{/tcp_tw_recycle/s/^/# /}' /etc/sysctl.conf"]);
        Judge<RecycleInFile>()!.Instance.ShouldBe("/etc/sysctl.conf");
        Commands<RangeSameParity>().ShouldBe(["sysctl -w net.ipv4.ip_local_port_range='1024 65001'"]);
        Commands<FinTimeoutLowered>().ShouldBe(["sysctl -w net.ipv4.tcp_fin_timeout=60"]);
        Judge<SynBacklogRaised>()!.Remedies.Single().CommandLines.ShouldBeEmpty();
    }

    [Fact]
    public void A_line_that_ignores_errors_is_left_alone()
    {
        files.AddRange(SysctlConf.Parse("/etc/sysctl.conf", "-net.ipv4.tcp_tw_recycle = 1\n"u8));

        Found().ShouldBeEmpty();
    }

    [Fact]
    public void A_file_with_a_quote_in_its_name_is_quoted()
    {
        files.AddRange(SysctlConf.Parse("/etc/sysctl.d/it's.conf", "net.ipv4.netfilter.ip_conntrack_max = 1\n"u8));

        Commands<OldConntrackMaxInFile>().ShouldBe([@"sed -i --follow-symlinks '1{/ip_conntrack_max/s/^/# /}' '/etc/sysctl.d/it'\''s.conf'"]);
    }

    [Theory]
    [InlineData("/etc/sysctl.d/a\nb.conf")]
    [InlineData("/etc/sysctl.d/\u001b[2Jx.conf")]
    [InlineData("/etc/sysctl.d/\u202efnoc.conf")]
    [InlineData("/etc/sysctl.d/\ufffd.conf")]
    public void A_file_whose_name_cannot_be_copied_gets_no_command_and_the_text_says_so(string path)
    {
        files.AddRange(SysctlConf.Parse(path, "net.ipv4.tcp_tw_recycle = 1\n"u8));

        Remedy remedy = Judge<RecycleInFile>()!.Remedies.Single();

        remedy.Commands.ShouldHaveSingleItem();
        remedy.CommandLines.ShouldBeEmpty();
        TextBook.Of(Language.English).EffectOf(remedy).ShouldEndWith("The commands are left out, as a name in them holds characters that cannot be copied as they are.");
        TextBook.Of(Language.Chinese).EffectOf(remedy).ShouldEndWith("命令已略去：其中的名称含有无法原样复制的字符。");
    }

    [Theory]
    [InlineData("# a\u2028b\nnet.ipv4.tcp_tw_recycle = 1\n", 2)]
    [InlineData("# a\rb\fc\u0085d\nnet.ipv4.tcp_tw_recycle = 1\n", 2)]
    [InlineData("# a\r\n\r\nnet.ipv4.tcp_tw_recycle = 1\r\n", 3)]
    public void Lines_are_counted_as_sed_counts_them(string text, int line)
    {
        files.AddRange(SysctlConf.Parse("/etc/sysctl.conf", System.Text.Encoding.UTF8.GetBytes(text)));

        Commands<RecycleInFile>().ShouldBe([$"sed -i --follow-symlinks '{line}{{/tcp_tw_recycle/s/^/# /}}' /etc/sysctl.conf"]);
    }

    [Theory]
    [InlineData("net.ipv4.tcp_syncookies", "0", "tuning_syncookies_off", true, "sysctl -w net.ipv4.tcp_syncookies=1")]
    [InlineData("net.ipv4.tcp_abort_on_overflow", "1", "tuning_abort_on_overflow", false, "sysctl -w net.ipv4.tcp_abort_on_overflow=0")]
    [InlineData("net.core.somaxconn", "128", "tuning_somaxconn_low", false, "sysctl -w net.core.somaxconn=4096")]
    [InlineData("net.ipv4.tcp_fin_timeout", "59", "tuning_fin_timeout_lowered", false, "sysctl -w net.ipv4.tcp_fin_timeout=60")]
    [InlineData("net.netfilter.nf_conntrack_max", "4194304", "tuning_conntrack_buckets_few", false, "sysctl -w net.netfilter.nf_conntrack_buckets=1048576")]
    [InlineData("net.netfilter.nf_conntrack_tcp_timeout_established", "600", "tuning_conntrack_timeout_below_keepalive", false, "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=10800")]
    public void One_setting_is_enough(string name, string value, string finding, bool warns, string command)
    {
        values[name] = value;

        Found().ShouldBe([finding]);
        Verdict verdict = bench.Judge(Rules.Single(rule => rule.Id == finding))!;
        verdict.Severity.ShouldBe(warns ? Severity.Warning : Severity.Info);
        verdict.Remedies.SelectMany(remedy => remedy.CommandLines).ShouldBe([command]);
        Say(finding, verdict).ShouldContain(text => text == $"{name} = {value}");
    }

    [Theory]
    [InlineData("net.ipv4.tcp_syncookies", "2")]
    [InlineData("net.core.somaxconn", "129")]
    [InlineData("net.ipv4.tcp_fin_timeout", "120")]
    [InlineData("net.ipv4.tcp_tw_reuse", "1")]
    [InlineData("net.ipv4.tcp_timestamps", "0")]
    [InlineData("net.ipv4.tcp_max_syn_backlog", "4096")]
    [InlineData("net.ipv4.tcp_max_tw_buckets", "16384")]
    [InlineData("net.netfilter.nf_conntrack_max", "2097152")]
    [InlineData("net.netfilter.nf_conntrack_tcp_timeout_established", "7200")]
    [InlineData("net.netfilter.nf_conntrack_tcp_timeout_established", "86400")]
    [InlineData("net.ipv4.tcp_keepalive_time", "600")]
    public void What_has_its_reasons_is_not_found(string name, string value)
    {
        values[name] = value;

        Found().ShouldBeEmpty();
    }

    [Fact]
    public void Idle_connections_certainly_hang_where_strangers_are_not_picked_up()
    {
        values["net.netfilter.nf_conntrack_tcp_timeout_established"] = "600";
        values["net.netfilter.nf_conntrack_tcp_loose"] = "0";

        Judge<ConntrackTimeoutBelowKeepalive>()!.Severity.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void Reuse_without_timestamps_is_told()
    {
        values["net.ipv4.tcp_tw_reuse"] = "1";
        values["net.ipv4.tcp_timestamps"] = "0";

        Found().ShouldBe(["tuning_tw_reuse_without_timestamps"]);
        Commands<ReuseWithoutTimestamps>().ShouldBe(["sysctl -w net.ipv4.tcp_timestamps=1"]);
    }

    [Fact]
    public void A_range_below_1024_moves_up_and_keeps_the_listening_ports_out()
    {
        bench.Range(1, 65535, "9000").Listening(Listener("0.0.0.0", "80"), Listener("0.0.0.0", "8080"), Listener("::", "8080"), Listener("0.0.0.0", "8081"));

        Judge<RangeBelow1024>()!.Severity.ShouldBe(Severity.Warning);
        Commands<RangeBelow1024>().ShouldBe(["sysctl -w net.ipv4.ip_local_reserved_ports=8080-8081,9000", "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"]);
        Found().ShouldBe(["tuning_range_below_1024", "tuning_range_overlaps_listeners", "tuning_range_same_parity"]);
    }

    [Fact]
    public void Listening_ports_in_the_range_are_named_with_who_listens()
    {
        bench.Range(32768, 60999, "40000").Listening(Listener("0.0.0.0", "40000"), Listener("0.0.0.0", "50051"), Listener("127.0.0.1", "80"));
        bench.Census = ObservationBench.CensusOf(listeners: [new CensusReading.ListenerRow("0.0.0.0", "50051", "grpc.service", "grpcd", 0, 0, 0, 0, Owner: null)]);

        Found().ShouldBe(["tuning_range_overlaps_listeners"]);
        Judge<RangeOverlapsListeners>()!.Holders.Single().ShouldBe(new Holder("grpcd") { Unit = "grpc.service" });
        Commands<RangeOverlapsListeners>().ShouldBe(["sysctl -w net.ipv4.ip_local_reserved_ports=40000,50051"]);
        Evidence<RangeOverlapsListeners>().ShouldContain("1 listening ports are in the ephemeral range and not reserved: 50051");
    }

    [Theory]
    [InlineData(10000, 65534, "10000 65535")]
    [InlineData(10001, 65535, "10002 65535")]
    public void A_range_with_two_ends_of_the_same_kind_gets_one_of_each(ushort first, ushort last, string better)
    {
        bench.Range(first, last);

        Found().ShouldBe(["tuning_range_same_parity"]);
        Commands<RangeSameParity>().ShouldBe([$"sysctl -w net.ipv4.ip_local_port_range='{better}'"]);
    }

    [Fact]
    public void A_narrow_range_is_told()
    {
        bench.Range(50000, 50999).Listening(Listener("0.0.0.0", "40000"));

        Found().ShouldBe(["tuning_range_narrowed"]);
        Commands<RangeNarrowed>().ShouldBe(["sysctl -w net.ipv4.ip_local_reserved_ports=40000", "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"]);
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(2047, 0, false)]
    [InlineData(2048, 0, true)]
    [InlineData(0, 1, true)]
    public void A_backlog_at_somaxconn_matters_where_the_queue_was_needed(ulong peak, ulong drops, bool found)
    {
        bench.Listening(Listener("0.0.0.0", "80", limit: 4096, peak, drops), Listener("0.0.0.0", "81", limit: 4095, peak: 4095, drops: 9));

        Found().ShouldBe(found ? ["tuning_backlog_cut_off"] : []);
        if (found)
        {
            Judge<BacklogCutOff>()!.Instance.ShouldBe("0.0.0.0:80");
            Commands<BacklogCutOff>().ShouldBe(["sysctl -w net.core.somaxconn=16384"]);
        }
    }

    [Theory]
    [InlineData(1023, 524_288, true)]
    [InlineData(820, ulong.MaxValue, true)]
    [InlineData(819, 524_288, false)]
    [InlineData(1023, 2047, false)]
    public void A_busy_process_far_below_its_hard_limit_is_named(ulong open, ulong hard, bool found)
    {
        bench.Running(new ProcessesReading.Row("java", "app.service", 1, open, open, 1024) { WorstProcessId = 4242, WorstHardLimit = hard }, new ProcessesReading.Row("other", "other", 9, 900, 900, 1000));

        Found().ShouldBe(found ? ["tuning_nofile_soft_low"] : []);
        if (found)
        {
            Judge<SoftFileLimitLow>()!.Holders.Single().ProcessId.ShouldBe(4242);

            // A limit without an end is above fs.nr_open: no command sets one beside it.
            Commands<SoftFileLimitLow>().ShouldBe(hard == ulong.MaxValue ? [] : ["prlimit --pid 4242 --nofile=524288:"]);
        }
    }

    [Fact]
    public void What_was_not_read_is_not_judged()
    {
        bench.Settings = null;
        Rules.ShouldAllBe(rule => bench.Judge(rule, null) == null);

        values.Clear();
        values["net.ipv4.tcp_mem"] = "1 2 3";
        bench.Ports = null;
        bench.Listeners = null;
        Found().ShouldBeEmpty();
    }

    private static ListenersReading.Row Listener(string address, string port, ulong limit = 128, ulong peak = 0, ulong? drops = 0) => new(address, port, 0, limit, peak, drops);

    private string[] Found()
    {
        bench.Settings = new SettingsReading("self", values, new Version(6, 18), [.. files]);
        var verdicts = Rules.ToDictionary(rule => rule.Id, rule => bench.Judge(rule));
        foreach ((string id, Verdict? verdict) in verdicts)
        {
            if (verdict is not null)
            {
                Rules.Single(rule => rule.Id == id).Severities.ShouldContain(verdict.Severity);
                Say(id, verdict);
            }
        }

        return [.. Rules.Select(rule => rule.Id).Where(id => verdicts[id] is not null)];
    }

    private Verdict? Judge<T>()
        where T : Rule
    {
        bench.Settings = new SettingsReading("self", values, new Version(6, 18), [.. files]);
        return bench.Judge(Rules.OfType<T>().Single());
    }

    private string[] Commands<T>()
        where T : Rule => [.. Judge<T>()!.Remedies.SelectMany(remedy => remedy.CommandLines)];

    private string[] Evidence<T>()
        where T : Rule => [.. Judge<T>()!.Evidence.Select(TextBook.Of(Language.English).Say)];

    // Every text is there in every language, and nothing in braces is left open. Returns what is said in English.
    private static List<string> Say(string id, Verdict verdict)
    {
        List<string> english = [];
        foreach (Language language in Enum.GetValues<Language>())
        {
            var texts = TextBook.Of(language);
            List<string> said =
            [
                texts[$"finding.{id}.title", ("instance", verdict.Instance)],
                .. verdict.Evidence.Select(texts.Say),
                .. verdict.Remedies.SelectMany(remedy => ((string[])["title", "effect", "risk"]).Select(part => texts[$"remedy.{remedy.Key}.{part}", remedy.Values])),
            ];
            said.ShouldAllBe(text => text.Length > 0 && !Regex.IsMatch(text, @"\{\w+\}"));
            english = language == Language.English ? said : english;
        }

        verdict.Settings.ShouldAllBe(name => SettingCatalogue.Find(name) != null);
        return english;
    }
}
