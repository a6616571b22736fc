using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>What is shipped for Prometheus is what its own tools accept, and each alert has its cases.</summary>
public sealed partial class RuleTests
{
    [FactThatNeeds(Need.PromTool)]
    public async Task Promtool_accepts_the_rules() =>
        (await Tool.RunInAsync(Shipped.Prometheus, ["promtool", "check", "rules", "--lint-fatal", .. Shipped.RuleFiles])).ShouldNotContain("FAILED");

    [FactThatNeeds(Need.PromTool)]
    public async Task Alerts_fire_and_resolve_as_their_cases_say() =>
        await Tool.RunInAsync(Path.Join(Shipped.Prometheus, "tests"), ["promtool", "test", "rules", .. Shipped.RuleTests]);

    [TheoryThatNeeds(Need.PromTool)]
    [InlineData("prometheus.yml")]
    [InlineData("prometheus-tls.yml")]
    [InlineData("prometheus-agent.yml", "--agent")]
    public async Task Promtool_accepts_the_configuration(string file, params string[] flags)
    {
        // It looks for the files that are named, so they have to be there.
        using var directory = new TemporaryDirectory();
        foreach (string folder in (string[])["rules", "targets", "secrets"])
        {
            Directory.CreateDirectory(directory[folder]);
        }

        foreach (string shipped in (string[])[file, .. Shipped.RuleFiles.Select(rules => $"rules/{Path.GetFileName(rules)}"), "targets/example.yml"])
        {
            File.Copy(Path.Join(Shipped.Prometheus, shipped), directory[shipped]);
        }

        await File.WriteAllTextAsync(directory["secrets/conn-exporter.password"], "secret");
        await File.WriteAllTextAsync(directory["secrets/conn-exporter-ca.pem"], "");

        await Tool.RunInAsync(directory.Path, ["promtool", "check", "config", .. flags, file]);
    }

    [Fact]
    public void Every_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on()
    {
        Shipped.Alerts.Count().ShouldBeGreaterThan(5);
        foreach (YamlMappingNode alert in Shipped.Alerts)
        {
            string name = Shipped.Text(alert, "alert")!;
            bool severityOfItsSeries = Shipped.Text(alert, "expr")!.Contains("conn_finding{", StringComparison.Ordinal);
            string? severity = alert.Children.TryGetValue("labels", out YamlNode? labels) ? Shipped.Text((YamlMappingNode)labels, "severity") : null;
            (severity is "critical" or "warning" || severityOfItsSeries).ShouldBeTrue(name);
            Shipped.Text(alert, "for").ShouldNotBeNull(name);
            var annotations = (YamlMappingNode)alert["annotations"];
            Shipped.Text(annotations, "summary").ShouldNotBeNullOrWhiteSpace(name);
            Shipped.Text(annotations, "description").ShouldNotBeNullOrWhiteSpace(name);
            Shipped.Text(annotations, "runbook_url").ShouldNotBeNull(name).ShouldStartWith(RunbookBase, Case.Sensitive, name);
        }
    }

    [Fact]
    public void Every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not()
    {
        ILookup<string, int> cases = Shipped.RuleTests.Select(Shipped.Yaml)
            .SelectMany(file => ((YamlSequenceNode)file["tests"]).Cast<YamlMappingNode>())
            .Where(test => test.Children.ContainsKey("alert_rule_test"))
            .SelectMany(test => ((YamlSequenceNode)test["alert_rule_test"]).Cast<YamlMappingNode>())
            .ToLookup(test => Shipped.Text(test, "alertname")!, test => ((YamlSequenceNode)test["exp_alerts"]).Children.Count);

        foreach (string alert in Shipped.Alerts.Select(alert => Shipped.Text(alert, "alert")!))
        {
            int[] fired = [.. cases[alert]];
            fired.ShouldContain(count => count > 0, $"{alert} never fires");
            fired[0].ShouldBe(0, $"{alert} has no case before it fires");
            fired[^1].ShouldBe(0, $"{alert} does not resolve");
        }
    }

    [Fact]
    public void Every_recorded_series_has_a_case_and_a_name_of_level_metric_and_operations()
    {
        string cases = string.Concat(Shipped.RuleTests.Select(File.ReadAllText));
        string[] records = [.. Shipped.Rules.Select(rule => Shipped.Text(rule, "record")).OfType<string>()];

        records.Length.ShouldBeGreaterThan(10);
        records.ShouldBeUnique();
        records.ShouldAllBe(record => RecordName().IsMatch(record));
        records.ShouldAllBe(record => cases.Contains($"{record}{{", StringComparison.Ordinal) || cases.Contains($"expr: {record}", StringComparison.Ordinal) || cases.Contains($"({record},", StringComparison.Ordinal) || cases.Contains($"/ {record}", StringComparison.Ordinal));
    }

    [Fact]
    public void Runbooks_are_in_one_place_for_alerts_and_dashboards()
    {
        string[] files = [.. Shipped.RuleFiles, .. Directory.GetFiles(Path.Join(Shipped.Grafana, "source"))];
        string[] addresses = [.. files.SelectMany(file => Address().Matches(File.ReadAllText(file))).Select(match => match.Value).Distinct()];

        addresses.ShouldBe([RunbookBase]);
        File.ReadAllText(Path.Join(Repository.Root, "docs", "operate.md")).ShouldContain(RunbookBase);
    }

    private const string RunbookBase = "https://conn-exporter.example/";

    [GeneratedRegex("^[a-z_]+:[a-z_]+:[a-z0-9_]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RecordName();

    [GeneratedRegex("https?://[a-z.-]+/", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
