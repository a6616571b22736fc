using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class SettingsCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();
    private readonly TemporaryDirectory root = new();

    public SettingsCollectorTests() => bench.Use(kernel => new SettingsCollector(kernel, root.Path));

    public void Dispose()
    {
        bench.Dispose();
        root.Dispose();
    }

    [Fact]
    public void Numbers_are_shown_and_what_is_not_there_is_left_out()
    {
        bench.Write("sys/net/core/somaxconn", "4096\n");
        bench.Write("sys/net/ipv4/tcp_syncookies", "0\n");
        bench.Write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");

        bench.Collect().Of("conn_sysctl").ShouldBe(["net.core.somaxconn self 4096", "net.ipv4.tcp_syncookies self 0"]);
    }

    [Fact]
    public void A_change_shows_at_the_next_reading()
    {
        bench.Write("sys/net/core/somaxconn", "128\n");
        bench.Collect()["conn_sysctl", "net.core.somaxconn", "self"].ShouldBe("128");

        bench.Write("sys/net/core/somaxconn", "4096\n");

        bench.Collect()["conn_sysctl", "net.core.somaxconn", "self"].ShouldBe("4096");
    }

    [Fact]
    public void A_tree_without_any_is_absent() => bench.Fail().Kind.ShouldBe(FailureKind.Absent);

    [Fact]
    public void Anything_but_a_number_is_refused()
    {
        bench.Write("sys/net/core/somaxconn", "many\n");

        Refusal.ShouldBeBroken(() => throw bench.Fail(), "net/core/somaxconn", "'many");
    }

    [Fact]
    public void Files_that_cannot_be_looked_into_are_noted_once()
    {
        bench.Write("sys/net/core/somaxconn", "4096\n");
        Directory.CreateDirectory(Path.Join(root.Path, "etc/sysctl.d/10-x.conf"));

        bench.Collect();
        bench.Collect();

        bench.TakeNotes().Single().ShouldStartWith("some sysctl files cannot be looked into: /etc/sysctl.d/10-x.conf: ");
    }

    [Theory]
    [InlineData("linux-4.19", 4, 19)]
    [InlineData("linux-5.10", 5, 10)]
    [InlineData("linux-6.18", 6, 18)]
    public void A_recorded_kernel_has_all_of_them(string vintage, int major, int minor)
    {
        SettingsReading settings = Read(vintage);

        settings.Kernel.ShouldBe(new Version(major, minor));
        SettingCatalogue.Present.Where(setting => setting.Vendor is null && settings.Text(setting.Name) is null).Select(setting => setting.Name).ShouldBeEmpty();
        settings.Text(SettingCatalogue.PortRange).ShouldBe("32768 60999");
        settings.Number(SettingCatalogue.PortRange).ShouldBeNull();
    }

    [Fact]
    public void Of_the_files_only_what_is_audited_is_kept_and_the_last_line_decides()
    {
        bench.Write("sys/net/core/somaxconn", "4096\n");
        root.Write("etc/sysctl.d/10-a.conf", "vm.swappiness = 0\nnet.core.somaxconn = 1024\n");
        root.Write("etc/sysctl.conf", "net.core.somaxconn = 4096\n");
        using var collector = new SettingsCollector(bench.SockDiag.Kernel(bench.Proc), root.Path);

        var settings = (SettingsReading)collector.Collect(bench.Context);

        settings.Assignments.Select(assignment => $"{assignment.Path} {assignment.Name} {assignment.Value}")
            .ShouldBe(["/etc/sysctl.d/10-a.conf net.core.somaxconn 1024", "/etc/sysctl.conf net.core.somaxconn 4096"]);
        settings.AssignmentOf("net.core.somaxconn")!.Value.ShouldBe("4096");
        settings.AssignmentOf("net.ipv4.tcp_tw_reuse").ShouldBeNull();
    }

    /// <summary>The settings of a recorded kernel, without any sysctl file.</summary>
    internal static SettingsReading Read(string vintage)
    {
        using var sockDiag = new FakeSockDiag();
        using var collector = new SettingsCollector(sockDiag.Kernel(Fixture.PathOf(vintage, "proc")), "/nonexistent");
        return (SettingsReading)collector.Collect(new ConnExporter.Sampling.CollectContext(TimeProvider.System, _ => { }));
    }
}
