using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Json;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Terminal;
using ConnExporter.Texts;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Web.Pages;

/// <summary>What is said where no finding holds: "ok" only above bars that are green, and only where nothing begins.</summary>
public class VerdictPartTests
{
    private static readonly TextBook Book = TextBook.Of(Language.English);
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly DiagnosisReport Nothing = new(At, [Used(0.5)], [], []);

    [Fact]
    public void Nothing_is_ok() => VerdictPart.Word(Nothing, Book).ShouldBe("ok");

    [Fact]
    public void What_begins_is_said_before_it_is_a_finding()
    {
        DiagnosisReport report = Nothing with { Beginning = [Finding(Severity.Critical)] };

        VerdictPart.Word(report, Book).ShouldBe("beginning");
        Html(report).ShouldContain("seen for 20 s; a finding once it has lasted");
        Html(report).ShouldContain("verdict critical");
    }

    [Fact]
    public void So_is_what_held_before_the_start()
    {
        DiagnosisReport report = Nothing with { Awaited = [new HeldBefore("conntrack_exhausting", "self", Severity.Critical, At)] };

        VerdictPart.Word(report, Book).ShouldBe("not judged yet");
        Html(report).ShouldContain("conntrack_exhausting");
    }

    [Theory]
    [InlineData(0.79, "ok")]
    [InlineData(0.80, "nearly full")]
    [InlineData(1.0, "nearly full")]
    public void A_bar_that_is_not_green_is_not_ok(double ratio, string word)
    {
        DiagnosisReport report = Nothing with { Resources = [Used(ratio)] };

        VerdictPart.Word(report, Book).ShouldBe(word);
        Text(report).Contains("Nothing is running out", StringComparison.Ordinal).ShouldBe(word == "ok");
    }

    [Fact]
    public void A_finding_goes_before_all_of_these()
    {
        DiagnosisReport report = Nothing with { Findings = [Finding(Severity.Warning)], Beginning = [Finding(Severity.Critical)], Resources = [Used(1)] };

        VerdictPart.Word(report, Book).ShouldBe("warning");
    }

    [Fact]
    public void What_goes_first_at_this_growth_stands_in_the_verdict()
    {
        DiagnosisReport report = Nothing with { Resources = [Used(0.3, TimeSpan.FromMinutes(4))] };

        Html(report).ShouldContain("in 4 min");
        Text(report).ShouldContain("First to go at this growth: ");
        Text(Nothing).ShouldNotContain("First to go");
    }

    private static Finding Finding(Severity severity) =>
        new(RuleList.All.First(rule => rule.Id == "conntrack_exhausting"), "self", severity, new Verdict(severity, "host") { Evidence = [] }, At.AddSeconds(-20));

    private static Resource Used(double ratio, TimeSpan? left = null) =>
        new(ResourceKind.ConntrackEntries, "self", [new ResourceInstance(ResourceKind.ConntrackEntries, "self", "host", ratio * 1000, 1000) { Exhaustion = left }]);

    private static string Html(DiagnosisReport report)
    {
        var bench = new PageBench();
        var state = new ExporterState(Snapshot.Empty) { Report = report };
        return VerdictPart.Render(PageView.Of(state, report, bench.Diagnostician, bench.Time), Book).ToString()!;
    }

    private static string Text(DiagnosisReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            ReportJson.Write(json, new ExporterState(Snapshot.Empty) { Report = report }, "host", Book, []);
        }

        using var document = JsonDocument.Parse(stream.ToArray());
        return DiagnosisText.Render(document.RootElement, Book, TerminalStyle.Plain);
    }
}
