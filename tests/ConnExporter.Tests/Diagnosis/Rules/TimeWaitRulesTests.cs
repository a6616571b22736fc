using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Collectors;
using static ConnExporter.Tests.Diagnosis.ObservationBench;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class TimeWaitRulesTests
{
    private readonly TimeWaitStorm storm = new();
    private readonly TimeWaitBucketOverflow overflow = new();

    [Theory]
    [InlineData(9_999, 0, null, null)]
    [InlineData(10_000, 0, null, "info")]
    [InlineData(60_000, 14_115, null, "info")]
    [InlineData(60_000, 14_116, null, "warning")]
    [InlineData(14_116, 14_116, null, "warning")]
    [InlineData(9_500, 0, "info", "info")]
    [InlineData(9_499, 0, "info", null)]
    [InlineData(20_000, 12_705, "warning", "warning")]
    [InlineData(20_000, 12_704, "warning", "info")]
    [InlineData(20_000, 14_000, "info", "info")]
    public void It_is_a_note_unless_one_destination_loses_half_of_its_ports(ulong all, ulong towardsOne, string? held, string? severity)
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 20, towardsOne, 0), new("10.0.0.1", "10.0.0.8", "443", 20_000, 1, 0)]) };

        Verdict? verdict = bench.Range(32768, 60999).Sockets((TcpState.TimeWait, all)).Judge(storm, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(storm, verdict.Severity);
    }

    // The census reads the setting of its own network namespace; where neither it nor the settings were read, no length is told.
    [Theory]
    [InlineData(15, null, 15)]
    [InlineData(600, "60", 600)]
    [InlineData(null, "30", 30)]
    [InlineData(null, "", 60)]
    [InlineData(null, null, null)]
    public void How_long_each_waits_is_told_as_far_as_it_was_read(int? census, string? setting, int? length)
    {
        var bench = new ObservationBench
        {
            Census = CensusOf(timeWaitLength: census is { } seconds ? TimeSpan.FromSeconds(seconds) : null),
            Settings = setting is null ? null : new SettingsReading(KernelSource.OwnNamespace, setting.Length == 0 ? new Dictionary<string, string>() : new Dictionary<string, string> { ["net.ipv4.tcp_tw_timeout"] = setting }, null, []),
        };

        Verdict verdict = bench.Sockets((TcpState.TimeWait, 20_000)).Judge(storm).BeSound(storm, Severity.Info);

        verdict.Facts().Contains("time_wait_length").ShouldBe(length is not null);
        TimeWaitStorm.LengthOf(bench.Seen!).ShouldBe(length is { } told ? TimeSpan.FromSeconds(told) : null);
    }

    [Fact]
    public void TIME_WAIT_6000_against_ESTABLISHED_2400_is_no_fault()
    {
        ObservationBench bench = new ObservationBench { Census = CensusOf([.. Enumerable.Range(1, 20).Select(i => new ConnExporter.Sampling.Collectors.CensusReading.DestinationRow("10.0.0.1", $"10.0.1.{i}", "443", 120, 300, 0))]) }
            .Range(32768, 60999).Memory().Sockets((TcpState.TimeWait, 6_000), (TcpState.Established, 2_400));

        RuleList.All.Select(rule => bench.Judge(rule)).OfType<Verdict>().ShouldBeEmpty();
    }

    [Fact]
    public void TIME_WAIT_at_90_percent_of_one_destination_is_why_its_ports_run_out()
    {
        ObservationBench bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 0, 25_409, 0)], sightings: [new("10.0.0.9", "443", "shop.service", "php-fpm", 4, null)]) }
            .Range(32768, 60999).Memory().Sockets((TcpState.TimeWait, 25_409), (TcpState.Established, 300));
        var exhausting = new EphemeralPortsExhausting();

        Verdict verdict = bench.Judge(storm).BeSound(storm, Severity.Warning);
        bench.Judge(exhausting).BeSound(exhausting, Severity.Warning);

        exhausting.Causes.ShouldContain(storm.Id);
        verdict.Instance.ShouldBe("10.0.0.9:443 from 10.0.0.1");
        verdict.Holders.Single().Label.ShouldBe("shop.service");
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["reuse_connections", "widen_port_range", "reuse_time_wait"]);
    }

    [Fact]
    public void A_healthy_busy_host_gets_a_note_at_most()
    {
        ObservationBench bench = new ObservationBench { Census = CensusOf([.. Enumerable.Range(1, 50).Select(i => new ConnExporter.Sampling.Collectors.CensusReading.DestinationRow("10.0.0.1", $"10.0.1.{i}", "443", 400, 500, 0))], inUse: 26_000) }
            .Range(32768, 60999).Memory().Tracked(45_000).OpenFiles(30_000, 2_000_000).Sockets((TcpState.TimeWait, 25_000), (TcpState.Established, 20_000));

        for (int minute = 0; minute < 12; minute++)
        {
            RuleList.All.Select(rule => bench.Judge(rule)).OfType<Verdict>().ShouldAllBe(verdict => verdict.Severity == Severity.Info);
            bench.Pass(TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public void What_was_not_read_is_not_judged()
    {
        new ObservationBench().Judge(storm).ShouldBeNull();
        new ObservationBench().Judge(overflow).ShouldBeNull();
        new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 0, 25_000, 0)]) }.Judge(storm).ShouldBeNull();
    }

    [Theory]
    [InlineData(0, 3_000, null, null)]
    [InlineData(0, 4_000, null, "info")]
    [InlineData(0, 3_750, "info", "info")]
    [InlineData(0, 3_749, "info", null)]
    [InlineData(7, 5_000, null, "warning")]
    [InlineData(1, 4_999, "info", "warning")]
    public void Overflows_are_a_warning_and_a_full_table_alone_is_a_note(ulong overflows, ulong waiting, string? held, string? severity)
    {
        ObservationBench bench = new ObservationBench().Memory(maxTimeWait: 5_000).Sockets((TcpState.TimeWait, waiting)).Count("TCPTimeWaitOverflow", 100);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Count("TCPTimeWaitOverflow", 100 + overflows);

        Verdict? verdict = bench.Judge(overflow, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(overflow, verdict.Severity).Remedy("raise_time_wait_buckets").CommandLines.ShouldBe(["sysctl -w net.ipv4.tcp_max_tw_buckets=65536"]);
    }

    [Fact]
    public void Overflows_of_long_ago_are_forgotten()
    {
        ObservationBench bench = new ObservationBench().Memory(maxTimeWait: 100_000).Sockets((TcpState.TimeWait, 10)).Count("TCPTimeWaitOverflow", 100);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(5)).Count("TCPTimeWaitOverflow", 200).Judge(overflow).ShouldNotBeNull();
        for (int second = 0; second <= 66; second++)
        {
            bench.Pass(TimeSpan.FromSeconds(1)).Look();
        }

        bench.Judge(overflow, Severity.Warning).ShouldBeNull();
    }
}
