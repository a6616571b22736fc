using System.Net;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>The file that is shipped, beside the build that it was made of.</summary>
[Collection(OneAtATime.Name)]
public sealed class PublishedBinaryTests(PublishedProgram program) : IDisposable
{
    // bcrypt of "secret".
    private const string Hash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task It_is_published_without_a_warning_and_serves_what_the_build_serves()
    {
        string published = await program.FileAsync();
        await using Daemon built = await Daemon.StartReadyAsync(new Launch { IsBuild = true });

        // No .NET to be found: it has to bring its own.
        await using Daemon shipped = await Daemon.StartReadyAsync(new Launch { Published = published, Environment = { ["PATH"] = "/nowhere", ["DOTNET_ROOT"] = "/nowhere" } });

        Page shippedPage = await shipped.ScrapeAsync();
        Page builtPage = await built.ScrapeAsync();
        shippedPage.Families.ShouldBe(builtPage.Families);
        shippedPage.Names.ShouldBe(builtPage.Names);
        (await shipped.ScrapeAsync(openMetrics: true)).OpenMetrics.ShouldBeTrue();
        foreach (string path in new[] { "/", "/-/ready", "/-/healthy" })
        {
            (await shipped.Client.GetStringAsync(path)).ShouldNotBeEmpty();
        }

        (await shipped.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);

        await TrimmedPathsWorkAsync(published);
        await AccessIsKeptAsync(published);
    }

    // How much the runtime sets aside for its heap follows the limit: with some it has all it needs, and none for threads. Where its own start fails (255) nothing
    // of this program has run; it was seen to fault too (139). What may not be is an abort for a thread of its pool.
    [FactThatNeeds("prlimit")]
    public async Task With_little_address_space_diagnose_answers_or_says_what_it_lacks()
    {
        string published = await program.FileAsync();
        int told = 0;
        foreach (long mebibytes in (long[])[128, 192, 256, 320, 384, 448, 576, 704, 832, 960, 1088, 1536, 4096])
        {
            Finished run = await new Launch("diagnose", "--json", "--netns=host", "--web.listen-address=127.0.0.1:1") { Published = published, Under = ["prlimit", $"--as={mebibytes << 20}", "--core=0"] }.RunAsync();

            string what = $"{mebibytes} MiB: exit {run.ExitCode}, {run.Error}";

            // Where it finds no room for the threads of its pool, or for the heap, the runtime ends the process itself and says so (docs/faults.md).
            bool isRuntimes = run.ExitCode == 134 && Array.Exists(["thread pool", "Out of memory", "OutOfMemoryException"], word => run.Error.Contains(word, StringComparison.Ordinal));
            (isRuntimes || run.ExitCode is (>= 0 and <= 3) or 70 or 139 or 255).ShouldBeTrue(what);
            if (run.ExitCode == 70)
            {
                // Beside it the runtime may say that its pool found no thread.
                run.Error.Split('\n').ShouldContain(line => line.StartsWith("conn-exporter: no memory or no further thread to be had", StringComparison.Ordinal), what);
            }

            told += run.ExitCode is 134 or 139 or 255 ? 0 : 1;
        }

        told.ShouldBeGreaterThan(6, "most limits leave room for an answer, or for what is lacking");
    }

    // What native code leaves out is found by what works by reflection, in another language, in another format, or in a message that is seldom seen.
    [Fact]
    public async Task It_says_what_the_build_says()
    {
        using var certificates = new TestCertificates(directory);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
        string web = directory.Write("web.yml", $"tls_server_config: {{cert_file: server.crt, key_file: server.key, min_version: TLS13}}\nbasic_auth_users: {{prometheus: '{Hash}'}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}\n");
        string withoutKey = directory.Write("keyless.yml", "tls_server_config: {cert_file: server.crt}\n");
        string good = directory.Write("good.yml", "collector: {ports: {interval: 9s}, census: {enabled: false}}\nlog.format: json\ndiagnosis: {for: 3s}\n");
        string bad = directory.Write("bad.yml", "collector: {ports: {interval: [9s]}}\n");
        string broken = directory.Write("broken.yml", "collector: {ports: *nowhere}\n");
        string published = await program.FileAsync();
        string[][] commands =
        [
            ["--help"], ["metrics", "--help"], ["diagnose", "--help"], ["who", "--help"], ["who", "1.2.3:4"], ["top", "--help"], ["top"], ["diff", "--help"], ["diff", "/nowhere/a.json", "/nowhere/b.json"], ["explain", "--help"], ["incidents", "--help"], ["incidents", "show", "--help"], ["check-config", "--help"],
            ["check-config", $"--config.file={good}"], ["check-config", $"--config.file={bad}"], ["check-config", $"--config.file={broken}"], ["check-config", "--config.file=/nowhere/x.yml"],
            ["check-config", $"--web.config.file={web}"], ["check-config", $"--web.config.file={withoutKey}"],
            ["--log.levl=info"], ["--log.level=loud"], ["--web.listen-address=nowhere:x"], ["--collector.ports.interval=0s"], ["metrics", "diagnose"],
            ["explain"], ["explain", "--lang=zh"], ["explain", "EMFILE"], ["explain", "--lang=zh", "EMFILE"], ["explain", "folklore"], ["explain", "--lang=zh", "tuning"],
            ["explain", "dial tcp 10.0.0.1:443: connect: cannot assign requested address"], ["explain", "--lang=zh", "打开的文件过多"], ["explain", "nothing of the kind"],
            ["incidents", "list", $"--recorder.path={directory.Path}"], ["incidents", "list", "--json", $"--recorder.path={directory.Path}"], ["incidents", "show", "last", $"--recorder.path={directory.Path}"],
        ];
        foreach (string[] command in commands)
        {
            Finished built = await new Launch(command) { IsBuild = true }.RunAsync();
            (await new Launch(command) { Published = published }.RunAsync()).ShouldBe(built, string.Join(' ', command));
        }
    }

    // Whatever makes the runtime load it would end the process on a host that has none.
    [Fact]
    public async Task Without_tls_it_needs_no_openssl()
    {
        string file = directory.Write("web.yml", $"basic_auth_users: {{prometheus: '{Hash}'}}\n");
        await using Daemon daemon = await Daemon.StartAsync(new Launch($"--web.config.file={file}", $"--recorder.path={directory.Path}") { Published = await program.FileAsync() });
        using HttpClient client = Daemon.NewClient(daemon.Addresses[0]).As("prometheus", "secret");
        await Eventually.Holds(async () => (await client.StatusAsync("/-/ready")).ShouldBe(HttpStatusCode.OK));

        foreach (string path in new[] { "/", "/assets/page.css", "/incidents", "/metrics", "/api/v1/diagnosis" })
        {
            (await client.StatusAsync(path)).ShouldBe(HttpStatusCode.OK, path);
        }

        string mapped = await File.ReadAllTextAsync($"/proc/{daemon.ProcessId}/maps");
        mapped.ShouldContain("libc.so");
        mapped.ShouldNotContain("libssl");
        mapped.ShouldNotContain("libcrypto");
    }

    // Reflection is what trimming breaks: the parser of the file, the help text, and the log's formats.
    private static async Task TrimmedPathsWorkAsync(string published)
    {
        using var file = new ConfigurationFile("collector: {ports: {interval: 9s}}\nlog.format: json\n");
        Finished check = await new Launch("check-config", file.Flag) { Published = published }.RunAsync();
        check.ExitCode.ShouldBe(0, check.Error);
        check.Output.ShouldContain("collector ports: every 9s");
        (await new Launch("--help") { Published = published }.RunAsync()).Output.ShouldBe((await new Launch("--help") { IsBuild = true }.RunAsync()).Output);
        Finished refused = await new Launch("--log.levl=info") { Published = published }.RunAsync();
        refused.ExitCode.ShouldBe(2);
        refused.Error.ShouldBe("conn-exporter: --log.levl: no such flag; did you mean '--log.level'?\n");

        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(file.Flag) { Published = published });
        daemon.LogLines.ShouldAllBe(line => line.StartsWith("{\"ts\":", StringComparison.Ordinal));
    }

    // What a real Prometheus asks of it: TLS in the trimmed file, certificates of clients, passwords.
    private async Task AccessIsKeptAsync(string published)
    {
        using var certificates = new TestCertificates(directory);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
        certificates.Make("client", TestCertificates.ClientUse, ["prometheus.example"]);
        certificates.Make("other", TestCertificates.ClientUse, ["other.example"]);
        string file = directory.Write("web.yml", $$"""
            tls_server_config:
              cert_file: server.crt
              key_file: server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: ca.crt
              client_allowed_sans: [prometheus.example]
            basic_auth_users: {prometheus: {{Hash}}}
            """);
        await using Daemon daemon = await Daemon.StartAsync(new Launch($"--web.config.file={file}") { Published = published });
        if (Need.FirstMissing([Need.Prometheus]) is null)
        {
            await using PrometheusServer prometheus = await PrometheusServer.StartAsync(Job("good", "client", "secret") + Job("wrong-name", "other", "secret") + Job("wrong-password", "client", "guess"));
            await Eventually.Holds(async () => (await prometheus.NumberAsync("count_over_time(up{job=\"good\"}[1m])")).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(4));
            (await prometheus.NumberAsync("min_over_time(up{job=\"good\"}[1m])")).ShouldBe(1);
            (await prometheus.NumberAsync("sum(max_over_time(up{job!=\"good\"}[1m]))")).ShouldBe(0);
            Dictionary<string, string> errors = await prometheus.LastErrorsAsync();
            errors["good"].ShouldBe("");
            errors["wrong-password"].ShouldContain("HTTP status 4");
            errors["wrong-name"].ShouldNotBe("");
        }

        using System.Security.Cryptography.X509Certificates.X509Certificate2 own = certificates.Load("client");
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority, own).As("prometheus", "secret");
        (await client.GetStringAsync("/-/healthy")).ShouldBe("healthy\n");
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"], days: 25);
        double expiry = DateTimeOffset.UtcNow.AddDays(24).ToUnixTimeSeconds();
        await Eventually.Holds(async () => Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_certificate_expiry_timestamp_seconds"].ShouldBeGreaterThan(expiry));
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);

        string Job(string name, string certificate, string password) => $$"""
            - job_name: {{name}}
              scheme: https
              basic_auth: {username: prometheus, password: {{password}}}
              tls_config: {ca_file: {{directory["ca.crt"]}}, cert_file: {{directory[certificate + ".crt"]}}, key_file: {{directory[certificate + ".key"]}}}
              static_configs: [{targets: ['localhost:{{daemon.Addresses[0].Port}}']}]

            """;
    }
}
