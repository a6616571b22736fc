using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using ConnExporter.Commands;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Terminal;
using ConnExporter.Tests.Support;
using ConnExporter.Tests.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Commands;

/// <summary>A diagnosis in a file, and two of them side by side.</summary>
public sealed class DiagnosisFileTests : IDisposable
{
    private static readonly TextBook English = TextBook.Of(Language.English);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("a.json")]
    [InlineData("a.html")]
    public void What_was_saved_is_read_again(string name)
    {
        using JsonDocument document = Document([Finding("</script><b>")], 0.5);

        using JsonDocument read = DiagnosisFile.Read(Save(name, document));

        JsonElement.DeepEquals(read.RootElement, document.RootElement).ShouldBeTrue();
    }

    [Fact]
    public void A_page_is_text_and_nothing_that_a_name_makes_of_it()
    {
        using JsonDocument document = Document([Finding("</script><b>&")], 0.5);

        string page = File.ReadAllText(Save("a.html", document));

        page.ShouldNotContain("<b>");
        page.Split("</script>").Length.ShouldBe(2);
        page.ShouldContain("CRITICAL &lt;/script&gt;");
        page.ShouldContain("default-src 'none'");
        File.ReadAllText(Save("a.txt", document)).ShouldBe(DiagnosisText.Render(document.RootElement, English, TerminalStyle.Plain));
    }

    [Theory]
    [InlineData("a.pdf")]
    [InlineData("a")]
    public void A_name_says_the_form(string name) => Should.Throw<ConfigurationException>(() => DiagnosisFile.CheckName(name)).Message.ShouldContain(".txt, .html or .json");

    [Theory]
    [InlineData("{\"version\":2}")]
    [InlineData("{}")]
    [InlineData("nonsense")]
    [InlineData("<script type=\"application/json\" id=\"diagnosis\">{</script>")]
    public void What_is_no_diagnosis_is_refused(string content)
    {
        string path = Path.Join(directory.Path, "x.json");
        File.WriteAllText(path, content);

        Should.Throw<ConfigurationException>(() => DiagnosisFile.Read(path)).Message.ShouldStartWith(path);
        Should.Throw<ConfigurationException>(() => DiagnosisFile.Read(path + ".not"));
    }

    [Fact]
    public void What_cannot_be_written_is_said() => Should.Throw<OutputException>(() =>
    {
        using JsonDocument document = Document([], 0.5);
        DiagnosisFile.Write(Path.Join(directory.Path, "none", "a.txt"), Encoding.UTF8.GetBytes(document.RootElement.GetRawText()), English);
    });

    [Fact]
    public void What_began_what_ended_and_what_grew_is_told()
    {
        using JsonDocument before = Document([Finding("10.0.0.1:80")], 0.5);
        using JsonDocument after = Document([Finding("10.0.0.2:80"), Finding("host") with { Severity = Severity.Warning }], 0.75);

        string text = DiffText.Render(before.RootElement, after.RootElement, English, TerminalStyle.Plain, out bool isSame);

        isSame.ShouldBeFalse();
        text.ShouldContain("+ CRITICAL 10.0.0.2:80 runs out of file descriptors");
        text.ShouldContain("+ WARNING host runs out of file descriptors");
        text.ShouldContain("- CRITICAL 10.0.0.1:80 runs out of file descriptors");
        text.ShouldContain("+25 %  file descriptors (host): 500/1,000 → 750/1,000");
        text.ShouldContain("Verdict: critical, as before");
    }

    [Fact]
    public void A_finding_that_is_worse_is_the_same_one()
    {
        using JsonDocument before = Document([Finding("host") with { Severity = Severity.Warning }], 0.5);
        using JsonDocument after = Document([Finding("host")], 0.501);

        string text = DiffText.Render(before.RootElement, after.RootElement, English, TerminalStyle.Plain, out bool isSame);

        isSame.ShouldBeFalse();
        text.ShouldContain("~ CRITICAL host runs out of file descriptors (was warning)");
        text.ShouldContain("Verdict: warning → critical");
        text.ShouldNotContain("500/1,000");
        DiffText.Render(after.RootElement, after.RootElement, English, TerminalStyle.Plain, out isSame).ShouldContain("The same findings: 1");
        isSame.ShouldBeTrue();
    }

    // The lines of an incomplete one are what was seen, and silence is not the end of anything.
    [Fact]
    public void What_could_not_be_told_is_not_cured_and_not_zero()
    {
        using JsonDocument before = Document([Finding("host")], 0.5);
        using var after = JsonDocument.Parse(OneScreen.Document([], [], English).RootElement.GetRawText().Replace("\"complete\":true", "\"complete\":false", StringComparison.Ordinal));

        string text = DiffText.Render(before.RootElement, after.RootElement, English, TerminalStyle.Plain, out bool isSame);

        isSame.ShouldBeFalse();
        text.ShouldContain("Verdict: critical → could not tell");
        string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ShouldContain("? CRITICAL host runs out of file descriptors (not seen any more; whether it is over could not be told)");
        text.ShouldContain("file descriptors (host): 500/1,000 → –");
        text.ShouldNotContain("%");
    }

    [Fact]
    public void A_file_is_replaced_and_not_written_into()
    {
        string elsewhere = Path.Join(directory.Path, "elsewhere");
        string link = Path.Join(directory.Path, "a.json");
        File.WriteAllText(elsewhere, "kept");
        File.CreateSymbolicLink(link, elsewhere);

        using JsonDocument document = Document([], 0.5);
        Save("a.json", document);

        File.ReadAllText(elsewhere).ShouldBe("kept");
        new FileInfo(link).LinkTarget.ShouldBeNull();
        Directory.GetFiles(directory.Path).Length.ShouldBe(2, "nothing is left beside it");
    }

    [Fact]
    public void A_file_without_end_is_refused() => Should.Throw<ConfigurationException>(() => DiagnosisFile.Read("/dev/zero")).Message.ShouldContain("larger than");

    private string Save(string name, JsonDocument document)
    {
        string path = Path.Join(directory.Path, name);
        DiagnosisFile.Write(path, Encoding.UTF8.GetBytes(document.RootElement.GetRawText()), English);
        return path;
    }

    private static Finding Finding(string instance) => new(
        RuleList.All.Single(rule => rule.Id == "process_descriptors_exhausting"),
        "self",
        Severity.Critical,
        new Verdict(Severity.Critical, instance) { Evidence = [new Fact("orphan_states", ("fin_wait1", 3ul), ("last_ack", 2ul), ("closing", 1ul))] },
        DateTimeOffset.UnixEpoch);

    private static JsonDocument Document(ImmutableArray<Finding> findings, double ratio) => OneScreen.Document(
        findings, [new Resource(ResourceKind.FileDescriptors, "self", [new ResourceInstance(ResourceKind.FileDescriptors, "self", ResourceInstance.Host, ratio * 1000, 1000)])], English);
}
