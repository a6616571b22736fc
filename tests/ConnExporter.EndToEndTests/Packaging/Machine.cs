using System.Diagnostics;
using System.Globalization;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>A Debian that was booted, with a systemd, processes and a network of its own.</summary>
internal sealed class Machine : IAsyncDisposable
{
    private const string Service = "conn-exporter.service";
    private readonly DebianRoot root;
    private readonly Process container;
    private readonly Task<string> console;
    private int init;

    private Machine(DebianRoot root, string packages)
    {
        this.root = root;
        string[] arguments =
        [
            "-D", root.Path, $"--machine=conn-exporter-{Guid.NewGuid():N}"[..32], "--hostname=debian", "--register=no", "--keep-unit", "--boot", "--private-network", "--console=pipe",
            $"--bind-ro={packages}:/packages",
        ];
        container = Process.Start(new ProcessStartInfo("systemd-nspawn", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        console = Task.WhenAll(container.StandardOutput.ReadToEndAsync(), container.StandardError.ReadToEndAsync()).ContinueWith(said => string.Concat(said.Result), TaskScheduler.Default);
    }

    /// <summary>Boots it with a folder of packages at <c>/packages</c>.</summary>
    public static async Task<Machine> BootAsync(string packages)
    {
        var machine = new Machine(await DebianRoot.MountAsync(), packages);
        try
        {
            await Eventually.Holds(() => machine.init = machine.FindInit());
            await Eventually.Holds(async () => (await machine.TryAsync("systemctl", "is-system-running")).Output.Trim().ShouldBe("running"));
            return machine;
        }
        catch (Exception e)
        {
            await machine.DisposeAsync();
            throw new InvalidOperationException($"the machine did not boot: {await machine.console}", e);
        }
    }

    /// <summary>Runs a command in it; anything but success fails the test.</summary>
    public Task<string> RunAsync(params string[] command) => Tool.RunAsync([.. Enter(), .. command]);

    /// <summary>Runs a command in it, whatever comes of it.</summary>
    public Task<Finished> TryAsync(params string[] command) => Tool.TryAsync([.. Enter(), .. command]);

    /// <summary>Installs a package with what it depends on, as an administrator does; changed configuration is kept.</summary>
    public Task<string> InstallAsync(string package) =>
        RunAsync("apt-get", "install", "--yes", "--no-install-recommends", "--allow-downgrades", "--option=Dpkg::Options::=--force-confold", "/packages/" + package);

    /// <summary>Gets a page of the daemon, in the network of the machine.</summary>
    public async Task<string> GetAsync(string path)
    {
        Finished finished = await Tool.TryAsync(
            "nsenter", "--target", init.ToString(CultureInfo.InvariantCulture), "--net", "curl", "--silent", "--show-error", "--fail", "--max-time", "5", "http://localhost:9057" + path);
        finished.ExitCode.ShouldBe(0, finished.Error);
        return finished.Output;
    }

    /// <summary>The metrics page.</summary>
    public async Task<Page> ScrapeAsync() => Page.Parse(await GetAsync("/metrics"));

    /// <summary>Waits until the service answers and every collector has sampled.</summary>
    public Task ReadyAsync() => Eventually.Holds(async () => await GetAsync("/-/ready"));

    /// <summary>A property of the service.</summary>
    public async Task<string> PropertyAsync(string name) => (await RunAsync("systemctl", "show", "--value", "--property=" + name, Service)).Trim();

    /// <summary>What <c>systemd-analyze security</c> gives the service as it runs: 0 for shut in, 10 for exposed.</summary>
    public async Task<double> ExposureAsync()
    {
        string[] lines = (await RunAsync("systemd-analyze", "security", "--no-pager", Service)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return double.Parse(lines[^1].Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>Puts a drop-in beside the unit.</summary>
    public async Task DropInAsync(string name, string content)
    {
        string folder = root[$"/etc/systemd/system/{Service}.d"];
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Join(folder, name), content);
        await RunAsync("systemctl", "daemon-reload");
    }

    public Task WriteAsync(string path, string content) => RunAsync("sh", "-c", "printf %s \"$1\" >\"$0\"", path, content);

    public async Task<string> ReadAsync(string path) => await RunAsync("cat", path);

    public async ValueTask DisposeAsync()
    {
        if (!container.HasExited)
        {
            // The container's init is its leader: what is in it ends with it.
            if (init != 0)
            {
                LibC.Kill(init, LibC.SigKill);
            }
            else
            {
                container.Kill(entireProcessTree: true);
            }
        }

        await container.WaitForExitAsync();
        await console;
        container.Dispose();
        await root.DisposeAsync();
    }

    private string[] Enter() =>
    [
        "nsenter", "--target", init.ToString(CultureInfo.InvariantCulture), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
        "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
    ];

    // The child of nspawn that is the first process of its namespace and has become systemd.
    private int FindInit()
    {
        container.HasExited.ShouldBeFalse("systemd-nspawn has ended");
        string[] children = File.ReadAllText($"/proc/{container.Id}/task/{container.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string? leader = children.FirstOrDefault(child => File.Exists($"/proc/{child}/comm") && File.ReadAllText($"/proc/{child}/comm").Trim() == "systemd");
        leader.ShouldNotBeNull("systemd has not been started");
        return int.Parse(leader, CultureInfo.InvariantCulture);
    }
}
