using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>The dashboards are in good order: Grafana would show every mistake here as an empty panel, or not at all.</summary>
public sealed partial class DashboardTests
{
    private static readonly string[] Units = ["none", "short", "percentunit", "s", "bytes", "cps"];
    private static readonly string[] PanelTypes = ["row", "stat", "bargauge", "table", "timeseries", "text"];

    public static TheoryData<string> Names => [.. Shipped.Dashboards.Select(file => Path.GetFileNameWithoutExtension(file))];

    [Fact]
    public void There_is_one_for_a_host_and_one_for_the_fleet() => Shipped.Dashboards.Select(Path.GetFileNameWithoutExtension).ShouldBe(["conn-exporter-fleet", "conn-exporter-host"], ignoreOrder: true);

    [FactThatNeeds(Need.Jsonnet)]
    public async Task They_are_what_their_sources_give()
    {
        using var directory = new TemporaryDirectory();
        await Tool.RunAsync(Path.Join(Shipped.Grafana, "build"), directory.Path);

        foreach (string file in Shipped.Dashboards)
        {
            File.ReadAllText(directory[Path.GetFileName(file)]).ShouldBe(File.ReadAllText(file), $"run grafana/build: {file}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_uid_is_the_name_of_the_file(string name)
    {
        JsonElement dashboard = Load(name);
        dashboard.GetProperty("uid").GetString().ShouldBe(name);

        // Grafana gives an id itself; one in the file would replace another dashboard.
        dashboard.TryGetProperty("id", out _).ShouldBeFalse();
        dashboard.GetProperty("schemaVersion").GetInt32().ShouldBeGreaterThanOrEqualTo(38);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Panels_have_ids_of_their_own_and_do_not_overlap(string name)
    {
        JsonElement[] panels = [.. Shipped.Panels(Load(name))];
        panels.Select(panel => panel.GetProperty("id").GetInt32()).ShouldBeUnique();

        var taken = new HashSet<(int X, int Y)>();
        foreach (JsonElement panel in panels)
        {
            JsonElement place = panel.GetProperty("gridPos");
            (int x, int y, int w, int h) = (place.GetProperty("x").GetInt32(), place.GetProperty("y").GetInt32(), place.GetProperty("w").GetInt32(), place.GetProperty("h").GetInt32());
            (x + w).ShouldBeLessThanOrEqualTo(24);
            for (int cell = 0; cell < w * h; cell++)
            {
                taken.Add((x + (cell % w), y + (cell / w))).ShouldBeTrue($"{panel.GetProperty("title").GetString()} lies on another");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Panels_say_what_they_show_in_which_unit_and_from_when_it_matters(string name)
    {
        foreach (JsonElement panel in Shipped.Panels(Load(name)))
        {
            string title = panel.GetProperty("title").GetString()!;
            title.ShouldNotBeNullOrWhiteSpace();
            string type = panel.GetProperty("type").GetString()!;
            PanelTypes.ShouldContain(type);
            if (type is "row" or "text")
            {
                continue;
            }

            panel.GetProperty("description").GetString().ShouldNotBeNullOrWhiteSpace(title);
            JsonElement defaults = panel.GetProperty("fieldConfig").GetProperty("defaults");
            Units.ShouldContain(defaults.GetProperty("unit").GetString(), title);
            JsonElement[] steps = [.. defaults.GetProperty("thresholds").GetProperty("steps").EnumerateArray()];
            steps[0].GetProperty("value").ValueKind.ShouldBe(JsonValueKind.Null, title);
            steps.Skip(1).Select(step => step.GetProperty("value").GetDouble()).ShouldBeInOrder(SortDirection.Ascending, title);
            panel.GetProperty("targets").EnumerateArray().Select(target => target.GetProperty("refId").GetString()).ShouldBeUnique(title);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_data_source_is_always_the_chosen_one(string name)
    {
        foreach (JsonElement source in Properties(Load(name), "datasource"))
        {
            source.GetProperty("type").GetString().ShouldBe("prometheus");
            source.GetProperty("uid").GetString().ShouldBe("${datasource}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Variables_choose_data_source_job_instance_and_namespace(string name)
    {
        string[] variables = [.. Load(name).GetProperty("templating").GetProperty("list").EnumerateArray().Select(variable => variable.GetProperty("name").GetString()!)];
        variables.Take(4).ShouldBe(["datasource", "job", "instance", "netns"]);

        // Those of Grafana begin with two underscores.
        string[] used = [.. Variable().Matches(File.ReadAllText(FileOf(name))).Select(match => match.Groups["name"].Value).Distinct().Where(used => !used.StartsWith("__", StringComparison.Ordinal))];
        used.Except(variables).ShouldBeEmpty();
        variables.Except(used).ShouldBeEmpty("chosen for nothing");
    }

    [Fact]
    public void Queries_are_about_the_chosen_hosts_and_take_their_rates_over_the_interval_of_the_graph()
    {
        Query[] queries = [.. Shipped.DashboardQueries()];
        queries.Length.ShouldBeGreaterThan(50);
        foreach (Query query in queries.Where(query => !query.Where.EndsWith("variable job", StringComparison.Ordinal)))
        {
            query.Expression.ShouldContain("job=\"$job\"", Case.Sensitive, query.Where);
            foreach (Match range in Range().Matches(query.Expression))
            {
                range.Value.ShouldBe("[$__rate_interval]", query.Where);
            }

            Counter().Count(query.Expression).ShouldBe(RatedCounter().Count(query.Expression), $"{query.Where} shows a counter as it is: {query.Expression}");
        }
    }

    [Fact]
    public void The_four_questions_come_first_and_in_their_order() =>
        Shipped.Panels(Load("conn-exporter-host")).Where(panel => panel.GetProperty("type").GetString() == "row").Select(row => row.GetProperty("title").GetString()).Take(4)
            .ShouldBe(["What is running out?", "Who holds it?", "When will it be gone?", "What to do?"]);

    [Fact]
    public void Links_lead_to_dashboards_that_exist_to_the_host_and_to_runbooks()
    {
        string all = string.Concat(Shipped.Dashboards.Select(File.ReadAllText));
        string[] linked = [.. DashboardLink().Matches(all).Select(match => match.Groups["uid"].Value).Distinct()];
        linked.ShouldBe(["conn-exporter-host", "conn-exporter-fleet"], ignoreOrder: true);
        all.ShouldContain("${scheme}://${instance}/");
        all.ShouldContain("${runbooks}${__data.fields.finding}.md");
    }

    private static string FileOf(string name) => Path.Join(Shipped.Grafana, "dashboards", name + ".json");

    private static JsonElement Load(string name) => JsonDocument.Parse(File.ReadAllText(FileOf(name))).RootElement;

    private static IEnumerable<JsonElement> Properties(JsonElement element, string name) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(property => property.Name == name ? [property.Value] : Properties(property.Value, name)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(item => Properties(item, name)),
        _ => [],
    };

    [GeneratedRegex(@"\$(\{(?<name>\w+)[^}]*\}|(?<name>\w+))", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Variable();

    [GeneratedRegex(@"\[[^\]]*\]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Range();

    [GeneratedRegex(@"_total\b", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Counter();

    [GeneratedRegex(@"(rate|increase)\([a-z_]+_total\{", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RatedCounter();

    [GeneratedRegex(@"/d/(?<uid>[a-z-]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DashboardLink();
}
