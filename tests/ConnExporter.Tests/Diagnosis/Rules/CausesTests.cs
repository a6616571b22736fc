using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>Which finding is named as the cause of another.</summary>
public class CausesTests
{
    [Theory]
    [InlineData("shop", "shop", "root")]
    [InlineData("shop", "backup", null)]
    [InlineData("shop", null, "root")]
    [InlineData(null, "shop", "root")]
    public void A_cause_is_of_the_same_program_where_both_are_known(string? holder, string? causer, string? cause)
    {
        var time = new ManualTime();
        var diagnostician = new Diagnostician([new Played("consequence", holder, "root"), new Played("root", causer)], new Thresholds { For = TimeSpan.Zero }, time, (_, e) => throw e);
        var reading = new SelfReading(default, bootTime: 0, open: 1, limit: 2);
        Snapshot snapshot = Snapshot.Empty with { Collectors = [new CollectorState { Name = "self", Interval = TimeSpan.FromSeconds(1), Outcome = Outcome.Ok, Reading = reading }] };

        diagnostician.Look(snapshot).Findings.Single(finding => finding.Id == "consequence").CausedBy.ShouldBe(cause);
    }

    private sealed class Played(string id, string? holder, params ImmutableArray<string> causes) : Rule(id, Severity.Warning)
    {
        public override ImmutableArray<Input> Inputs => [];

        public override ImmutableArray<string> Causes => causes;

        public override Verdict? Judge(Observation seen, Severity? held) => new(Severity.Warning, KernelSource.OwnNamespace) { Evidence = [], Holders = holder is null ? [] : [new Holder(holder)] };
    }
}
