using System.IO.Compression;
using System.Text;
using ConnExporter.Diagnosis;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Tests.Support;
using ConnExporter.Web;
using Microsoft.AspNetCore.Http;

namespace ConnExporter.Tests.Web;

public class EndpointsTests
{
    private static readonly CollectorState Ready = new() { Name = "demo", Interval = TimeSpan.FromSeconds(1), Outcome = Outcome.Ok };
    private readonly StateStore store = new(new ExporterState(new Snapshot([Ready])));

    [Fact]
    public async Task The_metrics_page_is_text_unless_asked_otherwise()
    {
        Answer answer = await Get("/metrics");

        answer.Status.ShouldBe(200);
        answer.Header("Content-Type").ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        answer.Header("Content-Length").ShouldBe($"{answer.Body.Length}");
        answer.Header("Content-Encoding").ShouldBe("");
        answer.Header("Vary").ShouldBe("Accept, Accept-Encoding");
        MetricsText.Parse(answer.Text)["conn_collector_outcome", "demo", "ok"].ShouldBe("1");
    }

    [Fact]
    public async Task The_metrics_page_is_open_metrics_where_asked_for()
    {
        Answer answer = await Get("/metrics", ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"));

        answer.Header("Content-Type").ShouldBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
        answer.Text.ShouldEndWith("# EOF\n");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("GZIP")]
    [InlineData("gzip, deflate, br")]
    [InlineData("deflate, gzip;q=0.1")]
    [InlineData("*")]
    [InlineData("identity;q=0.5, *;q=0.1")]
    [InlineData("br;q=1.0, gzip;q=0.8, *;q=0")]
    public async Task It_is_compressed_for_those_who_take_gzip(string accepted)
    {
        Answer answer = await Get("/metrics", ("Accept-Encoding", accepted));

        answer.Header("Content-Encoding").ShouldBe("gzip");
        answer.Header("Content-Length").ShouldBe($"{answer.Body.Length}");
        Unpack(answer.Body).ShouldBe((await Get("/metrics")).Body);
    }

    [Theory]
    [InlineData("")]
    [InlineData("identity")]
    [InlineData("br")]
    [InlineData("gzip;q=0")]
    [InlineData("gzip;q=0, *")]
    [InlineData("gzip;q=0.0, deflate")]
    [InlineData("*;q=0")]
    [InlineData("gzipped")]
    [InlineData(";;;")]
    public async Task It_is_plain_for_everybody_else(string accepted)
    {
        Answer answer = await Get("/metrics", ("Accept-Encoding", accepted));

        answer.Status.ShouldBe(200);
        answer.Header("Content-Encoding").ShouldBe("");
        answer.Text.ShouldStartWith("# HELP ");
    }

    // Reading a list of wishes takes two hundred times its size.
    [Fact]
    public async Task A_wish_longer_than_anybodys_counts_as_none()
    {
        string list = string.Concat(Enumerable.Repeat("gzip,", 200));

        (await Get("/metrics", ("Accept-Encoding", list))).Header("Content-Encoding").ShouldBe("gzip");
        (await Get("/metrics", ("Accept-Encoding", list + list))).Header("Content-Encoding").ShouldBe("");
        (await Get("/metrics", ("Accept", "application/openmetrics-text," + list + list))).Header("Content-Type").ShouldStartWith("text/plain");
    }

    [Fact]
    public async Task The_path_of_the_metrics_page_can_be_another()
    {
        (await Get("/mine", telemetryPath: "/mine")).Status.ShouldBe(200);
        (await Get("/metrics", telemetryPath: "/mine")).Status.ShouldBe(404);
    }

    [Theory]
    [InlineData("/nothing")]
    [InlineData("/metrics/")]
    [InlineData("/Metrics")]
    [InlineData("/../etc/passwd")]
    [InlineData("/metrics/../..")]
    public async Task Other_paths_are_not_there_and_the_answer_tells_what_is(string path)
    {
        Answer answer = await Get(path);

        answer.Status.ShouldBe(404);
        answer.Text.ShouldBe("nothing here; the metrics are at /metrics\n");
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("TRACE")]
    [InlineData("BREW")]
    public async Task Other_methods_are_not_allowed(string method)
    {
        Answer answer = await Ask(method, "/metrics");

        answer.Status.ShouldBe(405);
        answer.Header("Allow").ShouldBe("GET, HEAD, OPTIONS");
        answer.Text.ShouldBe("only GET and HEAD\n");
    }

    [Theory]
    [InlineData("Content-Length", "1")]
    [InlineData("Transfer-Encoding", "chunked")]
    public async Task A_request_with_content_is_refused_and_its_connection_closed(string header, string value)
    {
        Answer answer = await Get("/metrics", (header, value));

        answer.Status.ShouldBe(400);
        answer.Header("Connection").ShouldBe("close");
        answer.Text.ShouldBe("no request here has content\n");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/metrics")]
    [InlineData("/-/healthy")]
    [InlineData("/-/ready")]
    [InlineData("/nothing")]
    public async Task HEAD_has_the_headers_of_GET_and_no_body(string path)
    {
        Answer get = await Get(path);

        Answer head = await Ask("HEAD", path);

        head.Status.ShouldBe(get.Status);
        head.Header("Content-Type").ShouldBe(get.Header("Content-Type"));
        head.Header("Content-Length").ShouldBe($"{get.Body.Length}");
        head.Body.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/-/ready")]
    [InlineData("GET", "/nothing")]
    [InlineData("POST", "/")]
    public async Task No_browser_guesses_the_type_of_an_answer(string method, string path) =>
        (await Ask(method, path)).Header("X-Content-Type-Options").ShouldBe("nosniff");

    [Fact]
    public async Task It_is_healthy_while_it_answers()
    {
        Answer answer = await Get("/-/healthy");

        answer.Status.ShouldBe(200);
        answer.Header("Content-Type").ShouldBe("text/plain; charset=utf-8");
        answer.Text.ShouldBe("healthy\n");
    }

    [Fact]
    public async Task It_is_ready_once_every_collector_has_an_outcome_and_the_diagnosis_has_looked()
    {
        store.Update(state => state with { Snapshot = new Snapshot([Ready, Ready with { Name = "slow", Outcome = null }, Ready with { Name = "slower", Outcome = null }]) });
        Answer waiting = await Get("/-/ready");
        waiting.Status.ShouldBe(503);
        waiting.Text.ShouldBe("waiting for the first sample of: slow, slower\n");

        store.Update(state => state with { Snapshot = new Snapshot([Ready, Ready with { Name = "slow", Outcome = Outcome.Stuck }]) });
        (await Get("/-/ready")).Text.ShouldBe("waiting for the first diagnosis\n");

        store.Update(state => state with { Report = new DiagnosisReport(DateTimeOffset.UnixEpoch, [], [], []) });
        Answer ready = await Get("/-/ready");
        ready.Status.ShouldBe(200);
        ready.Text.ShouldBe("ready\n");
    }

    [Fact]
    public async Task The_landing_page_may_load_nothing_and_run_nothing()
    {
        Answer answer = await Get("/");

        answer.Status.ShouldBe(200);
        answer.Header("Content-Type").ShouldBe("text/html; charset=utf-8");
        answer.Header("Content-Security-Policy").ShouldBe("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
        answer.Text.ShouldNotContain("<script");
    }

    // HAProxy's bare "option httpchk" asks OPTIONS / HTTP/1.0 and takes what is neither 2xx nor 3xx for a server that is down.
    [Theory]
    [InlineData("/")]
    [InlineData("/metrics")]
    [InlineData("")]
    public async Task Options_are_answered_and_nothing_more(string path)
    {
        Answer answer = await Ask("OPTIONS", path);

        answer.Status.ShouldBe(204);
        answer.Header("Allow").ShouldBe("GET, HEAD, OPTIONS");
        answer.Body.ShouldBeEmpty();
    }

    [Fact]
    public async Task Options_of_readiness_do_not_call_ready_what_is_not() => (await Ask("OPTIONS", "/-/ready")).Status.ShouldBe(503);

    [Fact]
    public async Task A_policy_that_the_web_configuration_has_set_stays()
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Path = "/";
        context.Response.Body = new MemoryStream();
        context.Response.Headers.ContentSecurityPolicy = "frame-ancestors https://grafana.example";

        await new Endpoints("/metrics", store, new MetricsPage(store, new MetricRegistry())).HandleAsync(context);

        context.Response.Headers.ContentSecurityPolicy.ToString().ShouldBe("frame-ancestors https://grafana.example");
    }

    private static byte[] Unpack(byte[] packed)
    {
        using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        stream.CopyTo(plain);
        return plain.ToArray();
    }

    private Task<Answer> Get(string path, (string Name, string Value)? header = null, string telemetryPath = "/metrics") => Ask("GET", path, header, telemetryPath);

    private async Task<Answer> Ask(string method, string path, (string Name, string Value)? header = null, string telemetryPath = "/metrics")
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;
        context.Response.Body = body;
        if (header is { } given)
        {
            context.Request.Headers[given.Name] = given.Value;
        }

        await new Endpoints(telemetryPath, store, new MetricsPage(store, new MetricRegistry())).HandleAsync(context);
        return new Answer(context.Response.StatusCode, context.Response.Headers, body.ToArray());
    }

    private sealed record Answer(int Status, IHeaderDictionary Headers, byte[] Body)
    {
        public string Text => Encoding.UTF8.GetString(Body);

        public string Header(string name) => Headers[name].ToString();
    }
}
