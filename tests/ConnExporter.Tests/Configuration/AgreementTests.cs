using System.Collections;
using ConnExporter.Commands;
using ConnExporter.Configuration;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Configuration;

/// <summary>Settings that are right one by one and cannot be in force together are refused when they are read, with the place of one.</summary>
public sealed class AgreementTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly List<Given> flags = [];
    private readonly Hashtable environment = [];

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("127.0.0.1:9", ":9", "':9': 127.0.0.1:9 takes")]
    [InlineData(":9", "127.0.0.1:9", "'127.0.0.1:9': :9 takes")]
    [InlineData("[::]:9", "0.0.0.0:9", "'0.0.0.0:9': [::]:9 takes")]
    [InlineData("0.0.0.0:9", "192.0.2.1:9", "'192.0.2.1:9': 0.0.0.0:9 takes")]
    [InlineData(":9", "[::1]:9", "'[::1]:9': :9 takes")]
    public void Two_addresses_of_which_one_takes_the_other_s_port_are_named(string one, string other, string complaint)
    {
        Flag("web.listen-address", one);
        Flag("web.listen-address", other);

        Complaint().ShouldBe($"--web.listen-address: {complaint} the same port; leave one of them out");
    }

    [Theory]
    [InlineData("127.0.0.1:9", ":10")]
    [InlineData("127.0.0.1:9", "127.0.0.2:9")]
    [InlineData("0.0.0.0:9", "[::1]:9")]
    [InlineData("127.0.0.1:0", ":0")]
    [InlineData("unix:/run/a", ":9")]
    [InlineData("unix:/run/a", "unix:/run/b")]
    public void Others_can_be_listened_on_together(string one, string other)
    {
        Flag("web.listen-address", one);
        Flag("web.listen-address", other);

        Load().ListenAddresses.Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("[::ffff:192.0.2.1]:9", "an IPv4 address in the form of IPv6; write 192.0.2.1:9")]
    [InlineData("[::ffff:0.0.0.0]:9", "an IPv4 address in the form of IPv6; write 0.0.0.0:9")]
    [InlineData("unix:/run/x/", "the path is that of a directory; a socket needs a name in it")]
    [InlineData("unix:/run/x/..", "the path is that of a directory; a socket needs a name in it")]
    [InlineData("unix:/", "the path is that of a directory; a socket needs a name in it")]
    public void An_address_by_which_nothing_could_listen_says_what_to_write(string address, string complaint)
    {
        Flag("web.listen-address", address);

        Complaint().ShouldBe($"--web.listen-address: '{address}': {complaint}");
    }

    [Theory]
    [InlineData("[::1]:9")]
    [InlineData("[::192.0.2.1]:9")]
    [InlineData("unix:/run/x/...")]
    [InlineData("unix:/run/x/.sock")]
    public void What_looks_alike_is_taken(string address)
    {
        Flag("web.listen-address", address);

        Load().ListenAddresses.Length.ShouldBe(1);
    }

    [Theory]
    [InlineData("{0}/s", "{0}/s")]
    [InlineData("{0}/s", "{0}/../{1}/./s")]
    [InlineData("{0}/s", "{0}/link/s")]
    [InlineData("{0}//s", "{0}/s")]
    [InlineData("/nowhere/at/all/s", "/nowhere/at/./all/s")]
    public void The_socket_of_diagnose_is_none_for_everybody_however_it_is_written(string web, string local)
    {
        File.CreateSymbolicLink(Path.Join(directory.Path, "link"), directory.Path);
        (web, local) = (In(web), In(local));
        Flag("web.listen-address", "unix:" + web);
        Flag("web.local-socket", local);

        Complaint().ShouldBe($"--web.listen-address: 'unix:{web}': {local} is where diagnose asks (--web.local-socket); one socket cannot be both");
    }

    [Fact]
    public void Nor_where_the_service_manager_names_its_directory()
    {
        environment["RUNTIME_DIRECTORY"] = directory.Path + ":/run/other";
        Flag("web.listen-address", $"unix:{directory.Path}/diagnose.sock");

        Complaint().ShouldContain("one socket cannot be both");
    }

    [Theory]
    [InlineData("{0}/s", "{0}/t")]
    [InlineData("{0}/s", "{0}/other/s")]
    public void Two_files_are_two(string web, string local)
    {
        Directory.CreateDirectory(Path.Join(directory.Path, "other"));
        Flag("web.listen-address", "unix:" + In(web));
        Flag("web.local-socket", In(local));

        Load().Web.LocalSocket.ShouldBe(In(local));
    }

    [Theory]
    [InlineData("warning-ratio=0.97", "diagnosis.warning-ratio: '0.97'")]
    [InlineData("critical-ratio=0.5", "diagnosis.critical-ratio: '0.5'")]
    [InlineData("warning-ratio=0.6 critical-ratio=0.5", "diagnosis.warning-ratio: '0.6'")]
    [InlineData("close-wait-critical=1", "diagnosis.close-wait-critical: '1'")]
    [InlineData("critical-forecast=1h", "diagnosis.critical-forecast: '1h'")]
    public void What_would_be_critical_before_it_is_a_warning_is_named(string settings, string place)
    {
        Thresholds(settings);

        Complaint().ShouldStartWith($"--{place}: it would be critical before it is a warning, with diagnosis.");
    }

    [Theory]
    [InlineData("warning-ratio=0.5 critical-ratio=0.5")]
    [InlineData("warning-ratio=0.3 critical-ratio=0.5")]
    [InlineData("close-wait-warning=1 close-wait-critical=1")]
    public void The_right_way_round_and_at_once_are_taken(string settings)
    {
        Thresholds(settings);

        Load();
    }

    [Theory]
    [InlineData("/", false)]
    [InlineData("{0}/missing/below", false)]
    [InlineData("{0}/file", true)]
    [InlineData("{0}/file/below/it", true)]
    public void A_file_in_the_way_of_the_records_is_found_however_far_up(string path, bool isInTheWay)
    {
        string file = directory.Write("file", "");

        RecorderOptions.InTheWay(In(path)).ShouldBe(isInTheWay ? file : null);
    }

    [Fact]
    public void A_relative_directory_for_records_is_refused_with_its_place_and_only_for_a_daemon()
    {
        string file = directory.Write("x.yml", "log.level: warn\nrecorder.path: records\n");
        Flag("config.file", file);

        Load().Recorder.Path.ShouldBe("records", "whoever lists them is in one directory");
        Should.Throw<ConfigurationException>(() => ServeCommand.Run(Sources())).Message.ShouldStartWith($"{file}:2: recorder.path: 'records': expected an absolute path");
        Should.Throw<ConfigurationException>(() => CheckConfigCommand.Run(Sources())).Message.ShouldStartWith($"{file}:2: recorder.path: 'records'");
    }

    [Fact]
    public void The_unit_s_own_directories_count_where_it_is_asked_about()
    {
        string unit = directory.Write("default", "CONN_EXPORTER_WEB_LISTEN_ADDRESS=unix:/run/conn-exporter/diagnose.sock\n");

        Should.Throw<ConfigurationException>(() => CheckConfigCommand.Run(Sources(), unit)).Message
            .ShouldStartWith("CONN_EXPORTER_WEB_LISTEN_ADDRESS: 'unix:/run/conn-exporter/diagnose.sock': /run/conn-exporter/diagnose.sock is where diagnose asks");
    }

    private string In(string path) => path.Replace("{0}", directory.Path, StringComparison.Ordinal).Replace("{1}", Path.GetFileName(directory.Path), StringComparison.Ordinal);

    private void Thresholds(string settings)
    {
        foreach (string[] setting in settings.Split(' ').Select(setting => setting.Split('=')))
        {
            Flag("diagnosis." + setting[0], setting[1]);
        }
    }

    private void Flag(string key, string text) => flags.Add(new Given(Settings.Find(key)!, text, "--" + key));

    private ConfigurationSources Sources() => new(flags, environment);

    private ExporterOptions Load() => Sources().Load();

    private string Complaint() => Should.Throw<ConfigurationException>(Load).Message;
}
