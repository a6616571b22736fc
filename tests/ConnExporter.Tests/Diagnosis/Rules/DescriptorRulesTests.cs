using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Collectors;
using static ConnExporter.Tests.Diagnosis.ObservationBench;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class DescriptorRulesTests
{
    private readonly ProcessDescriptorsExhausting process = new();
    private readonly SystemDescriptorsExhausting system = new();

    [Theory]
    [InlineData(819, null, null)]
    [InlineData(820, null, "warning")]
    [InlineData(768, "warning", "warning")]
    [InlineData(767, "warning", null)]
    [InlineData(973, null, "critical")]
    [InlineData(922, "critical", "critical")]
    public void A_process_is_judged_by_its_soft_limit(ulong open, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench().Running(Row(open)).Judge(process, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(process, verdict.Severity);
    }

    [Theory]
    [InlineData(830, "shop.service", "critical")]
    [InlineData(830, "other.service", "warning")]
    [InlineData(700, "shop.service", null)]
    public void A_descriptor_that_was_refused_is_proof(ulong open, string unit, string? severity)
    {
        Verdict? verdict = new ObservationBench { Symptoms = SymptomsOf([], "", 0, [("java", unit, 3)]) }.Running(Row(open)).Judge(process);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.Facts().Contains("descriptors_refused").ShouldBe(severity == "critical");
        verdict?.BeSound(process, verdict.Severity);
    }

    [Theory]
    [InlineData(819_999, null, null)]
    [InlineData(820_000, null, "warning")]
    [InlineData(770_000, "warning", "warning")]
    [InlineData(980_000, null, "critical")]
    public void A_host_is_judged_by_file_max(ulong open, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench().OpenFiles(open, 1_025_000).Running(Row(50), Row(10) with { Process = "other", Unit = "other" }).Judge(system, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(system, verdict.Severity).Holders.Single().Label.ShouldBe("shop.service");
        verdict?.Remedy("raise_file_max").CommandLines.ShouldBe(["sysctl -w fs.file-max=2050000"]);
    }

    [Fact]
    public void What_was_not_read_is_not_judged()
    {
        new ObservationBench().Judge(process).ShouldBeNull();
        new ObservationBench().Judge(system).ShouldBeNull();
    }

    [Fact]
    public void Too_many_open_files_is_cured_in_the_running_process_then_in_the_unit()
    {
        Verdict verdict = new ObservationBench().OpenFiles(10_000, 1_000_000).Running(Row(1024)).Judge(process).BeSound(process, Severity.Critical);

        verdict.Instance.ShouldBe("java of shop.service");
        verdict.Holders.Single().ShouldSatisfyAllConditions(holder => holder.ProcessId.ShouldBe(4711), holder => holder.StartedAt.ShouldBe(BootTime.AddSeconds(2)));
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["raise_nofile_now", "find_descriptor_leak", "raise_nofile_of_unit"]);
        verdict.Remedies[0].CommandLines.ShouldBe(["prlimit --pid 4711 --nofile=2048:524288"]);
        verdict.Remedies[2].CommandLines.ShouldBe([
            "mkdir -p /etc/systemd/system/shop.service.d",
            "printf '[Service]\\nLimitNOFILE=65536:524288\\n' >/etc/systemd/system/shop.service.d/50-conn-exporter-nofile.conf",
            "systemctl daemon-reload",
            "systemctl show -p LimitNOFILE shop.service",
        ]);
    }

    [Theory]
    [InlineData(1024, 1024, 1_048_576, "2048:2048")]
    [InlineData(1024, ulong.MaxValue, 1_048_576, "2048:1048576")]
    [InlineData(100, 100, 1_048_576, "1024:1024")]
    [InlineData(1_000_000, 1_000_000, 1_048_576, "1048576:1048576")]
    [InlineData(100, 4096, 1_048_576, "1024:4096")]
    [InlineData(1_048_576, 1_048_576, 1_048_576, "2097152:2097152", 2_097_152)]
    [InlineData(4096, 524_288, 65_536, "8192:524288", 524_288)]
    [InlineData(2_147_483_584, 2_147_483_584, 2_147_483_584, null)]
    public void The_new_limit_is_one_that_the_kernel_takes(ulong soft, ulong hard, ulong highest, string? limits, int? first = null)
    {
        ObservationBench bench = new ObservationBench().OpenFiles(10, 10_000_000, highest).Running(Row(soft) with { WorstLimit = soft, WorstHardLimit = hard });

        Verdict verdict = bench.Judge(process).BeSound(process, Severity.Critical);

        verdict.Remedies.SelectMany(remedy => remedy.CommandLines).SingleOrDefault(command => command.StartsWith("prlimit", StringComparison.Ordinal))
            .ShouldBe(limits is null ? null : $"prlimit --pid 4711 --nofile={limits}");
        if (limits is not null)
        {
            verdict.Remedies[0].CommandLines.Length.ShouldBe(first is null ? 1 : 2);
            verdict.Remedies[0].CommandLines[0].ShouldBe(first is null ? $"prlimit --pid 4711 --nofile={limits}" : $"sysctl -w fs.nr_open={first}");
        }
    }

    [Fact]
    public void Without_a_unit_the_limit_is_set_where_the_process_is_started() =>
        new ObservationBench().Running(Row(1000) with { Unit = "docker-0123456789ab" }).Judge(process).BeSound(process, Severity.Critical)
            .Remedies[^1].ShouldSatisfyAllConditions(remedy => remedy.Key.ShouldBe("raise_nofile_where_started"), remedy => remedy.CommandLines.ShouldBeEmpty());

    [Theory]
    [InlineData(@"foo\x2dbar.service", @"'/etc/systemd/system/foo\x2dbar.service.d'", @"'foo\x2dbar.service'")]
    [InlineData(@"my\x20app.service", @"'/etc/systemd/system/my\x20app.service.d'", @"'my\x20app.service'")]
    [InlineData("a@b.service", "/etc/systemd/system/a@b.service.d", "a@b.service")]
    [InlineData("-x.service", "/etc/systemd/system/-x.service.d", "-- -x.service")]
    public void A_legal_name_of_a_unit_is_named_exactly(string unit, string directory, string operand) =>
        new ObservationBench().Running(Row(1000) with { Unit = unit }).Judge(process).BeSound(process, Severity.Critical).Remedy("raise_nofile_of_unit").CommandLines.ShouldBe([
            $"mkdir -p {directory}",
            $"printf '[Service]\\nLimitNOFILE=65536:524288\\n' >{Within(directory)}",
            "systemctl daemon-reload",
            $"systemctl show -p LimitNOFILE {operand}",
        ]);

    [Theory]
    [InlineData("user@1000.service/web.service", "unit_of_user_manager")]
    [InlineData("systemd-nspawn@m.service/payload/web.service", "unit_of_inner_manager")]
    [InlineData("engine.service/web.service", "unit_of_inner_manager")]
    [InlineData("lxc.payload.c1/web.service", "unit_of_inner_manager")]
    [InlineData("../../web.service", "unit_beyond_cgroup_namespace")]
    [InlineData("docker-0123456789ab", "cgroup_is_no_unit")]
    [InlineData("pod shop/web-0/nginx", "cgroup_is_no_unit")]
    [InlineData("pod shop/nginx.service", "cgroup_is_no_unit")]
    [InlineData("pod 0d1c1f0a-52b1/cri-containerd-0123456789ab", "cgroup_is_no_unit")]
    [InlineData("x;echo INJECTED;.service", "cgroup_is_no_unit")]
    [InlineData("$(reboot).service", "cgroup_is_no_unit")]
    [InlineData("my app.service", "cgroup_is_no_unit")]
    [InlineData("none", null)]
    [InlineData("shop.service", null)]
    [InlineData("session-3.scope", null)]
    public void What_is_no_unit_of_the_host_is_said_to_be_none_and_gets_no_drop_in(string unit, string? fact)
    {
        Verdict verdict = new ObservationBench().Running(Row(1000) with { Unit = unit }).Judge(process).BeSound(process, Severity.Critical);

        verdict.Facts().Where(key => key.StartsWith("unit_", StringComparison.Ordinal) || key == "cgroup_is_no_unit").ShouldBe(fact is null ? [] : [fact]);
        verdict.Remedies.SelectMany(remedy => remedy.CommandLines).Any(line => line.Contains("/etc/systemd/", StringComparison.Ordinal) || line.StartsWith("systemctl", StringComparison.Ordinal))
            .ShouldBe(unit == "shop.service");
    }

    [Fact]
    public void Where_it_cannot_be_told_whose_units_they_are_none_gets_a_drop_in()
    {
        var bench = new ObservationBench { SeesHostCgroups = false };

        Verdict verdict = bench.Running(Row(1000)).Judge(process).BeSound(process, Severity.Critical);

        verdict.Remedies[^1].Key.ShouldBe("raise_nofile_where_started");
        verdict.Facts().ShouldContain("unit_beyond_cgroup_namespace");
    }

    [Fact]
    public void A_process_that_calls_itself_like_another_with_its_unit_is_not_taken_for_that()
    {
        Verdict verdict = new ObservationBench()
            .Running(Row(1000) with { Process = "a of b.service", Unit = "none", WorstProcessId = 66 }, Row(10) with { Process = "a", Unit = "b.service", WorstProcessId = 77 })
            .Judge(process).BeSound(process, Severity.Critical);

        verdict.Remedies[0].CommandLines.ShouldBe(["prlimit --pid 66 --nofile=2048:524288"]);
        verdict.Remedies[^1].Key.ShouldBe("raise_nofile_where_started");
    }

    [Fact]
    public void The_fullest_of_many_workers_is_meant() =>
        new ObservationBench().Running(Row(1000) with { Processes = 8, Descriptors = 3000 }).Judge(process).BeSound(process, Severity.Critical).Facts().ShouldContain("descriptors_of_group");

    private static string Within(string directory) => directory.EndsWith('\'') ? $"{directory[..^1]}/50-conn-exporter-nofile.conf'" : $"{directory}/50-conn-exporter-nofile.conf";

    private static ProcessesReading.Row Row(ulong open) =>
        new("java", "shop.service", Processes: 1, Descriptors: open, Worst: open, WorstLimit: 1024) { WorstProcessId = 4711, WorstStartTicks = 200, WorstHardLimit = 524_288 };
}
