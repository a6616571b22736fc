using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;
using ConnExporter.Web;

namespace ConnExporter.Tests.Web;

public class LandingPageTests
{
    private const string Hostile = "</td><script>alert(\"1\")</script>&amp;'";
    private static readonly CollectorState Demo = new() { Name = "demo", Interval = TimeSpan.FromSeconds(1) };

    [Fact]
    public void It_tells_how_each_collector_stands_and_why()
    {
        string page = Render(
            Demo,
            Demo with { Name = "good", Outcome = Outcome.Ok },
            Demo with { Name = "bad", Outcome = Outcome.Broken, Failure = "/proc/net/snmp: no" });

        page.ShouldContain("<tr><td>demo</td><td>waiting</td><td></td></tr>");
        page.ShouldContain("<tr><td>good</td><td>ok</td><td></td></tr>");
        page.ShouldContain("<tr><td>bad</td><td>broken</td><td>/proc/net/snmp: no</td></tr>");
        page.ShouldContain($"Version {BuildVersion.Version}.");
    }

    [Fact]
    public void Text_that_comes_from_others_is_encoded()
    {
        string page = Render(Demo with { Name = Hostile, Outcome = Outcome.Broken, Failure = Hostile });

        page.ShouldNotContain("<script", Case.Insensitive);
        page.ShouldContain("&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#x27;");
    }

    [Fact]
    public void The_link_to_the_metrics_is_encoded() =>
        LandingPage.Render(Snapshot.Empty(new ManualTime()), "/\"><script>").ShouldContain("<a href=\"/&quot;&gt;&lt;script&gt;\">Metrics</a>");

    private static string Render(params CollectorState[] collectors) =>
        LandingPage.Render(Snapshot.Empty(new ManualTime()) with { Collectors = [.. collectors] }, "/metrics");
}
