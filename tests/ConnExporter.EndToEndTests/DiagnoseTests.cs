using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>
/// <c>diagnose</c> as it is typed: exit status, text, JSON, and what it asks of a running exporter. What it finds is tested against the kernel elsewhere. A
/// tree of files plays the host, so that troubles of the real one do not matter.
/// </summary>
public sealed class DiagnoseTests
{
    private const int NobodyListens = 1;

    [Theory]
    [InlineData("1000\t0\t1000000\n", 0, "ok")]
    [InlineData("850000\t0\t1000000\n", 1, "warning")]
    [InlineData("990000\t0\t1000000\n", 2, "critical")]
    public async Task The_exit_status_tells_the_worst_finding(string fileNumbers, int exitCode, string verdict)
    {
        using ProcTree proc = QuietHost(fileNumbers);

        Finished run = await DiagnoseAsync(proc, "--json");

        using var document = JsonDocument.Parse(run.Output);
        string[] severities = [.. document.RootElement.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("severity").GetString()!).Where(severity => severity != "info")];
        severities.ShouldBe(verdict == "ok" ? [] : [verdict]);
        document.RootElement.GetProperty("complete").GetBoolean().ShouldBeTrue(run.Output);
        run.ExitCode.ShouldBe(exitCode);
        run.Error.ShouldBe("");
    }

    [Fact]
    public async Task What_could_not_be_read_is_no_good_news()
    {
        using ProcTree proc = QuietHost("nonsense\n");

        Finished run = await DiagnoseAsync(proc);

        run.ExitCode.ShouldBe(3);
        run.Output.ShouldContain("What could not be seen");
        run.Output.ShouldContain("sys/fs/file-nr");
    }

    [Fact]
    public async Task A_pipe_gets_plain_text_of_eighty_columns_with_commands_whole()
    {
        using ProcTree proc = QuietHost("990000\t0\t1000000\n");

        string[] lines = (await DiagnoseAsync(proc)).Output.Split('\n');

        lines[1].ShouldStartWith("CRITICAL: ");
        lines.ShouldContain(line => line.Contains("990,000/1,000,000", StringComparison.Ordinal) && line.Contains("99 %", StringComparison.Ordinal));
        lines.ShouldContain(line => line.StartsWith("        $ sysctl -w fs.file-max=", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("conn-exporter explain system_descriptors_exhausting", StringComparison.Ordinal));
        lines.Where(line => !line.StartsWith("        $ ", StringComparison.Ordinal)).ShouldAllBe(line => line.Length <= 80);
        lines.ShouldAllBe(line => !line.Any(char.IsControl));
    }

    [Fact]
    public async Task It_speaks_the_language_of_the_locale_or_the_one_that_is_asked_for()
    {
        using ProcTree proc = QuietHost("1000\t0\t1000000\n");

        (await new Launch([.. Flags(proc, "diagnose")]) { Environment = { ["LANG"] = "zh_CN.UTF-8" } }.RunAsync()).Output.ShouldContain("没有资源即将耗尽");
        (await DiagnoseAsync(proc, "--lang=en")).Output.ShouldContain("Nothing is running out.");
    }

    // A program reads it: in another character set it would be no JSON, or say something else.
    [Theory]
    [InlineData("en_US.ISO-8859-1")]
    [InlineData("en_US")]
    [InlineData("zh_CN.GB18030")]
    [InlineData("C")]
    public async Task JSON_is_UTF_8_whatever_the_locale(string locale)
    {
        using ProcTree proc = QuietHost("1000\t0\t1000000\n");

        Finished told = await new Launch([.. Flags(proc, "diagnose"), "--json", "--lang=zh"]) { Environment = { ["LC_ALL"] = locale } }.RunAsync();

        using var document = JsonDocument.Parse(told.Output);
        document.RootElement.GetProperty("resources").EnumerateArray().Select(resource => resource.GetProperty("title").GetString()).ShouldContain("文件描述符（主机）", locale);
    }

    [Theory]
    [InlineData("--lang=fr", "--lang: 'fr': expected en or zh")]
    [InlineData("--jsn", "--jsn: no such flag")]
    [InlineData("now", "now: no such command")]
    public async Task Wrong_usage_ends_with_64(string argument, string complaint)
    {
        Finished run = await new Launch("diagnose", argument).RunAsync();

        run.ExitCode.ShouldBe(64);
        run.Error.ShouldContain(complaint);
        run.Output.ShouldBe("");
    }

    [Fact]
    public async Task Watching_looks_again_until_it_is_interrupted()
    {
        using ProcTree proc = QuietHost("1000\t0\t1000000\n");
        using Process watching = new Launch([.. Flags(proc, "diagnose", "--watch", "--lang=en")]).Start();
        try
        {
            int reports = 0;
            while (reports < 2)
            {
                string? line = await watching.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));
                reports += line.ShouldNotBeNull().StartsWith("Nothing is running out.", StringComparison.Ordinal) ? 1 : 0;
            }
        }
        finally
        {
            watching.Kill();
            await watching.WaitForExitAsync();
        }
    }

    // On a port anybody may listen: it is passed on as somebody's word.
    [Fact]
    public async Task Whoever_answers_on_the_port_tells_since_when()
    {
        using ProcTree proc = QuietHost("990000\t0\t1000000\n");
        await using Daemon daemon = await Daemon.StartReadyAsync($"--path.procfs={proc.Path}", "--netns=host", "--diagnosis.for=100ms");
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_finding", ("finding", "system_descriptors_exhausting"), ("severity", "critical"), ("netns", "self")].ShouldBe(1));
        DateTimeOffset begun = Since(await daemon.Client.GetStringAsync("/api/v1/diagnosis"));

        // On a busy machine not every answer is there in time.
        await Eventually.Holds(async () =>
        {
            Finished run = await DiagnoseAsync(proc, "--json", daemon.Addresses[0].Port);
            run.Output.ShouldContain("Who listens at", Case.Sensitive, "what was not asked is named");
            using var document = JsonDocument.Parse(run.Output);
            JsonElement finding = document.RootElement.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == "system_descriptors_exhausting");
            finding.GetProperty("reported").GetProperty("since").GetDateTimeOffset().ShouldBe(begun);
            finding.GetProperty("reported").GetProperty("by").GetString().ShouldBe($"http://127.0.0.1:{daemon.Addresses[0].Port}/");
            finding.GetProperty("since").GetDateTimeOffset().ShouldBeGreaterThan(begun);
        });
        await Eventually.Holds(async () => (await DiagnoseAsync(proc, "--lang=en", daemon.Addresses[0].Port)).Output.ShouldContain("by the word of whoever listens at"));
    }

    [Fact]
    public async Task Without_one_it_says_what_it_cannot_tell()
    {
        using ProcTree proc = QuietHost("1000\t0\t1000000\n");

        (await DiagnoseAsync(proc, "--lang=en")).Output.ShouldContain("established_leak");
    }

    [Theory]
    [InlineData("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP 401")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"version\":1,\"resources\":3}", "history")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"version\":2}", "version 2")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[[[[", "history")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "history")]
    [InlineData("", "history")]
    public async Task Whoever_listens_there_cannot_spoil_it(string answer, string said)
    {
        using ProcTree proc = QuietHost("1000\t0\t1000000\n");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = AnswerAsync(listener, answer);

        Finished run = await DiagnoseAsync(proc, "--lang=en", ((IPEndPoint)listener.LocalEndpoint).Port);

        run.ExitCode.ShouldBe(0, run.Output);
        run.Output.ShouldContain("Nothing is running out.");
        run.Output.ShouldContain(said);
        await serving;
    }

    // What it counts stands still as well: tests that run beside this one make connections fail.
    private static ProcTree QuietHost(string fileNumbers)
    {
        var proc = ProcTree.With("sys/fs/file-nr", path => File.WriteAllText(path, fileNumbers));
        proc.Freeze("net", "snmp", "snmp6", "netstat", "sockstat", "sockstat6");
        return proc;
    }

    private static async Task AnswerAsync(TcpListener listener, string answer)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(20));
        byte[] request = new byte[4096];
        _ = await client.GetStream().ReadAsync(request);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
    }

    private static DateTimeOffset Since(string report)
    {
        using var document = JsonDocument.Parse(report);
        return document.RootElement.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == "system_descriptors_exhausting").GetProperty("since").GetDateTimeOffset();
    }

    private static Task<Finished> DiagnoseAsync(ProcTree proc, string flag = "--lang=en", int port = NobodyListens) => new Launch([.. Flags(proc, "diagnose", flag, $"--web.listen-address=127.0.0.1:{port}")]).RunAsync();

    // The processes and sockets of the machine that runs the tests are left out: they may be in trouble of their own.
    private static string[] Flags(ProcTree proc, params string[] command) =>
        [.. command, $"--path.procfs={proc.Path}", "--netns=host", "--collector.disable-defaults", "--collector.descriptors", "--collector.counters", "--collector.sockstat"];
}
