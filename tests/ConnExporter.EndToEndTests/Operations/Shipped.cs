using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>The files for Prometheus, Alertmanager and Grafana as they are in the repository.</summary>
internal static partial class Shipped
{
    public static string Prometheus { get; } = Path.Join(Repository.Root, "deploy", "prometheus");

    public static string Alertmanager { get; } = Path.Join(Repository.Root, "deploy", "alertmanager", "alertmanager.yml");

    public static string Grafana { get; } = Path.Join(Repository.Root, "grafana");

    public static string[] RuleFiles { get; } = [.. Directory.GetFiles(Path.Join(Prometheus, "rules"), "*.yml").Order(StringComparer.Ordinal)];

    public static string[] RuleTests { get; } = [.. Directory.GetFiles(Path.Join(Prometheus, "tests"), "*.test.yml").Order(StringComparer.Ordinal)];

    public static string[] Dashboards { get; } = [.. Directory.GetFiles(Path.Join(Grafana, "dashboards"), "*.json").Order(StringComparer.Ordinal)];

    /// <summary>Every rule, alerting and recording.</summary>
    public static IEnumerable<YamlMappingNode> Rules => RuleFiles
        .Select(Yaml)
        .SelectMany(file => ((YamlSequenceNode)file["groups"]).Cast<YamlMappingNode>())
        .SelectMany(group => ((YamlSequenceNode)group["rules"]).Cast<YamlMappingNode>());

    public static IEnumerable<YamlMappingNode> Alerts => Rules.Where(rule => Text(rule, "alert") is not null);

    /// <summary>The root of a file.</summary>
    public static YamlMappingNode Yaml(string file)
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(file);
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    /// <summary>The scalar under a key, or null.</summary>
    public static string? Text(YamlMappingNode node, string key) => node.Children.TryGetValue(key, out YamlNode? value) ? ((YamlScalarNode)value).Value : null;

    /// <summary>The panels of a dashboard.</summary>
    public static IEnumerable<JsonElement> Panels(JsonElement dashboard) => dashboard.GetProperty("panels").EnumerateArray()
        .SelectMany(panel => panel.TryGetProperty("panels", out JsonElement nested) ? [panel, .. nested.EnumerateArray()] : new[] { panel });

    /// <summary>Every query of every dashboard with where it is; variables are still in it.</summary>
    public static IEnumerable<Query> DashboardQueries()
    {
        foreach (string file in Dashboards)
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            JsonElement dashboard = document.RootElement;
            string title = Path.GetFileNameWithoutExtension(file);
            foreach (JsonElement panel in Panels(dashboard).Where(panel => panel.TryGetProperty("targets", out _)))
            {
                foreach (JsonElement target in panel.GetProperty("targets").EnumerateArray())
                {
                    yield return new Query($"{title}: {panel.GetProperty("title").GetString()}", target.GetProperty("expr").GetString()!);
                }
            }

            foreach (JsonElement annotation in dashboard.GetProperty("annotations").GetProperty("list").EnumerateArray())
            {
                yield return new Query($"{title}: annotation {annotation.GetProperty("name").GetString()}", annotation.GetProperty("expr").GetString()!);
            }

            foreach (JsonElement variable in dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().Where(variable => variable.GetProperty("type").GetString() == "query"))
            {
                Match values = LabelValues().Match(variable.GetProperty("definition").GetString()!);
                values.Success.ShouldBeTrue(variable.ToString());
                yield return new Query($"{title}: variable {variable.GetProperty("name").GetString()}", $"count by ({values.Groups["label"].Value}) ({values.Groups["series"].Value})");
            }
        }
    }

    /// <summary>Every expression of every rule, and every query in its annotations' templates is left to the alert itself.</summary>
    public static IEnumerable<Query> RuleQueries() => Rules.Select(rule => new Query(Text(rule, "alert") ?? Text(rule, "record")!, Text(rule, "expr")!));

    /// <summary>Writes the rule files to a directory as they are, but for what a test shortens.</summary>
    /// <returns>Their names there.</returns>
    public static string[] CopyRules(TemporaryDirectory directory, Func<string, string> shorten) =>
        [.. RuleFiles.Select(file => directory.Write(Path.GetFileName(file), shorten(File.ReadAllText(file))))];

    [GeneratedRegex(@"^label_values\((?<series>.+), (?<label>[a-z_]+)\)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelValues();
}

/// <summary>A query and where it is from.</summary>
internal sealed record Query(string Where, string Expression)
{
    /// <summary>With the variables of the dashboards filled in.</summary>
    public Query With(string instance, string interval) => this with
    {
        Expression = Expression.Replace("$__rate_interval", interval, StringComparison.Ordinal).Replace("$job", "conn", StringComparison.Ordinal)
            .Replace("$instance", instance, StringComparison.Ordinal).Replace("$netns", ".+", StringComparison.Ordinal).Replace("$resource", ".+", StringComparison.Ordinal),
    };
}
