using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Incidents;

namespace ConnExporter.Tests.Incidents;

/// <summary>An incident lasts from the first warning until none is left; in between it is recorded when it gets worse, and not too often.</summary>
public class IncidentFollowerTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(3);
    private readonly IncidentFollower follower = new();

    [Fact]
    public void Nothing_and_a_note_are_no_incident()
    {
        See(0).ShouldBeNull();
        See(1, ("too_many_established", Severity.Info)).ShouldBeNull();
        follower.IsOpen.ShouldBeFalse();
    }

    [Fact]
    public void It_begins_goes_on_without_records_and_ends()
    {
        IncidentRecord begin = See(0, ("conntrack_exhausting", Severity.Warning))!;
        begin.ShouldBe(new IncidentRecord("20260102T030405Z-001", 1, IncidentEvent.Begin, "warning"));
        See(600, ("conntrack_exhausting", Severity.Warning)).ShouldBeNull();

        See(601).ShouldBe(new IncidentRecord(begin.Incident, 2, IncidentEvent.End, "none"));
        See(602).ShouldBeNull();
    }

    [Fact]
    public void What_becomes_critical_is_recorded_at_once()
    {
        See(0, ("conntrack_exhausting", Severity.Warning));

        See(1, ("conntrack_exhausting", Severity.Critical))!.ShouldBe(new IncidentRecord("20260102T030405Z-001", 2, IncidentEvent.Worsen, "critical"));
        See(2, ("conntrack_exhausting", Severity.Critical)).ShouldBeNull();
    }

    [Fact]
    public void Another_warning_waits_for_the_interval()
    {
        See(0, ("conntrack_exhausting", Severity.Warning));
        See(1, ("conntrack_exhausting", Severity.Warning), ("slow_peer", Severity.Warning)).ShouldBeNull();

        See(180, ("conntrack_exhausting", Severity.Warning), ("slow_peer", Severity.Warning))!.Event.ShouldBe(IncidentEvent.Worsen);
    }

    [Fact]
    public void What_swings_is_recorded_once()
    {
        See(0, ("conntrack_exhausting", Severity.Critical));
        for (int second = 1; second < 1000; second++)
        {
            See(second, ("conntrack_exhausting", second % 2 == 0 ? Severity.Critical : Severity.Warning)).ShouldBeNull();
        }
    }

    [Fact]
    public void A_resource_that_fills_further_is_recorded_after_the_interval()
    {
        See(0, 0.80, ("conntrack_exhausting", Severity.Warning));
        See(200, 0.82, ("conntrack_exhausting", Severity.Warning)).ShouldBeNull();

        See(201, 0.86, ("conntrack_exhausting", Severity.Warning))!.Event.ShouldBe(IncidentEvent.Worsen);
        See(202, 0.93, ("conntrack_exhausting", Severity.Warning)).ShouldBeNull();
    }

    [Fact]
    public void Incidents_of_one_second_have_ids_of_their_own()
    {
        See(0, ("slow_peer", Severity.Warning))!.Incident.ShouldBe("20260102T030405Z-001");
        See(0);
        See(0, ("slow_peer", Severity.Warning))!.Incident.ShouldBe("20260102T030405Z-002");
        See(0);
        See(1, ("slow_peer", Severity.Warning))!.Incident.ShouldBe("20260102T030406Z-001");
    }

    private IncidentRecord? See(int second, params (string Id, Severity Severity)[] findings) => See(second, 0.5, findings);

    private IncidentRecord? See(int second, double used, params (string Id, Severity Severity)[] findings) => follower.Take(
        new DiagnosisReport(
            Start.AddSeconds(second),
            [new Resource(ResourceKind.ConntrackEntries, "self", [new ResourceInstance(ResourceKind.ConntrackEntries, "self", "host", used * 1000, 1000)])],
            [.. findings.Select(finding => new Finding(new Named(finding.Id), "self", finding.Severity, new Verdict(finding.Severity, "host") { Evidence = [] }, Start))],
            []),
        Interval);

    private sealed class Named(string id) : Rule(id, Severity.Info, Severity.Warning, Severity.Critical)
    {
        public override System.Collections.Immutable.ImmutableArray<Input> Inputs => [];

        public override Verdict? Judge(Observation seen, Severity? held) => null;
    }
}
