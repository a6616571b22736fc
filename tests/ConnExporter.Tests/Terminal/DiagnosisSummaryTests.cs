using System.Collections.Immutable;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Json;
using ConnExporter.Terminal;
using ConnExporter.Tests.Web.Pages;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Terminal;

/// <summary>The short form of a diagnosis. That it fits a screen whatever the finding is tested with the rules.</summary>
public class DiagnosisSummaryTests
{
    private static readonly TextBook English = TextBook.Of(Language.English);

    [Fact]
    public void It_says_what_runs_out_who_holds_it_and_what_to_do_first()
    {
        string text = Render(new PageBench().Look());

        text.ShouldContain("CRITICAL: Ephemeral ports towards 10.0.0.5:6379 from 10.0.0.7 run out");
        text.ShouldContain("27,500/28,232");
        text.ShouldContain("held by api.service: api-server (pid 4711");
        text.ShouldContain("   now: ");
        text.ShouldContain("conn-exporter explain ephemeral_ports_exhausting");
        text.ShouldContain("more with --full.");
    }

    [Theory]
    [InlineData(Language.English)]
    [InlineData(Language.Chinese)]
    public void A_wide_terminal_is_used(object language)
    {
        PageBench bench = new PageBench().Look();
        string narrow = Render(bench, 80, (Language)language, bench.Store.Current.Report!.Findings[..1]);
        string wide = Render(bench, 140, (Language)language, bench.Store.Current.Report!.Findings[..1]);

        wide.Split('\n').Length.ShouldBeLessThan(narrow.Split('\n').Length, wide);
        wide.Split('\n').Max(TextLayout.WidthOf).ShouldBeInRange(84, 140, wide);
    }

    [Fact]
    public void What_is_below_half_and_does_not_grow_is_one_line()
    {
        string[] lines = Render([], Resource(0.49), Resource(0.5, ResourceKind.AcceptQueue), Resource(0.01, ResourceKind.ConntrackEntries), Resource(0.1, ResourceKind.TimeWaitBuckets, TimeSpan.FromHours(2)));

        lines.Count(line => line.Contains('#', StringComparison.Ordinal)).ShouldBe(2);
        lines.ShouldContain(line => line.Contains("50 % ####.... accept queue", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("TIME_WAIT sockets", StringComparison.Ordinal) && line.EndsWith("(2 h 0 min left)", StringComparison.Ordinal));
        lines.ShouldContain("Others: file descriptors (host) 49 % · conntrack entries 1 %");
    }

    [Fact]
    public void Where_nothing_is_wrong_notes_are_told_and_what_could_not_be_seen()
    {
        string text = string.Join('\n', Render([Note(), Note()]));

        text.ShouldContain("1. NOTE");
        text.ShouldContain("2. NOTE");
        text.ShouldContain("What could not be seen\n   - history: denied");
    }

    [Fact]
    public void Beside_something_wrong_a_note_is_named_and_so_is_what_could_not_be_seen()
    {
        string[] lines = Render([Bad(), Note(), Note()]);

        lines.ShouldContain("Notes on settings and habits: 2, such as: SYN cookies are off");
        lines.ShouldContain("What could not be seen: history");
        lines.Length.ShouldBeLessThanOrEqualTo(25);
    }

    [Fact]
    public void Of_many_the_worst_are_told_and_the_others_named()
    {
        string[] lines = Render([.. Enumerable.Range(0, 6).Select(_ => Bad())]);

        lines.Count(line => line.Contains("conn-exporter explain", StringComparison.Ordinal)).ShouldBe(3);
        lines.ShouldContain(line => line.StartsWith("6. CRITICAL ", StringComparison.Ordinal));
        lines[1].ShouldEndWith("(and 5 more)");
    }

    private static Finding Bad() => Finding("orphans_exhausting", Severity.Critical, new Remedy("raise_max_orphans", RemedyKind.Grace, ShellCommand.Of("sysctl", "-w", "net.ipv4.tcp_max_orphans=2000")) { Values = [("limit", 2000ul), ("memory", new Bytes(1e9))] });

    private static Finding Note() => Finding("tuning_syncookies_off", Severity.Info);

    private static Finding Finding(string id, Severity severity, params ImmutableArray<Remedy> remedies) => new(
        RuleList.All.Single(rule => rule.Id == id),
        "self",
        severity,
        new Verdict(severity, ResourceInstance.Host) { Evidence = [new Fact("orphan_states", ("fin_wait1", 3ul), ("last_ack", 2ul), ("closing", 1ul))], Remedies = remedies },
        DateTimeOffset.UnixEpoch);

    private static Resource Resource(double ratio, ResourceKind kind = ResourceKind.FileDescriptors, TimeSpan? left = null) =>
        new(kind, "self", [new ResourceInstance(kind, "self", ResourceInstance.Host, ratio * 1000, 1000) { Exhaustion = left }]);

    private static string[] Render(ImmutableArray<Finding> findings, params ImmutableArray<Resource> resources)
    {
        using JsonDocument document = OneScreen.Document(findings, resources, English, new NotSeen("history", "denied"));
        return DiagnosisSummary.Render(document.RootElement, English, TerminalStyle.Plain).Split('\n');
    }

    private static string Render(PageBench bench, int width = 80, Language language = Language.English, ImmutableArray<Finding>? findings = null)
    {
        var book = TextBook.Of(language);
        using JsonDocument document = OneScreen.Document(findings ?? bench.Store.Current.Report!.Findings, bench.Store.Current.Report!.Resources, book);
        return DiagnosisSummary.Render(document.RootElement, book, TerminalStyle.Plain with { Width = width });
    }
}
