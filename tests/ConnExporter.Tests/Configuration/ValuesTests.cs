using ConnExporter.Configuration;
using ConnExporter.Kernel.Namespaces;
using FsCheck;
using FsCheck.Fluent;
using Serilog.Events;

namespace ConnExporter.Tests.Configuration;

public class ValuesTests
{
    private static readonly string[] Suffixes = ["", "ms", "s", "m", "h"];

    [Theory]
    [InlineData("100ms", 100)]
    [InlineData("500ms", 500)]
    [InlineData("1s", 1000)]
    [InlineData("1.5s", 1500)]
    [InlineData("0.1s", 100)]
    [InlineData(".25s", 250)]
    [InlineData("90s", 90_000)]
    [InlineData("1m", 60_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("60m", 3_600_000)]
    [InlineData("3600000ms", 3_600_000)]
    public void An_interval_is_a_number_with_a_unit(string text, int milliseconds) =>
        Values.Interval(Given("collector.self.interval", text)).ShouldBe(TimeSpan.FromMilliseconds(milliseconds));

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("ms")]
    [InlineData("-1s")]
    [InlineData("+1s")]
    [InlineData("1 s")]
    [InlineData(" 1s")]
    [InlineData("1s ")]
    [InlineData("1S")]
    [InlineData("1e3s")]
    [InlineData("1,5s")]
    [InlineData("1d")]
    [InlineData("1m30s")]
    [InlineData("0x10s")]
    public void Anything_else_is_no_interval(string text) =>
        Complaint(() => Values.Interval(Given("collector.self.interval", text)))
            .ShouldBe($"--collector.self.interval: '{text}': expected a duration such as 500ms, 5s or 1m");

    [Theory]
    [InlineData("auto", NamespaceScope.Auto)]
    [InlineData("host", NamespaceScope.Host)]
    [InlineData("all", NamespaceScope.All)]
    public void A_scope_of_network_namespaces_is_one_of_three(string text, NamespaceScope scope) => Values.NamespaceScope(Given("netns", text)).ShouldBe(scope);

    [Theory]
    [InlineData("")]
    [InlineData("Auto")]
    [InlineData("none")]
    public void Anything_else_is_no_scope(string text) =>
        Complaint(() => Values.NamespaceScope(Given("netns", text))).ShouldBe($"--netns: '{text}': expected auto, host or all");

    [Theory]
    [InlineData("0s")]
    [InlineData("99ms")]
    [InlineData("99.9ms")]
    [InlineData("61m")]
    [InlineData("3600.001s")]
    [InlineData("99999999999999999999999999h")]
    [InlineData("NaNs")]
    [InlineData("Infinityms")]
    public void Too_short_and_too_long_intervals_are_refused(string text) =>
        Complaint(() => Values.Interval(Given("collector.self.interval", text)))
            .ShouldBe($"--collector.self.interval: '{text}': an interval lies between 100ms and 1h");

    [Fact]
    public void Whatever_is_given_for_an_interval_is_taken_or_refused() => Prop.ForAll<string?>(text =>
    {
        foreach (string suffix in Suffixes)
        {
            try
            {
                Values.Interval(Given("collector.self.interval", text + suffix));
            }
            catch (ConfigurationException)
            {
                // The one exception that is meant for the user.
            }
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(100, "100ms")]
    [InlineData(1000, "1s")]
    [InlineData(1500, "1500ms")]
    [InlineData(60_000, "1m")]
    [InlineData(90_000, "90s")]
    [InlineData(3_600_000, "1h")]
    [InlineData(100.5, "100.5ms")]
    public void Durations_are_shown_as_a_user_would_write_them(double milliseconds, string text)
    {
        Values.Format(TimeSpan.FromMilliseconds(milliseconds)).ShouldBe(text);
        Values.Interval(Given("collector.self.interval", text)).ShouldBe(TimeSpan.FromMilliseconds(milliseconds));
    }

    [Theory]
    [InlineData(":9057", ":9057")]
    [InlineData(":0", ":0")]
    [InlineData(":65535", ":65535")]
    [InlineData("127.0.0.1:80", "127.0.0.1:80")]
    [InlineData("0.0.0.0:80", "0.0.0.0:80")]
    [InlineData("localhost:80", "127.0.0.1:80")]
    [InlineData("[::1]:80", "[::1]:80")]
    [InlineData("[2001:db8::1]:80", "[2001:db8::1]:80")]
    public void Listen_addresses(string text, string shown) => Values.ListenAddress(Given("web.listen-address", text)).ToString().ShouldBe(shown);

    [Theory]
    [InlineData("")]
    [InlineData("9057")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:")]
    [InlineData(":65536")]
    [InlineData(":-1")]
    [InlineData(":+1")]
    [InlineData(": 80")]
    [InlineData(":http")]
    public void A_port_is_needed(string text) =>
        Complaint(() => Values.ListenAddress(Given("web.listen-address", text)))
            .ShouldBe($"--web.listen-address: '{text}': expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057");

    [Theory]
    [InlineData("example.org:80")]
    [InlineData("256.0.0.1:80")]
    [InlineData("::1:80")]
    [InlineData("2001:db8::1:80")]
    [InlineData("[127.0.0.1]:80")]
    [InlineData("[]:80")]
    [InlineData("[::1:80")]
    [InlineData("*:80")]
    [InlineData(" 127.0.0.1 :80")]
    public void A_host_is_an_address(string text) =>
        Complaint(() => Values.ListenAddress(Given("web.listen-address", text)))
            .ShouldBe($"--web.listen-address: '{text}': expected an address of this host before the port (IPv6 in brackets), such as 127.0.0.1:9057 or [::1]:9057");

    [Theory]
    [InlineData("010.0.0.1:80", "8.0.0.1:80")]
    [InlineData("127.0.0.01:80", "127.0.0.1:80")]
    [InlineData("0x7f.0.0.1:80", "127.0.0.1:80")]
    public void A_number_that_is_read_in_two_ways_is_no_address(string text, string read) =>
        Complaint(() => Values.ListenAddress(Given("web.listen-address", text)))
            .ShouldBe($"--web.listen-address: '{text}': octal or hexadecimal numbers are read in two ways; write {read}, if that is what is meant");

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/a/b-c_d.e")]
    [InlineData("/apis/incidents")]
    [InlineData("/~x/...")]
    [InlineData("/metrics;v=1,@:")]
    public void Url_paths(string text) => Values.UrlPath(Given("web.telemetry-path", text)).ShouldBe(text);

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("metrics")]
    public void A_url_path_begins_with_a_slash(string text) =>
        Complaint(() => Values.UrlPath(Given("web.telemetry-path", text))).ShouldBe($"--web.telemetry-path: '{text}': expected a path below /, such as /metrics");

    // What a client encodes, ends the path with or changes before it asks can never match.
    [Theory]
    [InlineData("/met rics", "' ' cannot stand in it")]
    [InlineData("/metrics?x=1", "'?' cannot stand in it")]
    [InlineData("/metrics#top", "'#' cannot stand in it")]
    [InlineData("/met\trics", "'U+0009' cannot stand in it")]
    [InlineData("/metrics%2Fx", "'%' cannot stand in it")]
    [InlineData("/métrics", "'é' cannot stand in it")]
    [InlineData("/a\\b", "'\\' cannot stand in it")]
    [InlineData("/metrics/", "a slash at the end")]
    [InlineData("//metrics", "change '//'")]
    [InlineData("/a//b", "change '//'")]
    [InlineData("/a/../metrics", "change '//'")]
    [InlineData("/./metrics", "change '//'")]
    [InlineData("/..", "change '//'")]
    public void A_url_path_that_no_request_can_ask_for_is_refused(string text, string reason) =>
        Complaint(() => Values.UrlPath(Given("web.telemetry-path", text))).ShouldSatisfyAllConditions(
            complaint => complaint.ShouldStartWith($"--web.telemetry-path: '{text}': "), complaint => complaint.ShouldContain(reason));

    [Fact]
    public void A_url_path_that_fits_into_no_request_is_refused() =>
        Complaint(() => Values.UrlPath(Given("web.telemetry-path", "/" + new string('a', 5000)))).ShouldContain("longer than 1024 characters");

    [Theory]
    [InlineData("/-/healthy", "the health endpoints")]
    [InlineData("/-/ready", "the health endpoints")]
    [InlineData("/-", "the health endpoints")]
    [InlineData("/api/v1/diagnosis", "the status page")]
    [InlineData("/api", "the status page")]
    [InlineData("/assets/page.js", "the status page")]
    [InlineData("/incidents", "the status page")]
    [InlineData("/incidents/x", "the status page")]
    [InlineData("/runbooks", "the status page")]
    public void A_url_path_that_something_else_answers_is_refused(string text, string whose) =>
        Complaint(() => Values.UrlPath(Given("web.telemetry-path", text))).ShouldEndWith($"is taken by {whose}");

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    public void Switches(string text, bool value) => Values.Switch(Given("collector.self", text)).ShouldBe(value);

    [Theory]
    [InlineData("")]
    [InlineData("yes")]
    [InlineData("True")]
    [InlineData("1")]
    public void A_switch_is_true_or_false(string text) =>
        Complaint(() => Values.Switch(Given("collector.self", text))).ShouldBe($"--collector.self: '{text}': expected true or false");

    [Fact]
    public void Log_levels_and_formats()
    {
        Values.LogLevel(Given("log.level", "debug")).ShouldBe(LogEventLevel.Debug);
        Values.LogLevel(Given("log.level", "info")).ShouldBe(LogEventLevel.Information);
        Values.LogLevel(Given("log.level", "warn")).ShouldBe(LogEventLevel.Warning);
        Values.LogLevel(Given("log.level", "error")).ShouldBe(LogEventLevel.Error);
        Values.LogFormat(Given("log.format", "logfmt")).ShouldBe(LogFormat.Logfmt);
        Values.LogFormat(Given("log.format", "json")).ShouldBe(LogFormat.Json);
        Complaint(() => Values.LogLevel(Given("log.level", "warning"))).ShouldBe("--log.level: 'warning': expected debug, info, warn or error");
        Complaint(() => Values.LogFormat(Given("log.format", "JSON"))).ShouldBe("--log.format: 'JSON': expected logfmt or json");
    }

    [Fact]
    public void A_directory_is_there()
    {
        Values.Directory(Given("path.procfs", "/proc")).ShouldBe("/proc");
        Complaint(() => Values.Directory(Given("path.procfs", "/proc/version"))).ShouldBe("--path.procfs: '/proc/version': there is no such directory");
        Complaint(() => Values.Directory(Given("path.procfs", ""))).ShouldBe("--path.procfs: '': there is no such directory");
    }

    [Fact]
    public void A_path_has_a_name() => Complaint(() => Values.Path(Given("path.sysfs", ""))).ShouldBe("--path.sysfs: '': expected a path");

    [Fact]
    public void A_complaint_is_one_line_whatever_was_given() =>
        Complaint(() => Values.Switch(Given("collector.self", "a\nb\r\nc"))).ShouldBe("--collector.self: 'a | b | c': expected true or false");

    private static Given Given(string key, string text) => new(Settings.Find(key)!, text, "--" + key);

    private static string Complaint(Action read) => Should.Throw<ConfigurationException>(read).Message;
}
