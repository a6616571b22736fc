using ConnExporter.SocketLab;

namespace ConnExporter.KernelTests;

/// <summary>A test in an emulated machine with an older Debian kernel; skipped with its reason where something for it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GuestFactAttribute : FactAttribute
{
    /// <summary>Needs a kernel that <c>tests/guest/prepare</c> has fetched.</summary>
    public GuestFactAttribute(string suite) =>
        Skip = Needs.MissingTool("qemu-system-x86_64", "busybox", "cpio", "gzip", "ldd", "dotnet")
            ?? (File.Exists(Guest.KernelOf(suite)) ? null : $"needs Debian's kernel of {suite}: run tests/guest/prepare {Guest.Folder} {suite}");
}

/// <summary>Older kernels, and a kernel without sock_diag, with the published programs inside.</summary>
public class GuestTests
{
    private const string Bullseye = "bullseye";
    private const string Bookworm = "bookworm";

    [GuestFact(Bullseye)]
    public void Linux_5_10_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Bullseye, "5.10.", "sock_diag");

    [GuestFact(Bookworm)]
    public void Linux_6_1_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Bookworm, "6.1.", "sock_diag");

    [GuestFact(Bullseye)]
    public void Linux_5_10_without_inet_diag_falls_back_to_proc_exactly() => Check(Bullseye, "5.10.", "proc_net_tcp", "tcp_diag", "inet_diag");

    [GuestFact(Bookworm)]
    public void Linux_6_1_without_inet_diag_falls_back_to_proc_exactly() => Check(Bookworm, "6.1.", "proc_net_tcp", "tcp_diag", "inet_diag");

    [GuestFact(Bookworm)]
    public void Linux_6_1_without_tcp_diag_falls_back_to_proc_exactly() => Check(Bookworm, "6.1.", "proc_net_tcp", "tcp_diag");

    private static void Check(string suite, string release, string source, params string[] withoutModules)
    {
        Dictionary<string, string> result = Guest.Boot(suite, withoutModules);
        string story = result["console"] + result["lab.errors"] + result["page.errors"];
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, story);
        result["version"].ShouldContain("Linux version " + release, Case.Sensitive);
        foreach (string module in withoutModules)
        {
            result["modules"].ShouldNotContain(module, Case.Sensitive);
        }

        var expected = Expectation.Parse(result["lab"]["ready ".Length..]);
        TimeBetween(result["steps"], "sockets", "tables").ShouldBeLessThan(
            TimeSpan.FromMilliseconds(expected.ValidMilliseconds), "minisockets have expired while they were counted");
        expected["close_wait"].ShouldBeGreaterThan(expected["established"], "a leak");
        Tally.OfTable(result["tcp"]).ShouldBe(Tally.Of(expected, table6: false), "/proc/net/tcp");
        Tally.OfTable(result["tcp6"]).ShouldBe(Tally.Of(expected, table6: true), "/proc/net/tcp6");
        var page = new MetricsText(result["page"]);
        Tally.Of(page).ShouldBe(Tally.Of(expected), "the page");
        page.Value("conn_tcp_sockets_source", $"source=\"{source}\"").ShouldBe(1);
        page.Value("conn_collector_outcome", "collector=\"states\"", "outcome=\"ok\"").ShouldBe(1);
    }

    // Lines of seconds since boot and a name.
    private static TimeSpan TimeBetween(string steps, string first, string last)
    {
        double At(string name) => double.Parse(steps.Split('\n').First(line => line.EndsWith(' ' + name, StringComparison.Ordinal)).Split(' ')[0]);
        return TimeSpan.FromSeconds(At(last) - At(first));
    }
}

/// <summary>An emulated machine that runs once.</summary>
internal static class Guest
{
    private static readonly TimeSpan PublishPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BootPatience = TimeSpan.FromMinutes(4);

    // Once for all guests of a run.
    private static readonly Lazy<string> Programs = new(() => Tool.Run(PublishPatience, Script("publish")));

    public static string Folder => Path.Join(Places.Repository, "artifacts", "guest");

    public static string KernelOf(string suite) => Path.Join(Folder, suite, "vmlinuz");

    /// <summary>Boots a kernel without some of its modules.</summary>
    /// <returns>What it left behind, by name of the file.</returns>
    public static Dictionary<string, string> Boot(string suite, string[] withoutModules)
    {
        _ = Programs.Value;
        string result = Path.Join(Folder, string.Join("-without-", [$"result-{suite}", .. withoutModules]));
        Tool.Run(BootPatience, Script("boot"), [suite, result, .. withoutModules]);
        return Directory.GetFiles(result).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);
    }

    private static string Script(string name) => Path.Join(Places.Repository, "tests", "guest", name);
}
