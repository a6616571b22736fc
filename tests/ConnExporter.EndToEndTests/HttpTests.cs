using System.Net;
using System.Net.Sockets;
using System.Text;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>What is answered, and where.</summary>
public sealed class HttpTests
{
    private static readonly string[] OfWhatGoesOn =
        [.. ((string[])["conn_exporter_request_duration_seconds", "conn_collector_sample_duration_seconds"]).SelectMany(histogram => (string[])[histogram + "_sum", histogram + "_count", histogram + "_bucket"])];

    [Fact]
    public async Task Every_address_is_served()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.2:0");

        daemon.Addresses.Length.ShouldBe(2);
        foreach (Uri address in daemon.Addresses)
        {
            using HttpClient client = Daemon.NewClient(address);
            using HttpResponseMessage answer = await daemon.GetMetricsAsync(client: client);
            Page.Parse(await answer.Content.ReadAsStringAsync()).Collectors.ShouldContain("ports");
        }
    }

    [FactThatNeeds(Need.IPv6)]
    public async Task IPv6_is_served()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0");

        Uri address = daemon.Addresses.Single(candidate => candidate.HostNameType == UriHostNameType.IPv6);
        using HttpClient client = Daemon.NewClient(address);
        using HttpResponseMessage answer = await daemon.GetMetricsAsync(client: client);
        Page.Parse(await answer.Content.ReadAsStringAsync()).Collectors.ShouldContain("ports");
    }

    [Fact]
    public async Task Each_path_answers_as_it_should()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();

        await AnswersAsync(daemon, "/metrics", HttpStatusCode.OK, "text/plain; version=0.0.4; charset=utf-8", "conn_exporter_build_info");
        await AnswersAsync(daemon, "/metrics?a=b", HttpStatusCode.OK, "text/plain; version=0.0.4; charset=utf-8", "conn_exporter_build_info");
        await AnswersAsync(daemon, "/-/healthy", HttpStatusCode.OK, "text/plain; charset=utf-8", "healthy\n");
        await AnswersAsync(daemon, "/-/ready", HttpStatusCode.OK, "text/plain; charset=utf-8", "ready\n");
        await AnswersAsync(daemon, "/", HttpStatusCode.OK, "text/html; charset=utf-8", "href=\"metrics\"");
        foreach (string nothing in new[] { "/metric", "/metrics/", "/Metrics", "//metrics", "/-/", "/-/reload", "/../../etc/passwd", "/%2e%2e/etc/passwd" })
        {
            await AnswersAsync(daemon, nothing, HttpStatusCode.NotFound, "text/plain; charset=utf-8", "/metrics");
        }
    }

    [Fact]
    public async Task The_metrics_path_can_be_moved()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--web.telemetry-path=/deep/er");

        await AnswersAsync(daemon, "/deep/er", HttpStatusCode.OK, "text/plain; version=0.0.4; charset=utf-8", "conn_exporter_build_info");
        await AnswersAsync(daemon, "/", HttpStatusCode.OK, "text/html; charset=utf-8", "href=\"deep/er\"");
        await AnswersAsync(daemon, "/metrics", HttpStatusCode.NotFound, "text/plain; charset=utf-8", "/deep/er");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/metrics")]
    [InlineData("/-/healthy")]
    [InlineData("/nothing")]
    public async Task Head_answers_as_get_without_the_content(string path)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--collector.disable-defaults", "--collector.ports", "--collector.ports.interval=1h");
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using HttpResponseMessage head = await daemon.Client.SendAsync(request);
        using HttpResponseMessage get = await daemon.Client.GetAsync(path);

        head.StatusCode.ShouldBe(get.StatusCode);
        head.Content.Headers.ContentType.ShouldBe(get.Content.Headers.ContentType);
        head.Content.Headers.ContentLength.ShouldBe(get.Content.Headers.ContentLength);
        head.Content.Headers.ContentLength.ShouldNotBeNull().ShouldBeGreaterThan(0);
        (await head.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("NONSENSE")]
    public async Task Other_methods_are_refused(string method)
    {
        await using Daemon daemon = await Daemon.StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), "/metrics");

        using HttpResponseMessage answer = await daemon.Client.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        answer.Content.Headers.Allow.ShouldBe(["GET", "HEAD", "OPTIONS"]);
    }

    [Fact]
    public async Task Sixty_methods_that_nobody_knows_add_no_series()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--collector.disable-defaults", "--collector.ports", "--collector.ports.interval=1h");
        await AskAsync("NONSENSE");
        Page before = await AnsweredAsync(1);
        for (int i = 0; i < 60; i++)
        {
            await AskAsync($"NONSENSE{i}");
        }

        Page after = await AnsweredAsync(61);

        after.Series.Keys.Order().ShouldBe(before.Series.Keys.Order());
        after.Series.Keys.ShouldNotContain(key => key.Contains("NONSENSE", StringComparison.Ordinal));

        async Task AskAsync(string method)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), "/metrics");
            using HttpResponseMessage answer = await daemon.Client.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        }

        // The page is made anew when there is a new snapshot, not for each answer.
        async Task<Page> AnsweredAsync(int answers)
        {
            Page page = await daemon.ScrapeAsync();
            await Eventually.Holds(async () => (page = await daemon.ScrapeAsync())["conn_exporter_request_duration_seconds_count", ("code", "405")].ShouldBe(answers));
            return page;
        }
    }

    [Fact]
    public async Task How_long_answers_and_samples_take_is_told_in_six_series_a_collector_and_twelve_at_most_and_the_warm_up_is_not_among_them()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();

        Page page = await daemon.ScrapeAsync();

        page.Series.Keys.Count(key => key.Contains("_request_duration_seconds_", StringComparison.Ordinal) || key.Contains("_sample_duration_seconds_", StringComparison.Ordinal)).ShouldBeInRange(1, (6 * page.Collectors.Count()) + 12);
        page.Collectors.ToList().ForEach(collector => page["conn_collector_sample_duration_seconds_count", ("collector", collector)].ShouldBeGreaterThanOrEqualTo(1));

        // The warm-up asks for what is not there, and by a method that is not taken.
        page.Series.Keys.ShouldNotContain(key => key.Contains("code=404", StringComparison.Ordinal) || key.Contains("code=405", StringComparison.Ordinal));
        page.Families.Keys.ShouldAllBe(family => family.StartsWith("conn_", StringComparison.Ordinal) || family.StartsWith("process_", StringComparison.Ordinal), "nothing of the library's own");
    }

    // The first is HAProxy's bare "option httpchk".
    [Theory]
    [InlineData("OPTIONS / HTTP/1.0\r\n\r\n", "204")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "204")]
    [InlineData("OPTIONS /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "204")]
    [InlineData("HEAD / HTTP/1.0\r\n\r\n", "200")]
    public async Task What_load_balancers_ask_for_does_not_mark_it_down(string request, string status)
    {
        await using Daemon daemon = await Daemon.StartAsync();
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(daemon.Addresses[0].Host, daemon.Addresses[0].Port);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        using var answer = new StreamReader(client.GetStream());

        (await answer.ReadToEndAsync()).ShouldStartWith($"HTTP/1.1 {status} ");
    }

    [Theory]
    [InlineData("GET /metrics HTTP/1.1\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("GET met rics HTTP/1.1\r\nHost: x\r\n\r\n")]
    public async Task What_is_no_request_for_a_page_is_refused_and_the_next_client_is_served(string request)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        string answer = await SendRawAsync(daemon, request);

        answer.ShouldStartWith("HTTP/1.1 400 ");
        await daemon.ScrapeAsync();
    }

    [Fact]
    public async Task What_clients_ask_for_is_on_no_page()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        int series = (await daemon.ScrapeAsync()).Series.Count(series => IsOurs(series.Key));
        for (int i = 0; i < 50; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/made-up-{i}?made-up={i}") { Headers = { { "User-Agent", "made-up" } } };
            using HttpResponseMessage answer = await daemon.Client.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }

        Page page = await daemon.ScrapeAsync();
        page.Series.Keys.ShouldAllBe(key => !key.Contains("made-up", StringComparison.Ordinal));
        page.Series.Count(series => IsOurs(series.Key)).ShouldBe(series);

        // 404 is answered for the first time.
        static bool IsOurs(string series) => series.StartsWith("conn_exporter_", StringComparison.Ordinal) && !series.Contains("{code=", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Huge_headers_are_refused_and_the_next_client_is_served()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        string answer = await SendRawAsync(daemon, $"GET /metrics HTTP/1.1\r\nHost: x\r\nX: {new string('x', 20_000)}\r\n\r\n");

        answer.ShouldStartWith("HTTP/1.1 431 ");
        await daemon.ScrapeAsync();
    }

    [Fact]
    public async Task The_status_page_runs_nothing_but_its_own_script_and_can_be_framed_by_nobody()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();

        using HttpResponseMessage answer = await daemon.Client.GetAsync("/");

        answer.Headers.GetValues("Content-Security-Policy").ShouldHaveSingleItem().ShouldStartWith("default-src 'none'");
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        answer.Headers.Contains("Server").ShouldBeFalse();
        string[] scripts = [.. (await answer.Content.ReadAsStringAsync()).Split("<script")[1..]];
        scripts.ShouldHaveSingleItem().ShouldStartWith(" src=\"assets/");
    }

    [Fact]
    public async Task The_verb_metrics_prints_one_page_and_nothing_else()
    {
        Finished run = await new Launch("metrics").RunAsync();

        run.ExitCode.ShouldBe(0);
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldAllBe(line => line.StartsWith("ts=", StringComparison.Ordinal), "nothing but what could not be read");
        var printed = Page.Parse(run.Output);
        await using Daemon daemon = await Daemon.StartReadyAsync();
        printed.Names.Except(Page.OfTheMoment).ShouldBe((await daemon.ScrapeAsync()).Names.Except([.. Page.OfTheMoment, "conn_incidents_total", "conn_recorder_enabled", "conn_recorder_records_total", .. OfWhatGoesOn]), "a single look records nothing");
        printed.Collectors.ShouldAllBe(collector => printed.Outcome(collector) != null);
    }

    [Fact]
    public async Task The_verb_metrics_logs_to_standard_error_only()
    {
        using var proc = ProcTree.With("net/netstat", path => File.WriteAllText(path, "nonsense"));

        Finished run = await new Launch("metrics", $"--path.procfs={proc.Path}").RunAsync();

        run.ExitCode.ShouldBe(0);
        Page.Parse(run.Output).Outcome("counters").ShouldBe("broken");
        run.Error.ShouldContain("net/netstat");
    }

    private static async Task AnswersAsync(Daemon daemon, string path, HttpStatusCode status, string contentType, string content)
    {
        // As it stands: Uri would tidy the path.
        string answer = await SendRawAsync(daemon, $"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        answer.ShouldStartWith($"HTTP/1.1 {(int)status} ", customMessage: path);
        answer.ShouldContain($"Content-Type: {contentType}\r\n");
        answer.ShouldContain(content, Case.Sensitive, path);
    }

    private static async Task<string> SendRawAsync(Daemon daemon, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, daemon.Addresses[0].Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var answer = new MemoryStream();
        await client.GetStream().CopyToAsync(answer, patience.Token);
        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
