using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.Json;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;
using ConnExporter.Tests.Diagnosis;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Web.Pages;

#pragma warning disable MA0009 // The texts are our own: nobody feeds these expressions to make them slow.

public class StatusPageTests
{
    [Fact]
    public void It_says_what_runs_out_who_holds_it_and_what_to_do()
    {
        string page = new PageBench().Look().Page();

        page.ShouldContain("<p class=\"word\">critical</p>");
        page.ShouldContain("<h1>Ephemeral ports towards 10.0.0.5:6379 from 10.0.0.7 run out</h1>");
        page.ShouldContain("<code>ephemeral_ports_exhausting</code>");
        page.ShouldContain("27,500 of 28,232 ports towards 10.0.0.5:6379 from 10.0.0.7 are proven to be taken (97 %)");
        page.ShouldContain("pid 4711");
        page.ShouldContain("<pre tabindex=\"0\"><code>prlimit --pid 4711 ");
        page.ShouldContain("<title>critical · host-1</title>");
    }

    [Fact]
    public void It_is_whole_without_a_script()
    {
        string page = new PageBench().Look(30).Page();

        page.ShouldContain("<noscript><meta http-equiv=\"refresh\"");
        Regex.Count(page, "<svg class=\"bar\"").ShouldBeGreaterThan(5);
        Regex.Count(page, "<path d=\"M[0-9]").ShouldBeGreaterThan(5);
        foreach (string table in (string[])["destinations", "listeners", "units", "processes", "peers", "namespaces", "settings", "collectors"])
        {
            Regex.Count(page, $"(?s)<table data-table=\"{table}\">.*?<tbody>\\s*<tr ").ShouldBe(1, table);
        }
    }

    [Theory]
    [InlineData("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;")]
    [InlineData("\"><img src=x onerror=alert(1)>", "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;")]
    [InlineData("two\nlines", "two\\nlines")]
    [InlineData("back\u202ewards", "back\\u202ewards")]
    [InlineData("\u001b[31mred", "\\u001b[31mred")]
    [InlineData("数据库", "数据库")]
    public void A_process_may_call_itself_what_it_likes(string name, string shown)
    {
        PageBench bench = new PageBench(name).Look();

        string page = bench.Page();
        page.ShouldContain($"<td>{shown}</td>");
        Regex.Count(page, "<script").ShouldBe(1, "ours alone");
        Regex.Count(page, "<img").ShouldBe(0);

        string parts = bench.Json(StatusSite.Document.Parts).GetProperty("parts").GetProperty("tables").GetString()!;
        parts.ShouldContain($"<td>{shown}</td>");
        bench.Json(StatusSite.Document.Snapshot).GetProperty("processes")[0].GetProperty("process").GetString().ShouldBe(name, "data is data");
    }

    [Fact]
    public void Nothing_in_it_needs_what_the_security_policy_forbids()
    {
        string page = new PageBench().Look().Page();

        page.ShouldNotContain(" style=");
        page.ShouldNotContain("<style");
        page.ShouldNotContain("javascript:");
        Regex.Count(page, " on[a-z]+=").ShouldBe(0);
        Regex.Count(page, "<script[^>]*>[^<]").ShouldBe(0);
        Regex.Matches(page, "(?:href|src)=\"([^\"]*)\"").Select(match => match.Groups[1].Value).ShouldAllBe(address => !address.Contains("//", StringComparison.Ordinal) && !address.StartsWith('/'));
    }

    [Fact]
    public void Both_languages_show_the_same()
    {
        PageBench bench = new PageBench().Look();
        string english = bench.Page();
        string chinese = bench.Page(Language.Chinese);

        chinese.ShouldContain("<html lang=\"zh\">");
        chinese.ShouldContain("通往 10.0.0.5:6379 from 10.0.0.7 的临时端口即将耗尽");
        Regex.Count(chinese, "<tr ").ShouldBe(Regex.Count(english, "<tr "));
        Regex.Count(chinese, "<svg").ShouldBe(Regex.Count(english, "<svg"));
        TextBook.Of(Language.Chinese).Keys.Order(StringComparer.Ordinal).ShouldBe(TextBook.Of(Language.English).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Numbers_on_the_page_are_those_of_the_JSON()
    {
        PageBench bench = new PageBench().Look();
        string page = bench.Page();

        foreach (JsonElement resource in bench.Json(StatusSite.Document.Diagnosis).GetProperty("resources").EnumerateArray())
        {
            JsonElement worst = resource.GetProperty("instances")[0];
            page.ShouldContain($"data-resource=\"{resource.GetProperty("resource").GetString()}\" data-instance=\"{worst.GetProperty("instance").GetString()}\" data-netns=\"self\" data-ratio=\"{worst.GetProperty("used_ratio").GetDouble():R}\"");
        }

        JsonElement listener = bench.Json(StatusSite.Document.Snapshot).GetProperty("listeners")[0];
        listener.GetProperty("listener").GetString().ShouldBe("0.0.0.0:443");
        listener.GetProperty("accept_queue").GetInt32().ShouldBe(511);
        listener.GetProperty("drops").GetInt32().ShouldBe(17);
        bench.Json(StatusSite.Document.Snapshot).GetProperty("listeners")[1].GetProperty("drops").ValueKind.ShouldBe(JsonValueKind.Null, "not told is not 0");
    }

    [Fact]
    public void The_last_ten_minutes_are_told_as_ages_and_values()
    {
        JsonElement history = new PageBench().Look(60).Json(StatusSite.Document.History);

        history.GetProperty("version").GetInt32().ShouldBe(1);
        JsonElement ports = history.GetProperty("series").EnumerateArray().First(series => series.GetProperty("resource").GetString() == "ephemeral_ports");
        ports.GetProperty("limit").GetDouble().ShouldBe(28_232);
        double[][] points = [.. ports.GetProperty("points").EnumerateArray().Select(point => point.EnumerateArray().Select(number => number.GetDouble()).ToArray())];
        points.Length.ShouldBeInRange(12, 13, "one each 5 s");
        points[^1].ShouldBe([0, 27_500]);
        points.Select(point => point[0]).ShouldBe(points.Select(point => point[0]).OrderDescending(), "the oldest first");
    }

    [Fact]
    public void Everything_together_stays_below_100_kB_on_the_busiest_host()
    {
        string[] names = [.. Enumerable.Range(0, 200).Select(i => $"container-process-{i:d3}.service")];
        CensusReading census = ObservationBench.CensusOf(
            destinations: [.. names.Select((_, i) => new CensusReading.DestinationRow("2001:db8:1234:5678::1", $"2001:db8:1234:5678::{i:x}", "65000", 20_000, 8_000, 100))],
            listeners: [.. names.Select((name, i) => new CensusReading.ListenerRow("0.0.0.0", $"{10_000 + i}", name, name, 100, 60_000, 1_000, 0, Owner: null))],
            processes: [.. names.Select(name => new CensusReading.ProcessRow(name, name, PageBench.States(TcpState.Established, 60_000)))],
            units: [.. names.Select(name => new CensusReading.StateRow(name, PageBench.States(TcpState.Established, 60_000)))],
            remotes: [.. names.Select((_, i) => new CensusReading.RemoteRow($"2001:db8:1234:5678::{i:x}", 100_000, 100_000))]);
        PageBench bench = new();
        bench.Readings.RemoveAll(reading => reading is CensusReading or ListenersReading or ProcessesReading);
        bench.Readings.Add(census);
        bench.Readings.Add(new ListenersReading("self", [.. names.Select((_, i) => new ListenersReading.Row("0.0.0.0", $"{10_000 + i}", 4_000, 4_096, 4_097, 1_000_000))]));
        bench.Readings.Add(new ProcessesReading([.. names.Take(20).Select(name => new ProcessesReading.Row(name, name, 100, 100_000, 60_000, 65_536) { WorstProcessId = 4_194_304, WorstStartTicks = 1 })], 200, 0));

        bench.Readings.Add(new SettingsReading("self", SettingCatalogue.Present.ToDictionary(setting => setting.Name, _ => "123456", StringComparer.Ordinal), kernel: null, []));

        string page = bench.Look(601).Page();

        int assets = Assets.All.Values.Sum(asset => asset.Content.Length);
        assets.ShouldBeLessThan(30_000);
        (System.Text.Encoding.UTF8.GetByteCount(page) + assets).ShouldBeLessThan(100_000, string.Join(", ", Regex.Split(page, "(?=<section )").Select(part => $"{part.Length} {part[..Math.Min(60, part.Length)]}")));
    }

    [Fact]
    public void Before_the_first_diagnosis_it_says_that_it_waits() =>
        StatusPage.Render(parts: null, TextBook.Of(Language.English), new PageSite("host-1", "/metrics")).ShouldContain("<h1>Waiting for the first diagnosis</h1>");

    [Fact]
    public void Every_table_and_column_is_documented()
    {
        string document = File.ReadAllText(Fixture.PathOf("..", "..", "..", "docs", "api.md"));

        foreach (Table table in Tables.Of(new PageBench().Look().Store.Current.Snapshot, DateTimeOffset.UnixEpoch, TimeProvider.System))
        {
            string row = document.Split('\n').Single(line => line.StartsWith($"| `{table.Id}` |", StringComparison.Ordinal));
            Regex.Matches(row.Split('|')[2], "`([a-z0-9_]+)`").Select(match => match.Groups[1].Value).ShouldBe(table.Columns.Where(column => !column.IsForPeople).Select(column => column.Key), table.Id);
        }
    }
}
