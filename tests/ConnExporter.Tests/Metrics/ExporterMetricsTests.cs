using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Metrics;

public class ExporterMetricsTests
{
    private static readonly string[] Outcomes = ["ok", "absent", "denied", "broken", "stuck"];
    private static readonly CollectorState Waiting = new() { Name = "demo", Interval = TimeSpan.FromSeconds(2.5) };

    [Fact]
    public void The_build_tells_version_revision_and_runtime() =>
        Page()["conn_exporter_build_info", BuildVersion.Version, BuildVersion.Revision, BuildVersion.Runtime].ShouldBe("1");

    [Theory]
    [InlineData(null, null)]
    [InlineData("Ok", "ok")]
    [InlineData("Absent", "absent")]
    [InlineData("Denied", "denied")]
    [InlineData("Broken", "broken")]
    [InlineData("Stuck", "stuck")]
    public void One_outcome_holds_and_the_others_are_0(string? outcome, string? label)
    {
        MetricsText page = Page(Waiting with { Outcome = outcome is null ? null : Enum.Parse<Outcome>(outcome) });

        page.Of("conn_collector_outcome").ShouldBe(Outcomes.Select(name => $"demo {name} {(name == label ? 1 : 0)}"));
    }

    [Fact]
    public void Before_the_first_sample_there_is_neither_a_success_nor_a_duration()
    {
        MetricsText page = Page(Waiting);

        page["conn_collector_last_success_timestamp_seconds", "demo"].ShouldBeNull();
        page["conn_collector_duration_seconds", "demo"].ShouldBeNull();
        page["conn_collector_interval_seconds", "demo"].ShouldBe("2.5");
        page["conn_collector_cpu_seconds_total", "demo"].ShouldBe("0");
    }

    [Fact]
    public void Times_are_in_seconds()
    {
        MetricsText page = Page(Waiting with
        {
            Outcome = Outcome.Broken,
            LastSuccess = DateTimeOffset.UnixEpoch.AddSeconds(1767323045.5),
            Duration = TimeSpan.FromMicroseconds(250),
            CpuTime = TimeSpan.FromMilliseconds(1500),
        });

        page["conn_collector_last_success_timestamp_seconds", "demo"].ShouldBe("1767323045.5");
        page["conn_collector_duration_seconds", "demo"].ShouldBe("0.00025");
        page["conn_collector_cpu_seconds_total", "demo"].ShouldBe("1.5");
    }

    [Fact]
    public void Every_reason_of_errors_is_there_from_the_start() =>
        Page(Waiting).Of("conn_collector_errors_total").ShouldBe(KernelReadException.Reasons.Select(reason => $"demo {reason} 0"));

    [Fact]
    public void Errors_stand_at_their_reason() =>
        Page(Waiting with { Errors = Waiting.Errors.SetItem(KernelReadException.Reasons.IndexOf("protocol"), 7) })["conn_collector_errors_total", "demo", "protocol"].ShouldBe("7");

    [Fact]
    public void What_bounds_left_out_is_counted_by_family() =>
        Page(Waiting with { Dropped = ImmutableSortedDictionary<string, ulong>.Empty.Add("conn_a", 0).Add("conn_b", 12) })
            .Of("conn_series_dropped_total").ShouldBe(["conn_a 0", "conn_b 12"]);

    [Fact]
    public void What_two_collectors_left_out_of_one_family_is_one_series()
    {
        CollectorState bounded = Waiting with { Dropped = ImmutableSortedDictionary<string, ulong>.Empty.Add("conn_a", 2) };

        Page(bounded, bounded with { Name = "second" }).Of("conn_series_dropped_total").ShouldBe(["conn_a 4"]);
    }

    [Theory]
    [InlineData(true, "1")]
    [InlineData(false, "0")]
    public void The_last_reload_is_told_beside_the_time_of_what_is_in_force(bool ok, string value)
    {
        var page = MetricsText.Of(new ExporterState(Snapshot.Empty) { Configuration = new ConfigurationState(ok, DateTimeOffset.UnixEpoch.AddSeconds(12.25)) });

        page["conn_exporter_config_last_reload_successful"].ShouldBe(value);
        page["conn_exporter_config_last_reload_success_timestamp_seconds"].ShouldBe("12.25");
    }

    [Fact]
    public void Collectors_stand_side_by_side_in_each_family()
    {
        MetricsText page = Page(Waiting with { Outcome = Outcome.Ok }, Waiting with { Name = "second", Outcome = Outcome.Ok });

        page.Of("conn_collector_duration_seconds").ShouldBe(["demo 0", "second 0"]);
        page.Families.Select(family => family.Name).ShouldBeUnique();
    }

    private static MetricsText Page(params CollectorState[] collectors) =>
        MetricsText.Of(new Snapshot([.. collectors]));
}
