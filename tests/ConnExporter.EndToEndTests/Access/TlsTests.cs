using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Access;

/// <summary>TLS as the web configuration file asks for it, on both sides of the handshake.</summary>
public sealed class TlsTests : IDisposable
{
    private const string Pair = "cert_file: server.crt, key_file: server.key";

    private readonly TemporaryDirectory directory = new();
    private readonly TestCertificates certificates;

    public TlsTests()
    {
        certificates = new TestCertificates(directory);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
    }

    public void Dispose()
    {
        certificates.Dispose();
        directory.Dispose();
    }

#pragma warning disable CA5398 // The versions are what is tested.
    [Theory]
    [InlineData("", SslProtocols.Tls12, true)]
    [InlineData("", SslProtocols.Tls13, true)]
    [InlineData(", min_version: TLS13", SslProtocols.Tls12, false)]
    [InlineData(", min_version: TLS13", SslProtocols.Tls13, true)]
    [InlineData(", max_version: TLS12", SslProtocols.Tls12, true)]
    [InlineData(", max_version: TLS12", SslProtocols.Tls13, false)]
    public async Task Versions_are_offered_as_they_are_asked_for(string limits, SslProtocols version, bool served)
    {
        await using Daemon daemon = await StartAsync($"{Pair}{limits}");
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority, versions: version);

        (await client.StatusAsync("/-/healthy")).ShouldBe(served ? HttpStatusCode.OK : null);
    }
#pragma warning restore CA5398

    [FactThatNeeds("openssl")]
    public async Task Nothing_below_1_2_is_spoken_even_to_who_would_take_it()
    {
        await using Daemon daemon = await StartAsync(Pair);

        foreach (string version in new[] { "-tls1", "-tls1_1" })
        {
            (await ConnectAsync(daemon, version, "-cipher", "DEFAULT@SECLEVEL=0")).ShouldContain("alert protocol version", Case.Insensitive, version);
        }

        (await ConnectAsync(daemon, "-tls1_2")).ShouldContain("New, TLSv1.2");
        (await ConnectAsync(daemon, "-tls1_2", "-cipher", "AES128-SHA")).ShouldContain("alert handshake failure", Case.Insensitive, "no key exchange that a later theft of the key would open");
    }

    [Theory]
    [InlineData("RequestClientCert", true, true, true)]
    [InlineData("RequireAnyClientCert", false, true, true)]
    [InlineData("VerifyClientCertIfGiven", true, true, false)]
    [InlineData("RequireAndVerifyClientCert", false, true, false)]
    public async Task Clients_show_certificates_as_they_are_asked_to(string type, bool none, bool verified, bool strange)
    {
        certificates.Make("client", TestCertificates.ClientUse, ["prometheus.example"]);
        certificates.Make("notforclients", TestCertificates.ServerUse, ["prometheus.example"]);
        certificates.MakeSelfSigned("stranger");
        await using Daemon daemon = await StartAsync($"{Pair}, client_auth_type: {type}, client_ca_file: ca.crt");

        (await StatusAsync(daemon, null)).ShouldBe(none ? HttpStatusCode.OK : null);
        (await StatusAsync(daemon, "client")).ShouldBe(verified ? HttpStatusCode.OK : null);
        (await StatusAsync(daemon, "stranger")).ShouldBe(strange ? HttpStatusCode.OK : null);
        (await StatusAsync(daemon, "notforclients")).ShouldBe(strange ? HttpStatusCode.OK : null);
    }

    [Theory]
    [InlineData("prometheus.example", true)]
    [InlineData("spiffe://example/prometheus", true)]
    [InlineData("ops@example.org", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("example", false)]
    [InlineData("*.example", false)]
    [InlineData("client", false)]
    public async Task A_client_needs_one_of_the_names(string name, bool served)
    {
        certificates.Make("client", TestCertificates.ClientUse, ["other.example", "prometheus.example"], new Uri("spiffe://example/prometheus"), "ops@example.org");
        await using Daemon daemon = await StartAsync($"{Pair}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: ['nobody.example', '{name}']");

        (await StatusAsync(daemon, "client")).ShouldBe(served ? HttpStatusCode.OK : null);
    }

    [Fact]
    public async Task A_rotated_pair_is_taken_up_whole_and_never_by_halves()
    {
        await using Daemon daemon = await StartAsync(Pair);
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority);
        string before = await SerialAsync(daemon);
        double expiry = (await ScrapeAsync(client))["conn_exporter_certificate_expiry_timestamp_seconds"];
        (await ScrapeAsync(client))["conn_exporter_web_config_last_reload_successful"].ShouldBe(1);

        string after = certificates.Make("next", TestCertificates.ServerUse, ["localhost"], days: 25);
        directory.Write("server.crt", await File.ReadAllTextAsync(directory["next.crt"]));
        await Eventually.Holds(async () => (await ScrapeAsync(client))["conn_exporter_web_config_last_reload_successful"].ShouldBe(0));
        (await SerialAsync(daemon)).ShouldBe(before, "the new certificate does not belong to the old key");
        daemon.LogLines.ShouldContain(line => line.Contains("server.key cannot be used with the certificate", StringComparison.Ordinal));

        directory.Write("server.key", await File.ReadAllTextAsync(directory["next.key"]));
        await Eventually.Holds(async () => (await SerialAsync(daemon)).ShouldBe(after));
        await Eventually.Holds(async () => (await ScrapeAsync(client))["conn_exporter_web_config_last_reload_successful"].ShouldBe(1));
        (await ScrapeAsync(client))["conn_exporter_certificate_expiry_timestamp_seconds"].ShouldBe(expiry + (5 * 24 * 3600), tolerance: 120);
    }

    [Fact]
    public async Task Neither_plain_text_nor_a_file_without_tls_takes_it_away()
    {
        await using Daemon daemon = await StartAsync(Pair);
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority);
        using HttpClient plain = Daemon.NewClient(new UriBuilder(daemon.Addresses[0]) { Scheme = "http" }.Uri);
        (await plain.StatusAsync("/-/healthy")).ShouldBeNull();

        directory.Write("web.yml", "");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await ScrapeAsync(client))["conn_exporter_web_config_last_reload_successful"].ShouldBe(0));
        (await plain.StatusAsync("/-/healthy")).ShouldBeNull();
        daemon.Log.ShouldContain("to stop speaking TLS takes a restart");
    }

    [Theory]
    [InlineData("cert_file: server.crt, key_file: nothing.key", 4, "tls_server_config.key_file: Could not find file")]
    [InlineData("cert_file: server.crt, key_file: other.key", 4, "other.key cannot be used with the certificate")]
    [InlineData("cert_file: server.key, key_file: server.key", 4, "no certificate in ")]
    [InlineData("cert_file: server.crt", 2, "tls_server_config.key_file is missing")]
    [InlineData("cert_file: server.crt, key_fil: server.key", 2, "tls_server_config.key_fil: no such key; did you mean 'key_file'?")]
    public async Task What_cannot_be_used_ends_the_start_with_one_line(string tls, int exitCode, string complaint)
    {
        certificates.Make("other", TestCertificates.ServerUse, ["localhost"]);
        string file = directory.Write("web.yml", $"tls_server_config: {{{tls}}}\n");

        foreach (string command in new[] { "serve", "check-config" })
        {
            Finished run = await new Launch(command, $"--web.config.file={file}", "--web.listen-address=127.0.0.1:0").RunAsync();

            run.ExitCode.ShouldBe(exitCode, run.Error);
            run.Error.Count(c => c == '\n').ShouldBe(1, run.Error);
            run.Error.ShouldStartWith($"conn-exporter: {file}");
            run.Error.ShouldContain(complaint);
        }
    }

    [TheoryThatNeeds("openssl")]
    [InlineData("key", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "cannot be used with the certificate")]
    [InlineData("key", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes128 -pass pass:x", "it is encrypted")]
    [InlineData("key", "genpkey -algorithm ed25519", "cannot be used with the certificate")]
    [InlineData("key", "", "there is no private key in it")]
    [InlineData("pair", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "no handshake can use")]
    [InlineData("pair", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", "curve is spelled out")]
    [InlineData("pair", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "no handshake can use")]
    [InlineData("pair", "genpkey -algorithm ed25519", "expected RSA or a named elliptic curve")]
    public async Task What_cannot_be_used_leaves_the_old_pair_in_force_and_ends_a_start(string what, string make, string complaint)
    {
        await Tool.RunInAsync(directory.Path, ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "server.key"]);
        await SignAsync("server");
        await using Daemon daemon = await StartAsync(Pair);
        using HttpClient client = SecureClient.New(daemon.Addresses[0], X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(directory["server.crt"])));
        string before = await SerialAsync(daemon);

        directory.Write("next.key", "");
        if (make.Length > 0)
        {
            await Tool.RunInAsync(directory.Path, ["openssl", .. make.Split(' '), "-out", "next.key"]);
        }

        if (what == "pair")
        {
            await SignAsync("next");
            File.Move(directory["next.crt"], directory["server.crt"], overwrite: true);
        }

        File.Move(directory["next.key"], directory["server.key"], overwrite: true);
        await Eventually.Holds(async () => (await ScrapeAsync(client))["conn_exporter_web_config_last_reload_successful"].ShouldBe(0));
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(() => daemon.Log.ShouldContain("The configuration was read again and is in force"));
        (await SerialAsync(daemon)).ShouldBe(before);
        daemon.LogLines.ShouldContain(line => line.Contains("cannot be used; the old one stays in force", StringComparison.Ordinal) && line.Contains(complaint, StringComparison.Ordinal));
        daemon.Log.ShouldNotContain("a defect in this program");

        foreach (string command in new[] { "serve", "check-config" })
        {
            Finished run = await new Launch(command, $"--web.config.file={directory["web.yml"]}", "--web.listen-address=127.0.0.1:0").RunAsync();
            run.ExitCode.ShouldBe(4, run.Error);
            run.Error.ShouldContain(complaint);
            run.Error.Count(c => c == '\n').ShouldBe(1, run.Error);
        }
    }

    [FactThatNeeds("openssl")]
    public async Task A_client_that_is_turned_away_leaves_a_reason_and_a_count()
    {
        certificates.Make("client", TestCertificates.ClientUse, ["prometheus.example"]);
        certificates.Make("other", TestCertificates.ClientUse, ["other.example"]);
        certificates.MakeSelfSigned("stranger");
        await using Daemon daemon = await StartAsync($"{Pair}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: [prometheus.example]");
        using X509Certificate2 own = certificates.Load("client");
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority, own);
        (await FailedAsync(client)).ShouldBe(0, "our own warm-up, which has no certificate, is nobody's concern");

        // The others may try again by themselves; this one does not.
        await ConnectAsync(daemon, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
        await Eventually.Holds(async () => (await FailedAsync(client)).ShouldBe(1));

        for (int i = 0; i < 2; i++)
        {
            (await StatusAsync(daemon, null)).ShouldBeNull();
            (await StatusAsync(daemon, "other")).ShouldBeNull();
            (await StatusAsync(daemon, "stranger")).ShouldBeNull();
            using HttpClient plain = Daemon.NewClient(new UriBuilder(daemon.Addresses[0]) { Scheme = "http" }.Uri);
            (await plain.StatusAsync("/-/healthy")).ShouldBeNull();
            await ConnectAsync(daemon, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
        }

        // Who only looks whether the port is open.
        using (var probe = new TcpClient())
        {
            await probe.ConnectAsync(IPAddress.Loopback, daemon.Addresses[0].Port);
        }

        await Eventually.Holds(async () => (await FailedAsync(client)).ShouldBeGreaterThanOrEqualTo(10));
        string[] told = [.. daemon.LogLines.Where(line => line.Contains("did not get through the TLS handshake", StringComparison.Ordinal))];
        told.Length.ShouldBe(5, string.Join('\n', told));
        foreach (string reason in (string[])["it showed no certificate", "its certificate has none of the names", "its certificate cannot be verified (UntrustedRoot)", "it does not speak TLS", "unsupported protocol"])
        {
            told.ShouldContain(line => line.Contains("at 127.0.0.1", StringComparison.Ordinal) && line.Contains(reason, StringComparison.Ordinal), reason);
        }
    }

    private static async Task<double> FailedAsync(HttpClient client) => (await ScrapeAsync(client))["conn_exporter_connections_closed_total", ("reason", "handshake")];

    private Task<string> SignAsync(string file) => Tool.RunInAsync(
        directory.Path, ["openssl", "req", "-x509", "-new", "-key", $"{file}.key", "-out", $"{file}.crt", "-days", "9", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);

    private static async Task<Page> ScrapeAsync(HttpClient client) => Page.Parse(await client.GetStringAsync("/metrics"));

    private static async Task<string> SerialAsync(Daemon daemon)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, daemon.Addresses[0].Port);
#pragma warning disable MA0039, CA5359 // To look at it, whoever signed it.
        await using var stream = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore MA0039, CA5359
        await stream.AuthenticateAsClientAsync("localhost");
        return ((X509Certificate2)stream.RemoteCertificate!).SerialNumber;
    }

    private static async Task<string> ConnectAsync(Daemon daemon, params string[] arguments)
    {
        var start = new ProcessStartInfo("openssl", ["s_client", "-connect", daemon.Addresses[0].Authority, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process client = Process.Start(start)!;
        client.StandardInput.Close();
        Task<string> error = client.StandardError.ReadToEndAsync();
        string said = await client.StandardOutput.ReadToEndAsync() + await error;
        await client.WaitForExitAsync();
        return said;
    }

    private async Task<HttpStatusCode?> StatusAsync(Daemon daemon, string? certificate)
    {
        using X509Certificate2? own = certificate is null ? null : certificates.Load(certificate);
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority, own);
        return await client.StatusAsync("/-/healthy");
    }

    private Task<Daemon> StartAsync(string tls) => Daemon.StartAsync($"--web.config.file={directory.Write("web.yml", $"tls_server_config: {{{tls}}}\n")}", "--collector.disable-defaults", "--collector.self");
}
