using System.Text;
using ConnExporter.Commands;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;

namespace ConnExporter.Tests.Commands;

/// <summary>Of whoever listens on a port only times are taken; of whom the kernel vouches for, what makes sense.</summary>
public class RunningExporterTests
{
    private const string Address = "http://127.0.0.1:9057/";
    private const string Mark = "OF-A-STRANGER";
    private static readonly DateTimeOffset Boot = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 0, 0, 0, TimeSpan.Zero);
    private static readonly Finding Ours = new(new SystemDescriptorsExhausting(), "self", Severity.Critical, new Verdict(Severity.Critical, "host") { Evidence = [] }, Now);

    [Fact]
    public void Nothing_but_times_is_kept_of_a_strangers_answer()
    {
        RunningExporter word = Stranger(Answer());

        word.HasTold.ShouldBeTrue();
        word.IsTrusted.ShouldBeFalse();
        word.Instances.ShouldBeEmpty();
        RunningExporter.Found found = word.Findings.ShouldHaveSingleItem();
        found.Json.ShouldBeNull();
        Finding dated = word.Date(Ours);
        dated.Since.ShouldBe(Now, "what we say ourselves stays ours");
        dated.Reported.ShouldBe(new ReportedSince(Address, Now.AddHours(-1)));
    }

    [Theory]
    [InlineData("established_leak", "self", "host")]
    [InlineData("system_descriptors_exhausting", "blue", "host")]
    [InlineData("system_descriptors_exhausting", "self", "another")]
    [InlineData("\u001b]0;x\u0007", "self", "host")]
    public void What_matches_no_finding_of_ours_is_dropped(string finding, string netns, string instance)
    {
        RunningExporter word = Stranger(Answer(finding: finding, netns: netns, instance: instance));

        word.Date(Ours).ShouldBe(Ours);
    }

    [Theory]
    [InlineData("2026-11-29T00:00:01Z")]
    [InlineData("9999-12-31T23:59:59Z")]
    [InlineData("2026-10-31T23:59:59Z")]
    [InlineData("0001-01-01T00:00:00Z")]
    public void A_time_in_the_future_or_before_the_start_of_the_machine_is_dropped(string since)
    {
        RunningExporter word = Stranger(Answer(since: since));

        word.HasTold.ShouldBeTrue();
        word.Findings.ShouldBeEmpty();
    }

    // A forged one must not become a forecast, nor a peak of ours; nor may it end the program.
    [Theory]
    [InlineData("1e999")]
    [InlineData("-5")]
    [InlineData("\"NaN\"")]
    [InlineData("1e308")]
    public void Numbers_of_a_stranger_are_not_looked_at(string number)
    {
        RunningExporter word = Stranger(Answer(peak: number, growth: number));

        word.HasTold.ShouldBeTrue();
        word.Instances.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("1e999", "1")]
    [InlineData("-5", "1")]
    [InlineData("1", "-1e999")]
    [InlineData("1", "-0.5")]
    [InlineData("\"NaN\"", "1")]
    public void Numbers_that_cannot_be_are_no_report_even_of_one_who_is_trusted(string peak, string growth) =>
        Trusted(Answer(peak: peak, growth: growth)).ShouldSatisfyAllConditions(told => told.HasTold.ShouldBeFalse(), told => told.Refusal.ShouldBe(RunningExporter.NoReport));

    [Theory]
    [InlineData("")]
    [InlineData("OF-A-STRANGER")]
    [InlineData("[[[[OF-A-STRANGER")]
    [InlineData("{\"OF-A-STRANGER\":1}")]
    [InlineData("{\"version\":\"OF-A-STRANGER\"}")]
    [InlineData("{\"version\":1e999}")]
    [InlineData("{\"version\":1,\"resources\":[],\"findings\":\"OF-A-STRANGER\"}")]
    [InlineData("{\"version\":1,\"resources\":[],\"findings\":[{\"finding\":\"OF-A-STRANGER\"}]}")]
    [InlineData("{\"version\":1,\"resources\":[],\"findings\":[{\"finding\":\"x\",\"netns\":\"x\",\"instance\":\"x\",\"since\":\"OF-A-STRANGER\"}]}")]
    [InlineData("{\"version\":1,\"resources\":[],\"findings\":[{\"finding\":\"\\ud800\",\"netns\":\"x\",\"instance\":\"x\",\"since\":\"2026-11-28T00:00:00Z\"}]}")]
    [InlineData("\u001b[2J")]
    public void Why_an_answer_was_refused_is_said_in_our_own_words(string content)
    {
        Stranger(content).Refusal.ShouldBe(RunningExporter.NoReport);
        Trusted(content).Refusal.ShouldBe(RunningExporter.NoReport);
    }

    [Fact]
    public void Another_version_is_named_by_its_number() => Stranger("{\"version\":2}").Refusal.ShouldBe("version 2 of its report, this program reads 1");

    // It goes back to what is said as our own, and brings what one look cannot tell.
    [Fact]
    public void One_who_is_trusted_is_believed()
    {
        RunningExporter told = Trusted(Answer(instance: "another"));

        told.IsTrusted.ShouldBeTrue();
        told.Instances.ShouldHaveSingleItem().GrowthPerSecond.ShouldBe(2);
        told.Findings.ShouldHaveSingleItem().Json.ShouldNotBeNull();
        told.Date(Ours).ShouldSatisfyAllConditions(dated => dated.Since.ShouldBe(Now.AddHours(-1)), dated => dated.Reported.ShouldBeNull());
    }

    [Theory]
    [InlineData("HTTP/1.1 OF-A-STRANGER\r\n\r\n")]
    [InlineData("HTTP/1.1 4OF-A-STRANGER01 x\r\n\r\n")]
    [InlineData("HTTP/1.1 302 OF-A-STRANGER\r\nLocation: http://OF-A-STRANGER/\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: OF-A-STRANGER\r\n\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOF-A-STRANGER")]
    [InlineData("OF-A-STRANGER")]
    public void Nor_does_the_protocol_bring_text_with_it(string answer) =>
        Should.Throw<IOException>(() => LocalRequest.Content(Encoding.UTF8.GetBytes(answer))).Message.ShouldNotContain(Mark);

    private static RunningExporter Stranger(string content) => RunningExporter.UnderstandStranger(Address, Encoding.UTF8.GetBytes(content), Boot, Now);

    private static RunningExporter Trusted(string content) => RunningExporter.Understand("/run/conn-exporter/diagnose.sock", Encoding.UTF8.GetBytes(content));

    // Escaped as JSON wants it.
    private static string Answer(
        string finding = "system_descriptors_exhausting", string netns = "self", string instance = "host", string since = "2026-11-28T23:00:00Z", string peak = "5", string growth = "2") =>
        $$$"""
        {"version":1,"resources":[{"resource":"file_descriptors","netns":"self","instances":[{"instance":"host","peak":{{{peak}}},"growth_per_second":{{{growth}}}}]}],
        "findings":[{"finding":{{{Quote(finding)}}},"severity":"critical","netns":{{{Quote(netns)}}},"instance":{{{Quote(instance)}}},"title":"{{{Mark}}}","since":"{{{since}}}","caused_by":"{{{Mark}}}",
        "evidence":[{"key":"{{{Mark}}}","text":"{{{Mark}}}","values":{}}],"holders":[{"name":"{{{Mark}}}","unit":null}],"settings":["{{{Mark}}}"],
        "remedies":[{"remedy":"{{{Mark}}}","kind":"grace","title":"{{{Mark}}}","effect":"{{{Mark}}}","risk":"{{{Mark}}}","commands":["{{{Mark}}}"],"buys_seconds":null}]}]}
        """;

    private static string Quote(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
