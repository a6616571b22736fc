using System.Security.Authentication;
using ConnExporter.Configuration;
using ConnExporter.Web.Access;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Web.Access;

public class WebConfigFileTests
{
    private const string Hash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("{}")]
    [InlineData("tls_server_config:\nbasic_auth_users:\nhttp_server_config:\nrate_limit:\n")]
    [InlineData("tls_server_config: {}\nbasic_auth_users: {}\n")]
    [InlineData("null")]
    [InlineData("---\n~\n")]
    [InlineData("tls_server_config: null\nbasic_auth_users: ~\nhttp_server_config: Null\nrate_limit: NULL\n")]
    [InlineData("tls_server_config: !!null ''\nhttp_server_config: {headers: null, http2: ~}\nrate_limit: {interval: null, burst: null}\n")]
    [InlineData("tls_server_config: {cert_file: null, key_file: ~, cipher_suites: , client_auth_type: null}\n")]
    [InlineData("http_server_config: {http2: false, headers: {X-Frame-Options: ''}}\nrate_limit: {interval: 0s, burst: 5}\n")]
    public void What_says_nothing_asks_for_nothing(string text)
    {
        WebConfig config = Parse(text);

        config.Tls.ShouldBeNull();
        config.Users.ShouldBeEmpty();
        config.Headers.ShouldBeEmpty();
        config.RateLimit.ShouldBeNull();
    }

    [Theory]
    [InlineData("true")]
    [InlineData("True")]
    [InlineData("FALSE")]
    [InlineData("yes")]
    [InlineData("No")]
    [InlineData("on")]
    [InlineData("OFF")]
    [InlineData("y")]
    [InlineData("N")]
    [InlineData("!!bool 'yes'")]
    [InlineData("null")]
    public void Switches_are_taken_as_other_exporters_take_them(string word) => Parse($"http_server_config: {{http2: {word}}}").Headers.ShouldBeEmpty();

    [Fact]
    public void A_name_of_a_file_or_a_user_may_be_such_a_word()
    {
        WebConfig config = Parse($"tls_server_config: {{cert_file: yes, key_file: 'null'}}\nbasic_auth_users: {{null: {Hash}, on: {Hash}}}\n");

        (config.Tls!.Certificate.Path, config.Tls.Key.Path).ShouldBe(("/etc/web/yes", "/etc/web/null"));
        config.Users.Keys.ShouldBe(["null", "on"]);
    }

    [Fact]
    public void Everything_can_be_said()
    {
        WebConfig config = Parse($"""
            tls_server_config:
              cert_file: tls/server.crt
              key_file: /etc/ssl/server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: ca.crt
              client_allowed_sans: [prometheus.example, 'spiffe://example/prometheus']
              min_version: TLS12
              max_version: TLS12
              cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
              prefer_server_cipher_suites: true
            http_server_config:
              http2: true
              headers:
                Content-Security-Policy: default-src 'self'
                X-Frame-Options: sameorigin
            basic_auth_users:
              alice: {Hash}
              '': {Hash}
            rate_limit: {"{"}interval: 1m30s, burst: 20{"}"}
            """);

        TlsConfig tls = config.Tls.ShouldNotBeNull();
        tls.Certificate.Path.ShouldBe("/etc/web/tls/server.crt", "from the directory of the file");
        tls.Key.Path.ShouldBe("/etc/ssl/server.key");
        tls.ClientAuthority!.Path.ShouldBe("/etc/web/ca.crt");
        tls.ClientAuthentication.ShouldBe(ClientAuthentication.RequireAndVerifyClientCert);
        tls.AllowedNames.ShouldBe(["prometheus.example", "spiffe://example/prometheus"]);
        tls.CipherSuites.ShouldBe(["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]);
        config.Headers.ShouldBe([new("Content-Security-Policy", "default-src 'self'"), new("X-Frame-Options", "sameorigin")]);
        config.Users.Keys.ShouldBe(["", "alice"]);
        config.RateLimit.ShouldBe(new RateLimit(TimeSpan.FromSeconds(90), 20));
    }

#pragma warning disable CA5398 // The versions are what is tested.
    [Theory]
    [InlineData("", SslProtocols.Tls12 | SslProtocols.Tls13)]
    [InlineData(", min_version: TLS13", SslProtocols.Tls13)]
    [InlineData(", max_version: TLS12", SslProtocols.Tls12)]
    [InlineData(", min_version: TLS13, max_version: TLS13", SslProtocols.Tls13)]
    public void Versions_lie_between_1_2_and_1_3(string limits, SslProtocols expected) =>
        Parse($"tls_server_config: {{cert_file: a, key_file: b{limits}}}").Tls!.Versions.ShouldBe(expected);
#pragma warning restore CA5398

    [Fact]
    public void Certificate_and_key_can_be_in_the_file_itself()
    {
        TlsConfig tls = Parse("tls_server_config:\n  cert: |\n    one\n  key: |\n    two\n").Tls!;

        (tls.Certificate.Text, tls.Certificate.Path).ShouldBe(("one\n", null));
        (tls.Key.Text, tls.Key.Path).ShouldBe(("two\n", null));
    }

    [Theory]
    [InlineData("tls_serverconfig: {}", "web.yml:1: tls_serverconfig: no such key; did you mean 'tls_server_config'?")]
    [InlineData("\ntls_server_config:\n  cert_fil: x\n", "web.yml:3: tls_server_config.cert_fil: no such key; did you mean 'cert_file'?")]
    [InlineData("tls_server_config: yes", "web.yml:1: tls_server_config: expected a mapping of keys to values")]
    [InlineData("tls_server_config: {cert_file: [a]}", "web.yml:1: tls_server_config.cert_file: expected one value")]
    [InlineData("tls_server_config: {key_file: b}", "web.yml: tls_server_config.cert_file is missing")]
    [InlineData("tls_server_config: {min_version: TLS12}", "web.yml: tls_server_config.cert_file is missing")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, cert: c}", "web.yml:1: tls_server_config.cert: 'c': given along with cert_file; which of the two?")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, min_version: TLS11}", "web.yml:1: tls_server_config.min_version: 'TLS11': TLS below 1.2 is not offered; expected TLS12 or TLS13")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, min_version: TLS14}", "web.yml:1: tls_server_config.min_version: 'TLS14': expected TLS10, TLS11, TLS12 or TLS13; did you mean 'TLS10'?")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}", "web.yml:1: tls_server_config.max_version: 'TLS12': below min_version, so that no version is left")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerify}", "web.yml:1: tls_server_config.client_auth_type: 'RequireAndVerify': expected NoClientCert, ")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "web.yml:1: tls_server_config.client_ca_file: without client_auth_type nobody is asked for a certificate; did you mean 'client_auth_type: RequireAndVerifyClientCert'?")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequestClientCert, client_allowed_sans: [x]}", "web.yml:1: tls_server_config.client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert ")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", "web.yml:1: tls_server_config.cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA': no such cipher suite, or one that is not safe")]
    [InlineData("tls_server_config: {cert_file: a, key_file: b, curve_preferences: [X25519]}", "web.yml:1: tls_server_config.curve_preferences: cannot be chosen here")]
    [InlineData("tls_server_config: {cert_file: \"a\\0b\", key_file: b}", "web.yml:1: tls_server_config.cert_file: 'a\0b': expected a path")]
    [InlineData("tls_server_config: 'null'", "web.yml:1: tls_server_config: expected a mapping of keys to values")]
    [InlineData("tls_server_config: !!str null", "web.yml:1: tls_server_config: expected a mapping of keys to values")]
    [InlineData("tls_server_config: nUll", "web.yml:1: tls_server_config: expected a mapping of keys to values")]
    [InlineData("tls_server_config: {cert_file: a, key_file: null}", "web.yml: tls_server_config.key_file is missing")]
    [InlineData("http_server_config: {http2: tRue}", "web.yml:1: http_server_config.http2: 'tRue': expected true or false")]
    [InlineData("http_server_config: {http2: 'yes'}", "web.yml:1: http_server_config.http2: 'yes': expected true or false")]
    [InlineData("http_server_config: {http2: 1}", "web.yml:1: http_server_config.http2: '1': expected true or false")]
    [InlineData("basic_auth_users: {alice: ~}", "web.yml:1: basic_auth_users.alice: expected a bcrypt hash")]
    [InlineData("http_server_config: {http2: maybe}", "web.yml:1: http_server_config.http2: 'maybe': expected true or false")]
    [InlineData("http_server_config: {headers: {X-Frame-Options: allow}}", "web.yml:1: http_server_config.headers.X-Frame-Options: 'allow': expected deny or sameorigin")]
    [InlineData("http_server_config: {headers: {Server: x}}", "web.yml:1: http_server_config.headers.Server: no such key")]
    [InlineData("http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb\"}}", "web.yml:1: http_server_config.headers.X-XSS-Protection: 'a |")]
    [InlineData("rate_limit: {interval: 1s}", "web.yml: rate_limit.burst is missing")]
    [InlineData("rate_limit: {burst: 1}", "web.yml: rate_limit.interval is missing")]
    [InlineData("rate_limit: {interval: fast, burst: 1}", "web.yml:1: rate_limit.interval: 'fast': expected a duration such as 500ms, 1s or 1m30s")]
    [InlineData("rate_limit: {interval: -1s, burst: 1}", "web.yml:1: rate_limit.interval: '-1s': expected a duration such as 500ms, 1s or 1m30s")]
    [InlineData("rate_limit: {interval: 1s, burst: 0}", "web.yml:1: rate_limit.burst: '0': expected a whole number from 1 to 1000000")]
    [InlineData("basic_auth_users: {a: 1, a: 2}", "web.yml:1: Duplicate key a")]
    [InlineData("basic_auth_users: {'a:b': x}", "web.yml:1: basic_auth_users.a:b: a user's name cannot hold a colon")]
    [InlineData("basic_auth_users: [alice]", "web.yml:1: basic_auth_users: expected a mapping of keys to values")]
    [InlineData("just text", "web.yml:1: expected one document with a mapping of keys to values")]
    public void What_is_wrong_is_named_with_its_line(string text, string complaint) => Complaint(text).ShouldStartWith(complaint);

    [Theory]
    [InlineData("secret")]
    [InlineData("$2y$03$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u")]
    [InlineData("$2y$17$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u")]
    [InlineData("$2x$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u")]
    [InlineData("$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2")]
    [InlineData("$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2:")]
    [InlineData("$6$salt$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2")]
    public void A_password_that_is_no_bcrypt_hash_is_refused_and_not_repeated(string hash)
    {
        string complaint = Complaint($"\n\nbasic_auth_users:\n  alice: '{hash}'\n");

        complaint.ShouldStartWith("web.yml:4: basic_auth_users.alice: expected a bcrypt hash");
        complaint.ShouldNotContain(hash);
    }

    [Fact]
    public void Any_text_is_read_or_refused_with_a_complaint()
    {
        string[] parts = ["tls_server_config", "basic_auth_users", "rate_limit", "cert_file", "headers", ": ", "\n", "  ", "{", "}", "[", "]", "- ", "'", "\"", "&a", "*a", "1s", Hash, "\t", "\0", "!!int", "|", "?"];
        Gen<string> text = Gen.Elements(parts).ListOf().Select(string.Concat);
        Prop.ForAll(text.ToArbitrary(), candidate =>
        {
            try
            {
                Parse(candidate);
            }
            catch (ConfigurationException e)
            {
                e.Message.ShouldNotContain("\n");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static WebConfig Parse(string text) => WebConfigFile.Parse("/etc/web/web.yml", text);

    private static string Complaint(string text) => Should.Throw<ConfigurationException>(() => WebConfigFile.Parse("web.yml", text)).Message;
}
