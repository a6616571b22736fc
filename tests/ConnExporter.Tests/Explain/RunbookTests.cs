using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Explain;
using ConnExporter.Terminal;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Explain;

#pragma warning disable MA0009 // The pages are our own: nobody feeds these expressions to make them slow.

/// <summary>The pages of docs/runbooks, in both languages.</summary>
public class RunbookTests
{
    // Tuning findings share a page, as do messages, wrong advice and habits.
    private const string TuningPrefix = "tuning_";
    private static readonly string[] SectionedPages = ["tuning", "errors", "folklore", "habits"];
    private static readonly string[] English = ["Symptom", "Proof", "Cause", "Remedies", "What not to do"];
    private static readonly string[] Chinese = ["现象", "证据", "原因", "处置", "不要这样做"];
    private static readonly string[] EnglishRemedies = ["Grace", "A. Application", "B. More room", "C. Reuse", "D. Platform"];
    private static readonly string[] ChineseRemedies = ["争取时间", "A. 应用", "B. 扩容", "C. 复用", "D. 平台"];
    private static readonly string Root = Path.GetFullPath(Fixture.PathOf("..", "..", ".."));

    public static TheoryData<string> FindingPages => [.. Runbook.Names(Language.English).Except(SectionedPages).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Pages => [.. Runbook.Names(Language.English).Order(StringComparer.Ordinal)];

    [Fact]
    public void Both_languages_have_the_same_pages()
    {
        Runbook.Names(Language.English).Count().ShouldBeGreaterThan(20);
        Runbook.Names(Language.Chinese).ShouldBe(Runbook.Names(Language.English), ignoreOrder: true);
    }

    [Fact]
    public void Every_finding_has_a_page_or_a_section_and_none_is_of_a_finding_that_is_not()
    {
        string[] rules = [.. RuleList.All.Select(rule => rule.Id)];
        string[] pages = [.. Runbook.Names(Language.English).Except(SectionedPages)];
        string[] sections = [.. Runbook.Read(Language.English, "tuning").Sections.Select(section => section.Key)];

        rules.Where(id => !id.StartsWith(TuningPrefix, StringComparison.Ordinal)).Except(pages).ShouldBeEmpty("no page");
        rules.Where(id => id.StartsWith(TuningPrefix, StringComparison.Ordinal)).Except(sections).ShouldBeEmpty("no section of tuning.md");
    }

    [Theory]
    [MemberData(nameof(FindingPages))]
    public void A_page_answers_the_same_questions_in_the_same_order(string name)
    {
        Runbook.Read(Language.English, name).Sections.Select(section => section.Title).ShouldBe(English);
        Runbook.Read(Language.Chinese, name).Sections.Select(section => section.Title).ShouldBe(Chinese);
    }

    [Theory]
    [MemberData(nameof(FindingPages))]
    public void Remedies_come_with_the_least_risk_first_and_are_the_same_in_both_languages(string name)
    {
        string[] english = Remedies(Language.English, name);
        english.ShouldNotBeEmpty();
        english.ShouldBe(EnglishRemedies.Where(english.Contains));
        Remedies(Language.Chinese, name).ShouldBe(english.Select(remedy => ChineseRemedies[Array.IndexOf(EnglishRemedies, remedy)]));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Both_languages_have_the_same_code_the_same_links_and_the_same_keys(string name)
    {
        var english = Runbook.Read(Language.English, name);
        var chinese = Runbook.Read(Language.Chinese, name);

        Code(chinese).ShouldBe(Code(english));
        Links(chinese).ShouldBe(Links(english));
        if (SectionedPages.Contains(name))
        {
            chinese.Sections.Select(section => section.Key).ShouldBe(english.Sections.Select(section => section.Key));
            english.Sections.Select(section => section.Key).ShouldBeUnique();
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_to_topics_that_can_be_asked_for(string name)
    {
        foreach ((string text, string target) in Links(Runbook.Read(Language.English, name)))
        {
            Runbook.Names(Language.English).ShouldContain(target);
            bool known = Topics.All.Any(topic => topic.Page == target && (topic.Section ?? topic.Page) == text) || text == target;
            known.ShouldBeTrue(text);
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Nothing_is_wider_than_80_columns(string name)
    {
        foreach (Language language in Enum.GetValues<Language>())
        {
            MarkdownText.Render(Runbook.Read(language, name).Lines, TerminalStyle.Plain).Split('\n').Where(line => TextLayout.WidthOf(line) > 80).ShouldBeEmpty();
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_metric_that_is_named_is_there(string name)
    {
        string metrics = File.ReadAllText(Path.Join(Root, "docs", "metrics.md"));
        Regex.Matches(string.Join('\n', Runbook.Read(Language.English, name).Lines), "(?<![a-z0-9_])conn_[a-z0-9_]+")
            .Select(match => match.Value)
            .Where(metric => metric != "conn_limit" && !metrics.Contains($"`{metric}`", StringComparison.Ordinal))
            .ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void What_sets_the_port_range_reserves_the_listening_ports_with_it(string name) =>
        Code(Runbook.Read(Language.English, name))
            .Where(block => block.Contains("sysctl -w net.ipv4.ip_local_port_range=", StringComparison.Ordinal))
            .ShouldAllBe(block => block.Contains("old=$(sysctl -n net.ipv4.ip_local_reserved_ports)", StringComparison.Ordinal)
                && block.Contains("sysctl -w net.ipv4.ip_local_reserved_ports=\"$all\"", StringComparison.Ordinal));

    [Fact]
    public void Every_page_and_every_section_can_be_asked_for()
    {
        string[] asked = [.. Topics.All.Select(topic => $"{topic.Page} {topic.Section}")];
        IEnumerable<string> all = Runbook.Names(Language.English).Except(SectionedPages).Select(page => page + " ")
            .Concat(SectionedPages.SelectMany(page => Runbook.Read(Language.English, page).Sections.Select(section => $"{page} {section.Key}")));

        all.Except(asked).ShouldBeEmpty();
    }

    private static string[] Remedies(Language language, string name) =>
        [.. Runbook.Read(language, name).Sections[3].Lines.Where(line => line.StartsWith("### ", StringComparison.Ordinal)).Select(line => line[4..])];

    private static string[] Code(Runbook page) => [.. Regex.Matches(string.Join('\n', page.Lines), @"(?ms)^```\w+$.*?^```$").Select(match => match.Value)];

    private static (string Text, string Target)[] Links(Runbook page) =>
        [.. Regex.Matches(string.Join('\n', page.Lines), @"\[([^\]\n]+)\]\(([a-z0-9_]+)\.md\)").Select(match => (match.Groups[1].Value, match.Groups[2].Value))];
}
