using System.IO.Compression;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Texts;
using ConnExporter.Web;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Http;

namespace ConnExporter.Tests.Web.Pages;

public class StatusRoutesTests
{
    private readonly PageBench bench = new PageBench().Look();

    [Theory]
    [InlineData("/", "text/html; charset=utf-8")]
    [InlineData("/api/v1/diagnosis", "application/json; charset=utf-8")]
    [InlineData("/api/v1/snapshot", "application/json; charset=utf-8")]
    [InlineData("/api/v1/history", "application/json; charset=utf-8")]
    [InlineData("/api/v1/page", "application/json; charset=utf-8")]
    [InlineData("/assets/page.css", "text/css; charset=utf-8")]
    [InlineData("/assets/page.js", "text/javascript; charset=utf-8")]
    [InlineData("/assets/icon.svg", "image/svg+xml")]
    public async Task Everything_is_served_with_a_strict_policy_and_a_tag(string path, string contentType)
    {
        Answer answer = await Get(path);

        answer.Status.ShouldBe(200);
        answer.Header("Content-Type").ShouldBe(contentType);
        answer.Header("Content-Security-Policy").ShouldBe(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
        answer.Header("X-Content-Type-Options").ShouldBe("nosniff");
        answer.Header("Cache-Control").ShouldBe(path.StartsWith("/assets/", StringComparison.Ordinal) ? "max-age=31536000, immutable" : "private, no-cache");
        string tag = answer.Header("ETag");
        tag.ShouldMatch("^\"[0-9a-z-]+\"$");

        Answer again = await Get(path, ("If-None-Match", tag));
        again.Status.ShouldBe(304);
        again.Body.ShouldBeEmpty();
        (await Get(path, ("If-None-Match", $"\"another\", W/{tag}"))).Status.ShouldBe(304);
        (await Get(path, ("If-None-Match", "\"another\""))).Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_new_report_is_a_new_page()
    {
        string tag = (await Get("/")).Header("ETag");

        bench.Look();

        (await Get("/", ("If-None-Match", tag))).Status.ShouldBe(200);
        (await Get("/assets/page.js", ("If-None-Match", (await Get("/assets/page.js")).Header("ETag")))).Status.ShouldBe(304);
    }

    [Fact]
    public void However_many_ask_it_is_rendered_once_a_report_and_language()
    {
        byte[] first = bench.Document(StatusSite.Document.Page, Language.English).Get(compressed: true);

        bench.Store.Update(state => state with { Configuration = state.Configuration with { LastReloadOk = false } });
        bench.Document(StatusSite.Document.Page, Language.English).Get(compressed: true).ShouldBeSameAs(first);
        bench.Document(StatusSite.Document.Page, Language.Chinese).Get(compressed: true).ShouldNotBeSameAs(first);

        bench.Look();
        bench.Document(StatusSite.Document.Page, Language.English).Get(compressed: true).ShouldNotBeSameAs(first);
    }

    [Fact]
    public async Task It_is_compressed_for_those_who_take_gzip()
    {
        Answer plain = await Get("/");
        Answer packed = await Get("/", ("Accept-Encoding", "gzip"));

        packed.Header("Content-Encoding").ShouldBe("gzip");
        packed.Header("ETag").ShouldNotBe(plain.Header("ETag"), "these are other bytes");
        packed.Body.Length.ShouldBeLessThan(plain.Body.Length / 3);
        using var stream = new GZipStream(new MemoryStream(packed.Body), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        await stream.CopyToAsync(unpacked);
        unpacked.ToArray().ShouldBe(plain.Body);
    }

    [Theory]
    [InlineData("", "", "en")]
    [InlineData("zh-CN,zh;q=0.9,en;q=0.8", "", "zh")]
    [InlineData("de,zh;q=0.5,en;q=0.6", "", "en")]
    [InlineData("de,zh;q=0.5", "", "zh")]
    [InlineData("zh;q=0,de", "", "en")]
    [InlineData(";;;", "", "en")]
    [InlineData("en", "?lang=zh", "zh")]
    [InlineData("zh", "?lang=en", "en")]
    [InlineData("zh", "?lang=\"><script>", "zh")]
    public async Task The_language_is_the_one_asked_for_or_the_one_preferred(string accepted, string query, string language)
    {
        Answer answer = await Get("/", ("Accept-Language", accepted), query);

        answer.Text.ShouldContain($"<html lang=\"{language}\">");
        answer.Header("Vary").ShouldBe("Accept-Encoding, Accept-Language");
    }

    [Theory]
    [InlineData("/assets/")]
    [InlineData("/assets/../page.css")]
    [InlineData("/assets/page.css.map")]
    [InlineData("/runbooks/../../etc/passwd")]
    [InlineData("/runbooks/no_such_finding")]
    [InlineData("/api/v1/")]
    [InlineData("/api/v2/diagnosis")]
    public async Task Other_paths_are_not_there(string path) => (await Get(path)).Status.ShouldBe(404);

    [Fact]
    public async Task Before_the_first_diagnosis_the_JSON_is_not_available()
    {
        var early = new PageBench();

        Answer answer = await Get("/api/v1/diagnosis", from: early.Routes);

        answer.Status.ShouldBe(503);
        answer.Text.ShouldBe("{\"version\":1,\"error\":\"waiting for the first diagnosis\"}\n");
        answer.Header("ETag").ShouldBe("");
        (await Get("/", from: early.Routes)).Text.ShouldContain("Waiting for the first diagnosis");
    }

    [Fact]
    public async Task Switched_off_there_is_a_link_to_the_metrics_and_nothing_else()
    {
        Answer page = await Get("/", isOn: false);
        page.Text.ShouldContain("<a href=\"metrics\">Metrics</a>");
        page.Text.ShouldNotContain("<script");

        foreach (string path in (string[])["/api/v1/diagnosis", "/api/v1/snapshot", "/api/v1/history", "/api/v1/page", "/assets/page.js", "/runbooks"])
        {
            (await Get(path, isOn: false)).Status.ShouldBe(404, path);
        }
    }

    private async Task<Answer> Get(string path, (string Name, string Value)? header = null, string query = "", bool isOn = true, StatusRoutes? from = null)
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Path = path;
        context.Request.QueryString = new QueryString(query);
        context.Response.Body = body;
        if (header is { } given)
        {
            context.Request.Headers[given.Name] = given.Value;
        }

        await new Endpoints("/metrics", bench.Store, new MetricsPage(bench.Store, new MetricRegistry()), isOn ? from ?? bench.Routes : null).HandleAsync(context);
        return new Answer(context.Response.StatusCode, context.Response.Headers, body.ToArray());
    }

    private sealed record Answer(int Status, IHeaderDictionary Headers, byte[] Body)
    {
        public string Text => Encoding.UTF8.GetString(Body);

        public string Header(string name) => Headers[name].ToString();
    }
}
