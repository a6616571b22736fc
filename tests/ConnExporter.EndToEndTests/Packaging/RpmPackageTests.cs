using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The .rpm, by the real rpm in a root directory of its own. The Debian in there has the libraries, but not under their names as packages.</summary>
[Collection(OnPackages.Name)]
public sealed class RpmPackageTests(Packages packages) : IDisposable
{
    private const string Settings = "/etc/conn-exporter/conn-exporter.yml";
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild, "rpm")]
    public async Task Installed_it_serves_a_page_and_an_upgrade_keeps_its_settings()
    {
        await using DebianRoot root = await DebianRoot.MountAsync();
        await Tool.RunAsync("rpm", "--root", root.Path, "--nodeps", "--install", await packages.FindAsync("x86_64.rpm"));

        await Tool.RunAsync("rpm", "--root", root.Path, "--nodeps", "--verify", "conn-exporter");
        (await File.ReadAllTextAsync(root["/etc/passwd"])).ShouldContain("conn-exporter:");
        (await File.ReadAllTextAsync(root["/usr/lib/systemd/system/conn-exporter.service"])).ShouldBe(await File.ReadAllTextAsync(Path.Join(Repository.Root, "conn-exporter.service")));
        int user = await UserAsync(root);
        await using (Daemon daemon = await Daemon.StartReadyAsync(new Launch("--config.file=" + Settings) { Published = "/usr/bin/conn-exporter", Under = DebianRoot.Enter(root.Path, user) }))
        {
            (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("ok");
            (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
        }

        await File.WriteAllTextAsync(root[Settings], "# Mine.\n");
        await Packages.PackAsync(await packages.BinaryAsync(), directory["next"], revision: "2");
        await Tool.RunAsync("rpm", "--root", root.Path, "--nodeps", "--upgrade", Directory.EnumerateFiles(directory["next"], "*.rpm").Single());

        (await Tool.RunAsync("rpm", "--root", root.Path, "--query", "conn-exporter")).ShouldContain("-2.x86_64");
        (await File.ReadAllTextAsync(root[Settings])).ShouldBe("# Mine.\n");

        await Tool.RunAsync("rpm", "--root", root.Path, "--erase", "conn-exporter");

        File.Exists(root["/usr/bin/conn-exporter"]).ShouldBeFalse();
        File.Exists(root["/usr/lib/systemd/system/conn-exporter.service"]).ShouldBeFalse();
    }

    private static async Task<int> UserAsync(DebianRoot root) =>
        int.Parse((await Tool.RunAsync("chroot", root.Path, "id", "--user", "conn-exporter")).Trim(), System.Globalization.CultureInfo.InvariantCulture);
}
