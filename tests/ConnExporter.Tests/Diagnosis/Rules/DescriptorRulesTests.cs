using ConnExporter.Collectors;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
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
    [InlineData(819_999, null, null)]
    [InlineData(820_000, null, "warning")]
    [InlineData(770_000, "warning", "warning")]
    [InlineData(980_000, null, "critical")]
    public void A_host_is_judged_by_file_max(ulong open, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench().OpenFiles(open, 1_025_000).Running(Row(50), Row(10) with { Process = "other", Unit = "other" }).Judge(system, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(system, verdict.Severity).Holders.Single().Label.ShouldBe("shop.service");
        verdict?.Remedy("raise_file_max").Commands.ShouldBe(["sysctl -w fs.file-max=2050000"]);
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
        verdict.Remedies[0].Commands.ShouldBe(["prlimit --pid 4711 --nofile=2048:524288"]);
        verdict.Remedies[2].Commands.ShouldBe([
            "mkdir -p /etc/systemd/system/shop.service.d",
            "printf '[Service]\\nLimitNOFILE=65536\\n' >/etc/systemd/system/shop.service.d/nofile.conf",
            "systemctl daemon-reload",
            "systemctl show -p LimitNOFILE shop.service",
        ]);
    }

    [Theory]
    [InlineData(1024, 1024, 1_048_576, "2048:2048")]
    [InlineData(1024, ulong.MaxValue, 1_048_576, "2048:1048576")]
    [InlineData(100, 100, 1_048_576, "1024:1024")]
    [InlineData(1_000_000, 1_000_000, 1_048_576, "1048576:1048576")]
    [InlineData(1_048_576, 1_048_576, 1_048_576, null)]
    public void The_new_limit_is_one_that_the_kernel_takes(ulong soft, ulong hard, ulong highest, string? limits)
    {
        ObservationBench bench = new ObservationBench().OpenFiles(10, 10_000_000, highest).Running(Row(soft) with { WorstLimit = soft, WorstHardLimit = hard });

        Verdict verdict = bench.Judge(process).BeSound(process, Severity.Critical);

        verdict.Remedies.SelectMany(remedy => remedy.Commands).SingleOrDefault(command => command.StartsWith("prlimit", StringComparison.Ordinal))
            .ShouldBe(limits is null ? null : $"prlimit --pid 4711 --nofile={limits}");
    }

    [Fact]
    public void Without_a_unit_the_limit_is_set_where_the_process_is_started() =>
        new ObservationBench().Running(Row(1000) with { Unit = "docker-0123456789ab" }).Judge(process).BeSound(process, Severity.Critical)
            .Remedies[^1].ShouldSatisfyAllConditions(remedy => remedy.Key.ShouldBe("raise_nofile_where_started"), remedy => remedy.Commands.ShouldBeEmpty());

    [Fact]
    public void The_fullest_of_many_workers_is_meant() =>
        new ObservationBench().Running(Row(1000) with { Processes = 8, Descriptors = 3000 }).Judge(process).BeSound(process, Severity.Critical).Facts().ShouldContain("descriptors_of_group");

    private static ProcessesReading.Row Row(ulong open) =>
        new("java", "shop.service", Processes: 1, Descriptors: open, Worst: open, WorstLimit: 1024) { WorstProcessId = 4711, WorstStartTicks = 200, WorstHardLimit = 524_288 };
}
