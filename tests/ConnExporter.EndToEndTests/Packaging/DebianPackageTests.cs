using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The .deb in a Debian that was booted: installed by apt, run by its systemd.</summary>
[Collection(OnPackages.Name)]
public sealed class DebianPackageTests(Packages packages) : IDisposable
{
    private const string Settings = "/etc/conn-exporter/conn-exporter.yml";

    // The test machine has a network of its own, and its tables of neighbours are those of the host.
    private const string OfTheHost = "neighbours";

    private static readonly string[] AllCapabilities = ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task Installed_it_runs_without_capabilities_and_reloads()
    {
        await using Machine machine = await Machine.BootAsync(await packages.FolderAsync());
        await machine.InstallAsync(await DebAsync());
        await machine.ReadyAsync();

        (await machine.PropertyAsync("ActiveState")).ShouldBe("active");
        (await machine.PropertyAsync("UnitFileState")).ShouldBe("enabled");
        string status = await machine.ReadAsync($"/proc/{await machine.PropertyAsync("MainPID")}/status");
        Field(status, "CapBnd").ShouldBe("0000000000000000");
        Field(status, "NoNewPrivs").ShouldBe("1");
        Field(status, "Seccomp").ShouldBe("2");
        Field(status, "Uid").Split('\t')[0].ShouldBe((await machine.RunAsync("id", "--user", "conn-exporter")).Trim());
        (await machine.ExposureAsync()).ShouldBeLessThanOrEqualTo(2.0);
        Page page = await machine.ScrapeAsync();
        page.Collectors.ShouldAllBe(collector => page.Outcome(collector) == (collector == OfTheHost ? "absent" : "ok"));
        (await machine.RunAsync("stat", "--format=%U %a", "/run/conn-exporter/diagnose.sock")).Trim().ShouldBe("conn-exporter 600");
        Finished told = await machine.TryAsync("conn-exporter", "diagnose", "--json", "--web.listen-address=127.0.0.1:1");
        told.Output.ShouldContain("\"not_seen\"");
        told.Output.ShouldNotContain("\"history\"", Case.Sensitive, "root asks the daemon by its socket");
        told.Output.ShouldNotContain("established_leak");

        await machine.WriteAsync(Settings, "collector.ports: false\n");
        await machine.RunAsync("systemctl", "reload", "conn-exporter");
        await Eventually.Holds(async () => (await machine.ScrapeAsync()).Collectors.ShouldNotContain("ports"));

        await machine.WriteAsync(Settings, "no-such-key: 1\n");
        (await machine.TryAsync("systemctl", "reload", "conn-exporter")).ExitCode.ShouldNotBe(0, "whoever reloads is told");
        (await machine.PropertyAsync("ActiveState")).ShouldBe("active", "with the settings it had");
        await Eventually.Holds(async () => (await machine.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));

        await machine.TryAsync("systemctl", "restart", "conn-exporter");
        await Eventually.Holds(async () => (await machine.PropertyAsync("ActiveState")).ShouldBe("failed", "settings that cannot be used are not tried again"));
        (await machine.PropertyAsync("ExecMainStatus")).ShouldBe("2");
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task With_the_drop_in_it_names_holders_and_reads_other_network_namespaces()
    {
        await using Machine machine = await Machine.BootAsync(await packages.FolderAsync());
        await HoldSocketsAsync(machine);
        await machine.InstallAsync(await DebAsync());
        await machine.ReadyAsync();
        Page without = await machine.ScrapeAsync();

        await machine.RunAsync("mkdir", "/etc/systemd/system/conn-exporter.service.d");
        await machine.RunAsync("ln", "-s", "/usr/share/conn-exporter/full.conf", "/etc/systemd/system/conn-exporter.service.d/");
        await machine.RunAsync("systemctl", "daemon-reload");
        await machine.RunAsync("systemctl", "restart", "conn-exporter");
        await machine.ReadyAsync();
        Page with = await machine.ScrapeAsync();

        without["conn_process_sockets_covered_ratio"].ShouldBeLessThan(1);
        without["conn_namespaces", ("state", "denied")].ShouldBe(1);
        with["conn_process_sockets_covered_ratio"].ShouldBe(1);
        with["conn_process_sockets", ("process", "perl"), ("unit", "in-host.service"), ("state", "established")].ShouldBe(1);
        with["conn_namespaces", ("state", "denied")].ShouldBe(0);
        with["conn_listener_accept_queue", ("netns", "in-netns.service"), ("address", "0.0.0.0"), ("port", "18100")].ShouldBe(1);
        with.Collectors.ShouldAllBe(collector => with.Outcome(collector) == (collector == OfTheHost ? "absent" : "ok"));
        string status = await machine.ReadAsync($"/proc/{await machine.PropertyAsync("MainPID")}/status");
        Field(status, "CapEff").ShouldBe("0000000000280004", "dac_read_search, sys_ptrace and sys_admin");
        Field(status, "CapBnd").ShouldBe("0000000000280004");
        (await machine.ExposureAsync()).ShouldBeLessThanOrEqualTo(2.6);
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task Each_capability_of_the_drop_in_is_needed_and_no_other()
    {
        await using Machine machine = await Machine.BootAsync(await packages.FolderAsync());
        await HoldSocketsAsync(machine);
        await machine.InstallAsync(await DebAsync());

        (bool Named, bool Entered) all = await ReachAsync(machine, AllCapabilities);
        all.ShouldBe((true, true));
        (await ReachAsync(machine, [.. AllCapabilities, "CAP_NET_ADMIN"])).ShouldBe(all);
        (await ReachAsync(machine, ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"])).ShouldBe((false, true));
        (await ReachAsync(machine, ["CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN"])).ShouldBe((false, false));
        (await ReachAsync(machine, ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"])).ShouldBe((true, false));
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task The_watchdog_restarts_a_daemon_that_is_frozen()
    {
        await using Machine machine = await Machine.BootAsync(await packages.FolderAsync());
        await machine.InstallAsync(await DebAsync());
        (await machine.PropertyAsync("WatchdogUSec")).ShouldBe("30s");

        // Sooner, so that the test need not wait for so long.
        await machine.DropInAsync("soon.conf", "[Service]\nWatchdogSec=4\nTimeoutStopSec=2\nRestartSec=100ms\n");
        await machine.RunAsync("systemctl", "restart", "conn-exporter");
        await machine.ReadyAsync();
        string frozen = await machine.PropertyAsync("MainPID");

        await machine.RunAsync("sh", "-c", "kill -STOP $0", frozen);

        await Eventually.Holds(async () => (await machine.PropertyAsync("NRestarts")).ShouldBe("1"));
        await machine.ReadyAsync();
        (await machine.PropertyAsync("MainPID")).ShouldNotBe(frozen);
        (await machine.RunAsync("journalctl", "--unit=conn-exporter", "--no-pager")).ShouldContain("Watchdog timeout");
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task An_upgrade_keeps_settings_state_and_counters_and_restarts()
    {
        await packages.FolderAsync();
        string old = await MakeOldPackageAsync();
        File.Copy(await packages.FindAsync("amd64.deb"), directory["packages/new.deb"]);
        await using Machine machine = await Machine.BootAsync(directory["packages"]);
        await machine.InstallAsync(old);
        await machine.ReadyAsync();
        const string Changed = "# Mine.\ncollector.ports.interval: 7s\n";
        await machine.WriteAsync(Settings, Changed);
        await machine.WriteAsync("/var/lib/conn-exporter/kept", "state");
        string oldProcess = await machine.PropertyAsync("MainPID");
        double opened = (await machine.ScrapeAsync())["conn_tcp_passive_opens_total", ("netns", "self")];

        await machine.InstallAsync("new.deb");
        await machine.ReadyAsync();

        (await machine.RunAsync("dpkg-query", "--show", "--showformat=${Version}", "conn-exporter")).ShouldNotBe("0.0.9-1");
        (await machine.PropertyAsync("MainPID")).ShouldNotBe(oldProcess);
        (await machine.ReadAsync(Settings)).ShouldBe(Changed);
        (await machine.ReadAsync(Settings + ".dpkg-dist")).ShouldContain("Nothing is set", Case.Insensitive, "the new one lies beside it");
        (await machine.ReadAsync("/var/lib/conn-exporter/kept")).ShouldBe("state");
        Page page = await machine.ScrapeAsync();
        page["conn_tcp_passive_opens_total", ("netns", "self")].ShouldBeGreaterThan(opened);
        page["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(7);

        await machine.RunAsync("systemctl", "disable", "--now", "conn-exporter");
        await machine.InstallAsync(old);
        (await machine.PropertyAsync("ActiveState")).ShouldBe("inactive", "who has stopped it keeps it stopped");
        (await machine.PropertyAsync("UnitFileState")).ShouldBe("disabled");
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task Removed_it_stops_and_purged_it_leaves_nothing()
    {
        await using Machine machine = await Machine.BootAsync(await packages.FolderAsync());
        string[] before = await TracesAsync(machine);
        await machine.InstallAsync(await DebAsync());
        await machine.ReadyAsync();
        await machine.RunAsync("mkdir", "/etc/systemd/system/conn-exporter.service.d");
        await machine.RunAsync("ln", "-s", "/usr/share/conn-exporter/full.conf", "/etc/systemd/system/conn-exporter.service.d/");
        await machine.RunAsync("systemctl", "daemon-reload");
        string process = await machine.PropertyAsync("MainPID");

        await machine.RunAsync("apt-get", "remove", "--yes", "conn-exporter");

        (await machine.TryAsync("test", "-e", "/proc/" + process)).ExitCode.ShouldBe(1, "it has ended");
        (await machine.ReadAsync(Settings)).ShouldNotBeEmpty();
        (await machine.TryAsync("test", "-d", "/var/lib/conn-exporter")).ExitCode.ShouldBe(0);

        await machine.RunAsync("apt-get", "purge", "--yes", "conn-exporter");

        (await TracesAsync(machine)).ShouldBe(before);
        (await machine.TryAsync("getent", "passwd", "conn-exporter")).ExitCode.ShouldBe(2, "there is no such user");
        (await machine.TryAsync("getent", "group", "conn-exporter")).ExitCode.ShouldBe(2, "there is no such group");
        (await machine.RunAsync("systemctl", "list-units", "--all", "--no-legend", "conn-exporter*")).ShouldBe("");
    }

    private static string Field(string status, string name) => status.Split('\n').Single(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(':')[1].Trim();

    // One program with a listener and a connection that it does not accept, and one in a network namespace of its own; neither of them ours.
    private static async Task HoldSocketsAsync(Machine machine)
    {
        const string Program = """
            use Socket;
            socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in($ARGV[0], INADDR_ANY)) or die; listen(S, 7);
            socket(C, PF_INET, SOCK_STREAM, 0); connect(C, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die;
            socket(N, PF_UNIX, SOCK_DGRAM, 0); send(N, "READY=1", 0, sockaddr_un($ENV{NOTIFY_SOCKET})) or die; sleep;
            """;
        await machine.RunAsync("systemd-run", "--quiet", "--unit=in-host", "--uid=daemon", "--service-type=notify", "perl", "-e", Program, "18099");
        await machine.RunAsync("systemd-run", "--quiet", "--unit=in-netns", "--uid=daemon", "--service-type=notify", "--property=PrivateNetwork=yes", "perl", "-e", Program, "18100");
    }

    // Whether it names the holder of a foreign socket, and whether it enters a foreign network namespace.
    private static async Task<(bool Named, bool Entered)> ReachAsync(Machine machine, string[] capabilities)
    {
        string set = string.Join(' ', capabilities);
        string page = await machine.RunAsync(
            "systemd-run", "--quiet", "--pipe", "--wait", "--property=User=conn-exporter", "--property=NoNewPrivileges=yes", $"--property=AmbientCapabilities={set}",
            $"--property=CapabilityBoundingSet={set}", "conn-exporter", "metrics");
        page.ShouldContain("conn_namespaces{");
        return (page.Contains("conn_process_sockets{process=\"perl\",unit=\"in-host.service\"", StringComparison.Ordinal), page.Contains("conn_listener_accept_queue{netns=\"in-netns.service\"", StringComparison.Ordinal));
    }

    // Whatever has the name, but for what is about everything that happened.
    private static async Task<string[]> TracesAsync(Machine machine) =>
        (await machine.RunAsync("find", "/", "-xdev", "-name", "*conn[-_]exporter*")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private async Task<string> DebAsync() => Path.GetFileName(await packages.FindAsync("amd64.deb"));

    // The version before: a lower number and settings that have changed since.
    private async Task<string> MakeOldPackageAsync()
    {
        Directory.CreateDirectory(directory["packages"]);
        await Tool.RunAsync("dpkg-deb", "--raw-extract", await packages.FindAsync("amd64.deb"), directory["old"]);
        await File.WriteAllTextAsync(directory["old/DEBIAN/control"], string.Join('\n', (await File.ReadAllLinesAsync(directory["old/DEBIAN/control"]))
            .Select(line => line.StartsWith("Version:", StringComparison.Ordinal) ? "Version: 0.0.9-1" : line)) + "\n");
        await File.WriteAllTextAsync(directory["old" + Settings], "# Of the version before.\n");
        await Tool.RunAsync("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", directory["old"], directory["packages/old.deb"]);
        return "old.deb";
    }
}
