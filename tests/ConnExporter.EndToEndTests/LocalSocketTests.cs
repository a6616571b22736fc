using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>Whom <c>diagnose</c> believes, and whom the daemon tells: on a Unix socket the kernel says who is there, on a port nobody does.</summary>
public sealed class LocalSocketTests : IDisposable
{
    private const string Mark = "OF-A-STRANGER";
    private const int NobodyListens = 1;
    private const string Nobody = "65534";
    private static readonly string[] AsNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    private readonly TemporaryDirectory directory = new();
    private readonly ProcTree proc = QuietHost();

    public void Dispose()
    {
        directory.Dispose();
        proc.Dispose();
    }

    [Fact]
    public async Task The_daemon_tells_it_since_when_and_is_believed()
    {
        await using Daemon daemon = await StartAsync();

        Finished run = await DiagnoseAsync("--json");

        using var document = JsonDocument.Parse(run.Output);
        JsonElement finding = Finding(document);
        finding.GetProperty("since").GetDateTimeOffset().ShouldBe(await BegunAsync(daemon));
        finding.TryGetProperty("reported", out _).ShouldBeFalse();
        document.RootElement.GetProperty("not_seen").EnumerateArray().Where(what => what.GetProperty("why").GetString() != "switched off").ShouldBeEmpty(run.Output);
    }

    // As systemd does it, and where the port asks for a password and shows no page.
    [Fact]
    public async Task It_is_served_in_the_runtime_directory_whatever_the_port_asks_for()
    {
        string web = directory.Write("web.yml", "basic_auth_users: {alice: '$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW'}\n");
        await using Daemon daemon = await Daemon.StartAsync(new Launch([.. Served(named: false), $"--web.config.file={web}", "--web.disable-page"])
        {
            Environment = { ["RUNTIME_DIRECTORY"] = directory.Path },
        });

        daemon.Log.ShouldContain($"http://unix:{Socket}");
        await Eventually.Holds(async () => (await DiagnoseAsync("--json")).Output.ShouldNotContain("\"history\""));
        using HttpClient client = SecureClient.OnUnixSocket(Socket);
        (await client.StatusAsync("/api/v1/diagnosis")).ShouldBe(HttpStatusCode.OK);
        (await client.StatusAsync("/api/v1/snapshot")).ShouldBe(HttpStatusCode.OK);
        foreach (string other in new[] { "/metrics", "/", "/api/v1/history", "/incidents", "/-/healthy" })
        {
            (await client.StatusAsync(other)).ShouldBe(HttpStatusCode.NotFound, other);
        }

        using HttpResponseMessage without = await daemon.Client.GetAsync("/api/v1/diagnosis");
        without.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
        File.Exists(Socket).ShouldBeFalse();
    }

    [FactThatNeeds(Need.Root, Need.SetPriv, "curl")]
    public async Task Nobody_but_root_and_its_own_user_is_let_in()
    {
        await using Daemon daemon = await StartAsync();
        string[] ask = ["curl", "--silent", "--show-error", "--max-time", "5", "--unix-socket", Socket, "http://localhost/api/v1/diagnosis"];

        (await Tool.RunAsync(ask)).ShouldStartWith("{\"version\":1,");
        Finished byMode = await Tool.TryAsync([.. AsNobody, .. ask]);
        byMode.ExitCode.ShouldNotBe(0);
        byMode.Output.ShouldBe("");

        // Permissions can be changed; who connects cannot.
        await Tool.RunAsync("chmod", "666", Socket);
        Finished byUser = await Tool.TryAsync([.. AsNobody, .. ask]);
        byUser.ExitCode.ShouldNotBe(0);
        byUser.Output.ShouldBe("");
        (await Tool.RunAsync(ask)).ShouldStartWith("{\"version\":1,");
    }

    [FactThatNeeds(Need.Root, Need.SetPriv)]
    public async Task Another_user_is_told_times_by_the_port_and_what_he_is_not_told()
    {
        using var build = new TemporaryDirectory();
        ProgramUnderTest.CopyTo(Repository.DaemonDirectory, build.Path);
        await using Daemon daemon = await StartAsync();

        // On a busy machine not every answer is there in time.
        await Eventually.Holds(async () =>
        {
            Finished run = await new Launch([.. Flags("diagnose", "--full", daemon.Addresses[0].Port)]) { AsNobody = true, Directory = build.Path }.RunAsync();
            string said = string.Join(' ', run.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            said.ShouldContain($"by the word of whoever listens at http://127.0.0.1:{daemon.Addresses[0].Port}/");
            said.ShouldContain("established_leak");
            said.ShouldContain("Permission denied");
        });
    }

    [Fact]
    public async Task What_a_killed_daemon_left_is_replaced()
    {
        await using (Daemon killed = await StartAsync())
        {
            await killed.EndByAsync(LibC.SigKill);
        }

        File.Exists(Socket).ShouldBeTrue();
        await using Daemon daemon = await StartAsync();
        (await DiagnoseAsync("--json")).Output.ShouldNotContain("\"history\"");
    }

    [Theory]
    [InlineData("a daemon")]
    [InlineData("a directory that everybody may write")]
    [InlineData("nothing")]
    public async Task Where_it_cannot_be_served_the_daemon_says_so_once_and_runs(string what)
    {
        string path = what == "nothing" ? directory["missing/diagnose.sock"] : Socket;
        await using Daemon? other = what == "a daemon" ? await StartAsync() : null;
        if (what.StartsWith("a directory", StringComparison.Ordinal))
        {
            await Tool.RunAsync("chmod", "1777", directory.Path);
        }

        await using Daemon daemon = await Daemon.StartReadyAsync([.. Served(named: false), $"--web.local-socket={path}"]);

        daemon.LogLines.Count(line => line.Contains($"diagnose cannot ask this daemon by {path}", StringComparison.Ordinal)).ShouldBe(1);
        if (what == "a daemon")
        {
            (await DiagnoseAsync("--json")).Output.ShouldNotContain("\"history\"", Case.Sensitive, "the other one is still asked");
        }
    }

    // What takes half an hour to tell comes whole, of one who is believed.
    [FactThatNeeds("perl")]
    public async Task What_takes_longer_than_a_look_is_taken_over_from_the_socket()
    {
        using Process daemon = await ListenAsync(Socket, Forged(Mark), LibC.EffectiveUser().ToString(CultureInfo.InvariantCulture));

        Finished run = await DiagnoseAsync("--lang=en");

        run.Output.ShouldContain($"TITLE-{Mark}");
        End(daemon);
    }

    [FactThatNeeds(Need.Root, "perl")]
    public async Task A_stranger_who_listens_in_a_directory_of_his_is_not_asked()
    {
        await Tool.RunAsync("chown", Nobody, directory.Path);
        using Process stranger = await ListenAsync(Socket, Forged(Mark), Nobody);

        await ShowsNothingOfHimAsync($"{directory.Path} belongs to uid {Nobody}");
        End(stranger);
    }

    // The directory is root's, the listener is not: a service that gave up its rights after bind().
    [FactThatNeeds(Need.Root, "perl")]
    public async Task A_stranger_who_listens_in_a_directory_of_roots_is_not_asked()
    {
        using Process stranger = await ListenAsync(Socket, Forged(Mark), Nobody, bindAsRoot: true);

        await ShowsNothingOfHimAsync($"uid {Nobody} listens there, not root");
        End(stranger);
    }

    [FactThatNeeds(Need.Root, "perl")]
    public async Task A_strangers_link_to_a_socket_of_roots_is_not_followed()
    {
        string his = directory["his"];
        Directory.CreateDirectory(his);
        File.CreateSymbolicLink(Path.Join(his, "diagnose.sock"), Socket);
        await Tool.RunAsync("chown", "--recursive", "--no-dereference", Nobody, his);
        using Process root = await ListenAsync(Socket, Forged(Mark), "0");

        await ShowsNothingOfHimAsync($"{his} belongs to uid {Nobody}", Path.Join(his, "diagnose.sock"));
        End(root);
    }

    public static TheoryData<string, string> Answers => new()
    {
        { "texts of a finding that needs a memory", Http(Forged(Mark)) },
        { "texts of a finding of ours", Http(Forged(Mark, finding: "system_descriptors_exhausting")) },
        { "another network namespace", Http(Forged(Mark, finding: "system_descriptors_exhausting", netns: $"NETNS-{Mark}")) },
        { "a name that commands a terminal", Http(Forged("\\u001b]0;OF-A-STRANGER\\u0007")) },
        { "a time that is to come", Http(Forged(Mark, finding: "system_descriptors_exhausting", since: "2999-01-01T00:00:00Z")) },
        { "huge numbers", Http(Forged(Mark, finding: "system_descriptors_exhausting").Replace("\"peak\":5", "\"peak\":1e999", StringComparison.Ordinal)) },
        { "less than nothing", Http(Forged(Mark, finding: "system_descriptors_exhausting").Replace("\"peak\":5", "\"peak\":-1e300", StringComparison.Ordinal)) },
        { "another version", Http($"{{\"version\":\"{Mark}\"}}") },
        { "no JSON", Http($"{Mark}\u001b[2J") },
        { "a redirection", $"HTTP/1.1 302 {Mark}\r\nLocation: http://127.0.0.1:1/{Mark}\r\nContent-Length: 0\r\n\r\n" },
        { "a status that is none", $"HTTP/1.1 {Mark}\r\n\r\n" },
        { "a length that is none", $"HTTP/1.1 200 OK\r\nContent-Length: {Mark}\r\n\r\n{{}}" },
        { "content without an end", $"HTTP/1.1 200 OK\r\n\r\n{Mark}" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Nothing_of_what_a_stranger_on_the_port_answers_is_shown(string what, string answer)
    {
        foreach (string form in new[] { "--lang=en", "--full", "--json" })
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            using var end = new CancellationTokenSource();
            Task serving = AnswerAsync(listener, answer, endless: what == "content without an end", end.Token);

            Finished run = await DiagnoseAsync(form, ((IPEndPoint)listener.LocalEndpoint).Port);

            run.ExitCode.ShouldBe(2, what);
            run.Error.ShouldBe("");
            run.Output.ShouldNotContain(Mark);
            run.Output.ShouldNotContain("\u001b");
            run.Output.ShouldNotContain("2999");
            run.Output.ShouldMatch("established_leak|history: |What could not be seen: |\"history\"", "what it could not see is named");
            await end.CancelAsync();
            await serving;
        }
    }

    // Its critical findings would decide the exit status, and the first line of the text.
    [Fact]
    public async Task A_forged_growth_makes_no_forecast()
    {
        using ProcTree quiet = QuietHost("400000\t0\t1000000\n");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var end = new CancellationTokenSource();
        string forged = Forged(Mark).Replace("\"growth_per_second\":null", "\"growth_per_second\":100000", StringComparison.Ordinal);
        Task serving = AnswerAsync(listener, Http(forged), endless: false, end.Token);

        Finished run = await new Launch([.. Flags(quiet, "diagnose", "--json", ((IPEndPoint)listener.LocalEndpoint).Port)]).RunAsync();

        run.ExitCode.ShouldBe(0, run.Output);
        await end.CancelAsync();
        await serving;
    }

    private string Socket => directory["diagnose.sock"];

    private static ProcTree QuietHost(string fileNumbers = "990000\t0\t1000000\n")
    {
        var tree = ProcTree.With("sys/fs/file-nr", path => File.WriteAllText(path, fileNumbers));
        tree.Freeze("net", "snmp", "snmp6", "netstat", "sockstat", "sockstat6");
        return tree;
    }

    private static string Http(string content) => $"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{content}";

    private static string Forged(string text, string finding = "established_leak", string netns = "self", string since = "2026-11-28T20:00:00Z") =>
        """
        {"version":1,"resources":[{"resource":"file_descriptors","netns":"self","instances":[{"instance":"host","peak":5,"growth_per_second":null}]}],
        "findings":[{"finding":"FINDING","severity":"critical","netns":"NETNS","instance":"host","title":"TITLE-TEXT","since":"SINCE","caused_by":"TEXT",
        "evidence":[{"key":"KEY-TEXT","text":"TEXT","values":{"VALUE-TEXT":1}}],"holders":[{"name":"TEXT","unit":"TEXT.service","pid":1}],"settings":["TEXT"],
        "remedies":[{"remedy":"TEXT","kind":"grace","title":"TEXT","effect":"TEXT","risk":"TEXT","commands":["echo TEXT"],"buys_seconds":1}]}]}
        """.Replace("FINDING", finding, StringComparison.Ordinal).Replace("NETNS", netns, StringComparison.Ordinal).Replace("SINCE", since, StringComparison.Ordinal).Replace("TEXT", text, StringComparison.Ordinal);

    private static JsonElement Finding(JsonDocument document) =>
        document.RootElement.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == "system_descriptors_exhausting");

    private static async Task<DateTimeOffset> BegunAsync(Daemon daemon)
    {
        using var document = JsonDocument.Parse(await daemon.Client.GetStringAsync("/api/v1/diagnosis"));
        return Finding(document).GetProperty("since").GetDateTimeOffset();
    }

    // Answers whoever comes, until the end; the endless ones as long as they are listened to.
    private static async Task AnswerAsync(TcpListener listener, string answer, bool endless, CancellationToken end)
    {
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(end);
                byte[] request = new byte[4096];
                _ = await client.GetStream().ReadAsync(request, end);
                do
                {
                    await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(answer), end);
                }
                while (endless);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // It was listened to no longer.
        }
    }

    // Whoever calls listen() is the one whom the kernel names.
    private async Task<Process> ListenAsync(string path, string content, string user, bool bindAsRoot = false)
    {
        const string Program = """
            use Socket; my ($path, $file, $user, $late) = @ARGV;
            open(my $content, '<', $file) or die; my $answer = do { local $/; <$content> };
            socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
            $> = $user unless $late;
            bind($s, sockaddr_un($path)) or die "$path: $!"; chmod(0777, $path);
            $> = $user; listen($s, 8) or die;
            $| = 1; print "listens\n";
            while (accept(my $c, $s)) { sysread($c, my $request, 4096); syswrite($c, $answer); close($c); }
            """;
        string file = directory.Write("answer", Http(content));
        var start = new ProcessStartInfo("perl", ["-e", Program, path, file, user, bindAsRoot ? "1" : ""]) { UseShellExecute = false, RedirectStandardOutput = true };
        Process process = Process.Start(start)!;
        (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("listens");
        return process;
    }

    private static void End(Process process)
    {
        process.Kill();
        process.WaitForExit();
    }

    private async Task ShowsNothingOfHimAsync(string why, string? path = null)
    {
        foreach (string form in new[] { "--lang=en", "--full", "--json" })
        {
            Finished run = await new Launch([.. Flags("diagnose", form, NobodyListens, path ?? Socket)]).RunAsync();

            run.ExitCode.ShouldBe(2, run.Error);
            run.Output.ShouldNotContain(Mark);
            using var document = JsonDocument.Parse((await new Launch([.. Flags("diagnose", "--json", NobodyListens, path ?? Socket)]).RunAsync()).Output);
            document.RootElement.GetProperty("not_seen").EnumerateArray().Select(what => what.GetProperty("why").GetString()).ShouldContain(said => said!.Contains(why, StringComparison.Ordinal));
        }
    }

    private string[] Served(bool named = true) =>
        [$"--path.procfs={proc.Path}", "--netns=host", "--diagnosis.for=100ms", "--web.listen-address=127.0.0.1:0", .. named ? new[] { $"--web.local-socket={Socket}" } : []];

    private async Task<Daemon> StartAsync()
    {
        Daemon daemon = await Daemon.StartReadyAsync(Served());
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_finding", ("finding", "system_descriptors_exhausting"), ("severity", "critical"), ("netns", "self")].ShouldBe(1));
        return daemon;
    }

    private Task<Finished> DiagnoseAsync(string flag, int port = NobodyListens) => new Launch([.. Flags("diagnose", flag, port)]).RunAsync();

    private string[] Flags(string command, string flag, int port, string? path = null) => [.. Flags(proc, command, flag, port), $"--web.local-socket={path ?? Socket}"];

    // The processes and sockets of the machine that runs the tests are left out: they may be in trouble of their own.
    private static string[] Flags(ProcTree proc, string command, string flag, int port) =>
        [command, flag, $"--web.listen-address=127.0.0.1:{port}", $"--path.procfs={proc.Path}", "--netns=host", "--collector.disable-defaults", "--collector.descriptors", "--collector.counters", "--collector.sockstat"];
}
