using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Terminal;

/// <summary>What <c>diagnose</c> prints of one finding: on one screen with the first command, whatever the finding and the language.</summary>
internal static class OneScreen
{
    private const int Rows = 24;
    private const int Columns = 80;

    /// <summary>Renders it as the only finding, beside resources, and checks that it fits.</summary>
    /// <returns>The text in English.</returns>
    public static string Of(Finding finding, ImmutableArray<Resource> resources)
    {
        string english = "";
        foreach (Language language in Enum.GetValues<Language>())
        {
            var book = TextBook.Of(language);
            using JsonDocument document = Document([finding], resources, book, [new NotSeen("established_leak, slow_reader", "takes longer than one look"), new NotSeen("history", "denied")]);
            string text = DiagnosisSummary.Render(document.RootElement, book, TerminalStyle.Plain);
            english = language == Language.English ? text : english;

            // What cannot be seen belongs to a host on which nothing is wrong; it may be long.
            string[] lines = text[..(finding.Severity == Severity.Info ? text.IndexOf("\n\n" + book["cli.not_seen"], StringComparison.Ordinal) + 1 : text.Length)].Split('\n')[..^1];
            lines.Sum(RowsOf).ShouldBeLessThanOrEqualTo(Rows, text);
            text.ShouldContain($"conn-exporter explain {finding.Id}", Case.Sensitive, text);
            text.ShouldContain(book[finding.Verdict.TitleOf(finding.Id), ("instance", finding.Verdict.Instance)].Split(' ')[0]);
            lines.Count(line => line.StartsWith("   - ", StringComparison.Ordinal)).ShouldBeGreaterThan(0, text);
            if (finding.Verdict.Remedies.FirstOrDefault(remedy => remedy.CommandLines.Length > 0) is { } remedy)
            {
                lines.ShouldContain($"        $ {remedy.CommandLines[0]}", text);
                remedy.Unread.Length.ShouldBe(remedy.Unread.Count(name => text.Contains(name, StringComparison.Ordinal)), text);
            }

            if (finding.Verdict.Holders.FirstOrDefault() is { ProcessId: { } pid })
            {
                text.ShouldContain($"pid {pid}", Case.Sensitive, text);
            }

            // Commands are whole, everything else is within the width.
            foreach (int width in (int[])[40, 80, 140])
            {
                DiagnosisSummary.Render(document.RootElement, book, TerminalStyle.Plain with { Width = width }).Split('\n')
                    .Where(line => !line.StartsWith("        $ ", StringComparison.Ordinal) && !line.Contains("explain", StringComparison.Ordinal) && width > 40)
                    .ShouldAllBe(line => TextLayout.WidthOf(line) <= width);
            }
        }

        return english;
    }

    /// <summary>A document of findings.</summary>
    public static JsonDocument Document(ImmutableArray<Finding> findings, ImmutableArray<Resource> resources, TextBook book, params IEnumerable<NotSeen> notSeen)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            DateTimeOffset at = findings.Select(finding => finding.Since).DefaultIfEmpty(DateTimeOffset.UnixEpoch).Max().AddMinutes(3);
            ReportJson.Write(json, new ExporterState(Snapshot.Empty) { Report = new DiagnosisReport(at, resources, findings, []) }, "host-1", book, notSeen);
        }

        return JsonDocument.Parse(buffer.WrittenMemory);
    }

    private static int RowsOf(string line) => Math.Max(1, (TextLayout.WidthOf(line) + Columns - 1) / Columns);
}
