using System.Globalization;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>A control group of the test's own with a limit, of either version; it goes away with the test, once its processes have ended.</summary>
internal sealed class ControlGroup : IAsyncDisposable
{
    private const string Root = "/sys/fs/cgroup";

    // Runs side by side may have the same process id, each in a namespace of its own.
    private static readonly string Run = Guid.NewGuid().ToString("N")[..8];
    private readonly bool isUnified;

    private ControlGroup(string controller)
    {
        isUnified = IsUnified(controller);
        Path = System.IO.Path.Join(isUnified ? Root : System.IO.Path.Join(Root, controller), $"conn-exporter-test-{controller}-{Run}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>Why there is none to be had, or null.</summary>
    public static string? Missing(string controller)
    {
        if (!IsUnified(controller) && !Directory.Exists(System.IO.Path.Join(Root, controller)))
        {
            return $"needs the {controller} controller of control groups";
        }

        try
        {
            var group = new ControlGroup(controller);
            bool hasLimit = File.Exists(System.IO.Path.Join(group.Path, group.LimitFile(controller)));
            Directory.Delete(group.Path);
            return hasLimit ? null : $"needs the {controller} controller of control groups, which is not handed down";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"needs a control group of its own: {e.Message}";
        }
    }

    public static ControlGroup Make(string controller) => new(controller);

    /// <summary>The command that runs another one in it, and becomes it.</summary>
    public string[] Inside => ["sh", "-c", "echo $$ >\"$0\"/cgroup.procs && exec \"$@\"", Path];

    /// <summary>Lets it have so much of one core.</summary>
    public void LimitCpu(double share)
    {
        const int Period = 100_000;
        File.WriteAllText(System.IO.Path.Join(Path, LimitFile("cpu")), isUnified ? $"{(int)(share * Period)} {Period}" : $"{(int)(share * Period)}");
    }

    /// <summary>How often it had to wait for its share.</summary>
    public long Throttled => Statistic("cpu.stat", "nr_throttled");

    public void LimitMemory(long bytes) => File.WriteAllText(System.IO.Path.Join(Path, LimitFile("memory")), $"{bytes}");

    /// <summary>Lets it have so many threads, or any number (TasksMax=).</summary>
    public void LimitThreads(int? number) => File.WriteAllText(System.IO.Path.Join(Path, LimitFile("pids")), number?.ToString(CultureInfo.InvariantCulture) ?? "max");

    /// <summary>How often the limit on threads was met.</summary>
    public long Refused => Statistic("pids.events", "max");

    /// <summary>How many processes in it were killed for want of memory.</summary>
    public long Killed => Statistic(isUnified ? "memory.events" : "memory.oom_control", "oom_kill");

    public async ValueTask DisposeAsync() => await Eventually.Holds(() =>
    {
        // Its processes may still be ending.
        try
        {
            Directory.Delete(Path);
        }
        catch (IOException e)
        {
            e.ShouldBeNull();
        }
    });

    private static bool IsUnified(string controller) => File.Exists(System.IO.Path.Join(Root, "cgroup.controllers")) && File.ReadAllText(System.IO.Path.Join(Root, "cgroup.controllers")).Split(' ', '\n').Contains(controller);

    private long Statistic(string file, string name) => long.Parse(File.ReadLines(System.IO.Path.Join(Path, file)).First(line => line.StartsWith(name + ' ', StringComparison.Ordinal)).Split(' ')[1]);

    private string LimitFile(string controller) => (controller, isUnified) switch
    {
        ("cpu", true) => "cpu.max",
        ("cpu", false) => "cpu.cfs_quota_us",
        ("pids", _) => "pids.max",
        (_, true) => "memory.max",
        (_, false) => "memory.limit_in_bytes",
    };
}
