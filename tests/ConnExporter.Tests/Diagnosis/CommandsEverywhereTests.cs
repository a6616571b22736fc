using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.Incidents;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Terminal;
using ConnExporter.Tests.Web.Pages;
using ConnExporter.Texts;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Diagnosis;

#pragma warning disable MA0009 // The texts are our own: nobody feeds these expressions to make them slow.

/// <summary>A command is the same wherever it is shown, to the letter.</summary>
public class CommandsEverywhereTests
{
    private const string Unit = @"foo\x2d""bar&amp;<b>.service";

    [Theory]
    [InlineData(@"foo\x2dbar.service", @"mkdir -p '/etc/systemd/system/foo\x2dbar.service.d'", @"systemctl show -p LimitNOFILE 'foo\x2dbar.service'")]
    [InlineData("a@b.service", "mkdir -p /etc/systemd/system/a@b.service.d", "systemctl show -p LimitNOFILE a@b.service")]
    public void Page_json_terminal_and_incident_show_the_same_line(string unit, string first, string last)
    {
        PageBench bench = Bench(unit);
        string[] inJson = Commands(bench.Json(StatusSite.Document.Diagnosis));
        string[] onPage = Copied(bench.Page());

        inJson.ShouldContain(first);
        inJson.ShouldContain(last);
        onPage.ShouldBe(inJson, ignoreOrder: true);
        Copied(bench.Page(Language.Chinese)).ShouldBe(inJson, ignoreOrder: true);
        TerminalStyle narrow = TerminalStyle.Plain with { Width = 40 };
        OnTerminal(DiagnosisText.Render(bench.Json(StatusSite.Document.Diagnosis), TextBook.Of(Language.English), narrow)).ShouldBe(inJson, ignoreOrder: true);

        var record = new IncidentRecord("20260102T030405Z-001", 1, IncidentEvent.Begin, "critical");
        using var incident = JsonDocument.Parse(IncidentJson.Write(record, bench.Store.Current, "host-1", "6.18.0", bench.Diagnostician, bench.Time));
        Commands(incident.RootElement.GetProperty("diagnosis")).ShouldBe(inJson, ignoreOrder: true);
    }

    [Fact]
    public void A_name_that_is_none_of_a_unit_is_in_no_command_anywhere()
    {
        PageBench bench = Bench(Unit);

        Commands(bench.Json(StatusSite.Document.Diagnosis)).Concat(Copied(bench.Page())).ShouldAllBe(line => !line.Contains("foo", StringComparison.Ordinal));
        bench.Page().ShouldContain("foo-&quot;bar&amp;amp;&lt;b&gt;.service is no unit of the host&#x27;s systemd but a container or a cgroup that somebody made");
    }

    private static PageBench Bench(string unit)
    {
        var bench = new PageBench(more: new SelfReading(default, bootTime: 1_767_225_600, open: 100, limit: 1024) { SeesHostCgroups = true });
        bench.Readings.RemoveAll(reading => reading is ProcessesReading);
        bench.Readings.Add(new ProcessesReading([new("api-server", unit, 4, 5_000, 990, 1024) { WorstProcessId = 4711, WorstStartTicks = 100 }], 1, 0));
        return bench.Look();
    }

    private static string[] Commands(JsonElement diagnosis) =>
    [
        .. diagnosis.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray())
            .SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => command.GetString()!),
    ];

    // What the button copies is the text of the element.
    private static string[] Copied(string page) =>
        [.. Regex.Matches(page, "<pre tabindex=\"0\"><code>([^<]*)</code></pre><button type=\"button\" class=\"copy").SelectMany(match => WebUtility.HtmlDecode(match.Groups[1].Value).Split('\n'))];

    private static string[] OnTerminal(string text) => [.. text.Split('\n').Where(line => line.StartsWith("        $ ", StringComparison.Ordinal)).Select(line => line["        $ ".Length..])];
}
