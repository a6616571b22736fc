using System.Buffers;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Json;
using ConnExporter.Kernel;
using ConnExporter.Terminal;
using ConnExporter.Tests.Web.Pages;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Terminal;

/// <summary>The diagnosis for people says what the JSON says, and nothing that a name makes it say.</summary>
public class DiagnosisTextTests
{
    [Fact]
    public void It_says_what_runs_out_who_holds_it_and_what_to_do()
    {
        string text = Render(new PageBench());

        text.ShouldContain("CRITICAL: Ephemeral ports towards 10.0.0.5:6379 from 10.0.0.7 run out");
        text.ShouldContain("27,500/28,232");
        text.ShouldContain("held by api.service: api-server (pid 4711");
        text.ShouldContain("More: conn-exporter explain ephemeral_ports_exhausting");
    }

    [Theory]
    [InlineData(Language.English)]
    [InlineData(Language.Chinese)]
    public void Lines_fit_but_for_commands(object language) => Render(new PageBench(), (Language)language).Split('\n')
        .Where(line => !line.StartsWith("        $ ", StringComparison.Ordinal)).ShouldAllBe(line => TextLayout.WidthOf(line) <= 80);

    [Fact]
    public void A_process_that_calls_itself_a_command_for_the_terminal_gives_it_none()
    {
        string text = Render(new PageBench("\u001b]0;owned\u0007\u001b[2J\nroot"));

        text.ShouldContain("\\u001b]0;owned\\u0007\\u001b[2J\\nroot");
        text.ShouldNotContain("\u001b");
        text.ShouldNotContain("\u0007");
    }

    // A character set that has no such character puts one there that looks alike: what was within quotation marks would end there.
    [Theory]
    [InlineData("US-ASCII", "brk’;touch x;’", false)]
    [InlineData("ISO-8859-1", "brk’;touch x;’", false)]
    [InlineData("ISO-8859-1", "brk＇;touch x;＇", false)]
    [InlineData("US-ASCII", "brkü", false)]
    [InlineData("ISO-8859-1", "brk語", false)]
    [InlineData("ISO-8859-1", "brkü", false)]
    [InlineData("ISO-8859-1", "brk", true)]
    [InlineData("US-ASCII", "brk ' x", true)]
    [InlineData(null, "brkü", false)]
    [InlineData(null, "brk", true)]
    public void Commands_that_a_character_set_would_change_are_not_shown(string? charset, string name, bool shown)
    {
        using Charset? set = charset is null ? null : Charset.Find(charset);
        using var written = new MemoryStream();
        using var writer = new CharsetWriter(written, set);
        using var document = JsonDocument.Parse(Document(new PageBench()).Replace("ip_local_port_range", name.Replace("'", "\\u0027", StringComparison.Ordinal), StringComparison.Ordinal));

        writer.Write(DiagnosisText.Render(document.RootElement, TextBook.Of(Language.English), TerminalStyle.Plain with { Carries = writer.Carries }));

        string text = System.Text.Encoding.Latin1.GetString(written.ToArray());
        text.Split('\n').Any(line => line.StartsWith("        $ ", StringComparison.Ordinal) && line.Contains("brk", StringComparison.Ordinal)).ShouldBe(shown);
        text.Contains("The commands are left out", StringComparison.Ordinal).ShouldBe(!shown);
        text.ShouldContain("        $ ss ", Case.Sensitive, "those that are not touched are there");
    }

    private static string Document(PageBench bench)
    {
        bench.Look();
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            ReportJson.Write(json, bench.Store.Current, "host-1", TextBook.Of(Language.English), []);
        }

        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Render(PageBench bench, Language language = Language.English)
    {
        bench.Look();
        var book = TextBook.Of(language);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            ReportJson.Write(json, bench.Store.Current, "host-1", book, []);
        }

        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return DiagnosisText.Render(document.RootElement, book, TerminalStyle.Plain);
    }
}
