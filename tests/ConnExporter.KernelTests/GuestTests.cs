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
public class GuestTests(Guests guests) : IClassFixture<Guests>
{
    [GuestFact(Guest.Bullseye)]
    public Task Linux_5_10_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Guest.Linux510, "5.10.", "sock_diag");

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Guest.Linux61, "6.1.", "sock_diag");

    [GuestFact(Guest.Bullseye)]
    public Task Linux_5_10_without_inet_diag_falls_back_to_proc_exactly() => Check(Guest.Linux510WithoutInetDiag, "5.10.", "proc_net_tcp");

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_without_inet_diag_falls_back_to_proc_exactly() => Check(Guest.Linux61WithoutInetDiag, "6.1.", "proc_net_tcp");

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_without_tcp_diag_falls_back_to_proc_exactly() => Check(Guest.Linux61WithoutTcpDiag, "6.1.", "proc_net_tcp");

    private async Task Check(Guest guest, string release, string source)
    {
        Dictionary<string, string> result = await guests.ResultOfAsync(guest);
        string story = result["console"] + result["lab.errors"] + result["page.errors"];
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, story);
        result["version"].ShouldContain("Linux version " + release, Case.Sensitive);
        foreach (string module in guest.WithoutModules)
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

/// <summary>The emulated machines of a run. Each keeps one core busy and takes a minute, so two run at a time, whichever test asks first.</summary>
public sealed class Guests : IDisposable
{
    private readonly SemaphoreSlim cores = new(2);
    private readonly CancellationTokenSource end = new();
    private Dictionary<Guest, Task<Dictionary<string, string>>>? boots;

    public void Dispose()
    {
        // Those that nobody asked for and that have not begun yet never do.
        end.Cancel();
        Task.WhenAll(boots?.Values.Select(boot => boot.ContinueWith(static _ => { }, TaskScheduler.Default)) ?? []).GetAwaiter().GetResult();
        end.Dispose();
        cores.Dispose();
    }

    /// <summary>What a guest left behind, by name of the file. The first one asked for starts first, and the others with it.</summary>
    internal Task<Dictionary<string, string>> ResultOfAsync(Guest guest)
    {
        boots ??= Guest.All.OrderBy(other => other != guest).Where(other => other.CanBoot).ToDictionary(other => other, BootAsync);
        return boots[guest];
    }

    private async Task<Dictionary<string, string>> BootAsync(Guest guest)
    {
        await cores.WaitAsync(end.Token);
        try
        {
            return await Task.Run(guest.Boot);
        }
        finally
        {
            cores.Release();
        }
    }
}

/// <summary>An emulated machine with a kernel of Debian's.</summary>
internal sealed class Guest
{
    public const string Bullseye = "bullseye";
    public const string Bookworm = "bookworm";

    public static readonly Guest Linux510 = new(Bullseye);
    public static readonly Guest Linux61 = new(Bookworm);
    public static readonly Guest Linux510WithoutInetDiag = new(Bullseye, "tcp_diag", "inet_diag");
    public static readonly Guest Linux61WithoutInetDiag = new(Bookworm, "tcp_diag", "inet_diag");
    public static readonly Guest Linux61WithoutTcpDiag = new(Bookworm, "tcp_diag");

    private static readonly TimeSpan PublishPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BootPatience = TimeSpan.FromMinutes(4);

    // Once for all guests of a run.
    private static readonly Lazy<string> Programs = new(() => Tool.Run(PublishPatience, Script("publish")));

    private readonly string suite;

    private Guest(string suite, params string[] withoutModules)
    {
        this.suite = suite;
        WithoutModules = withoutModules;
    }

    /// <summary>All of them, the slow ones first.</summary>
    public static IReadOnlyList<Guest> All { get; } = [Linux61WithoutTcpDiag, Linux61WithoutInetDiag, Linux510WithoutInetDiag, Linux61, Linux510];

    public static string Folder => Path.Join(Places.Repository, "artifacts", "guest");

    /// <summary>Modules that its kernel lacks.</summary>
    public IReadOnlyList<string> WithoutModules { get; }

    /// <summary>Whether its kernel was fetched.</summary>
    public bool CanBoot => File.Exists(KernelOf(suite));

    public static string KernelOf(string suite) => Path.Join(Folder, suite, "vmlinuz");

    /// <summary>Boots it and waits for its end.</summary>
    /// <returns>What it left behind, by name of the file.</returns>
    public Dictionary<string, string> Boot()
    {
        _ = Programs.Value;
        string result = Path.Join(Folder, string.Join("-without-", [$"result-{suite}", .. WithoutModules]));
        Tool.Run(BootPatience, Script("boot"), [suite, result, .. WithoutModules]);
        return Directory.GetFiles(result).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);
    }

    private static string Script(string name) => Path.Join(Places.Repository, "tests", "guest", name);
}
