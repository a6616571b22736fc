using ConnExporter.State;
using ConnExporter.Web;

namespace ConnExporter.Tests.Web;

public class LandingPageTests
{
    [Fact]
    public void It_tells_what_this_is_and_where_the_metrics_are()
    {
        string page = LandingPage.Render("/mine");

        page.ShouldContain($"Version {BuildVersion.Version}.");
        page.ShouldContain("<a href=\"mine\">Metrics</a>");
    }

    [Fact]
    public void The_link_to_the_metrics_is_encoded() => LandingPage.Render("/\"><script>").ShouldContain("<a href=\"&quot;&gt;&lt;script&gt;\">Metrics</a>");
}
