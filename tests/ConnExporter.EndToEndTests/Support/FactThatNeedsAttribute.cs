namespace ConnExporter.EndToEndTests.Support;

/// <summary>A test that needs something of the host. Where it is missing the test is skipped and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FactThatNeedsAttribute : FactAttribute
{
    /// <summary>What it needs.</summary>
    /// <param name="needs"><c>root</c>, <c>ipv6</c>, or programs by their names.</param>
    public FactThatNeedsAttribute(params string[] needs) => Skip = Need.FirstMissing(needs);
}

/// <summary>As <see cref="FactThatNeedsAttribute"/>, for a test with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TheoryThatNeedsAttribute : TheoryAttribute
{
    /// <summary>What it needs.</summary>
    /// <param name="needs"><c>root</c>, <c>ipv6</c>, or programs by their names.</param>
    public TheoryThatNeedsAttribute(params string[] needs) => Skip = Need.FirstMissing(needs);
}

/// <summary>What a host may lack.</summary>
internal static class Need
{
    public const string Root = "root";
    public const string IPv6 = "ipv6";
    public const string Prometheus = "prometheus";
    public const string PromTool = "promtool";
    public const string SetPriv = "setpriv";
    public const string Alertmanager = "prometheus-alertmanager";
    public const string AmTool = "amtool";
    public const string Jsonnet = "jsonnet";
    public const string VictoriaMetrics = "victoria-metrics";
    public const string Ip = "ip";
    public const string TestMachine = "test machine";
    public const string RpmBuild = "rpmbuild";
    public const string Lintian = "lintian";
    public const string Chromium = "chromium";
    public const string Axe = "axe-core";
    public const string CpuGroup = "cpu";
    public const string MemoryGroup = "memory";
    public const string FakeTime = "faketime";
    public const string PidsGroup = "pids";
    public const string Fuse = "/dev/fuse";
    public const string Long = "the long form";

    /// <summary>Whether the tests are run in their long form: sweeps over everything, hours in minutes, what is built twice.</summary>
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("LONG_TESTS") is "1";

    /// <summary>What sets the clock of one program.</summary>
    /// <remarks>The variant for programs with threads: the other reads and parses the file without a lock.</remarks>
    public static string FakeTimeLibrary { get; } = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    /// <summary>The checker of accessibility; fetched by tests/run.</summary>
    public static string AxeScript { get; } = Path.Join(Repository.Root, "artifacts/axe/node_modules/axe-core/axe.min.js");

    /// <summary>The reason to skip; null where nothing is missing.</summary>
    public static string? FirstMissing(IEnumerable<string> needs) => needs.Select(Missing).FirstOrDefault(reason => reason is not null);

    private static string? Missing(string need) => need switch
    {
        Root => LibC.EffectiveUser() == 0 ? null : "needs root",
        IPv6 => File.Exists("/proc/net/if_inet6") ? null : "needs IPv6",
        TestMachine => File.Exists(Path.Join(Repository.Root, "artifacts/machine/root/usr/lib/systemd/systemd")) ? null : "needs the Debian that tests/machine/prepare makes",
        CpuGroup or MemoryGroup or PidsGroup => ControlGroup.Missing(need),
        Long => IsLong ? null : "is of the long form (LONG_TESTS=1 tests/run)",
        Fuse => File.Exists(Fuse) ? null : "needs /dev/fuse (modprobe fuse)",
        FakeTime => File.Exists(FakeTimeLibrary) ? null : "needs libfaketime (Debian: apt install faketime)",
        Axe => File.Exists(AxeScript) ? null : $"needs axe-core (npm install --prefix {Path.Join(Repository.Root, "artifacts/axe")} axe-core, as tests/run does)",
        _ => OnPath(need) ? null : $"needs the program {need} (Debian: apt install {Package(need)})",
    };

    private static string Package(string program) => program switch
    {
        PromTool => "prometheus",
        AmTool => Alertmanager,
        SetPriv => "util-linux",
        Ip => "iproute2",
        RpmBuild => "rpm",
        _ => program,
    };

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Join(directory, program)));
}
