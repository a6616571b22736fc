using System.Globalization;
using System.Text.Json;
using ConnExporter.KernelTests.Findings;
using ConnExporter.SocketLab;

namespace ConnExporter.KernelTests;

/// <summary>A test in an emulated machine with an older Debian kernel; skipped with its reason where something for it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GuestFactAttribute : FactAttribute
{
    /// <summary>Needs a kernel that <c>tests/guest/prepare</c> has fetched.</summary>
    /// <param name="suite">Debian's name of it.</param>
    /// <param name="tools">Programs that the guest gets besides.</param>
    public GuestFactAttribute(string suite, params string[] tools) => Skip = Missing(suite, tools);

    internal static string? Missing(string suite, string[] tools) => Needs.MissingTool(["qemu-system-x86_64", "busybox", "cpio", "gzip", "ldd", "dotnet", .. tools])
            ?? (File.Exists(Guest.KernelOf(suite)) ? null : $"needs Debian's kernel of {suite}: run tests/guest/prepare {Guest.Folder} {suite}");
}

/// <summary>The same for one that takes minutes.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LongGuestFactAttribute : FactAttribute
{
    /// <summary>Needs what <see cref="GuestFactAttribute"/> needs, and the long form.</summary>
    public LongGuestFactAttribute(string suite, params string[] tools) => Skip = IsLong ? GuestFactAttribute.Missing(suite, tools) : "is of the long form (LONG_TESTS=1 tests/run)";

    /// <summary>Whether what takes long is wanted.</summary>
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("LONG_TESTS") is "1";
}

/// <summary>Older kernels, and a kernel without sock_diag, with the published programs inside.</summary>
public class GuestTests(Guests guests) : IClassFixture<Guests>
{
    [GuestFact(Guest.Bullseye)]
    public Task Linux_5_10_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Guest.Linux510, "5.10.", gone: null);

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_states_are_exact_with_a_leak_in_CLOSE_WAIT() => Check(Guest.Linux61, "6.1.", gone: null);

    [GuestFact(Guest.Bullseye)]
    public Task Linux_5_10_without_tcp_diag_falls_back_to_proc_exactly() => Check(Guest.Linux510, "5.10.", "tcp_diag");

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_without_tcp_diag_falls_back_to_proc_exactly() => Check(Guest.Linux61, "6.1.", "tcp_diag");

    [GuestFact(Guest.Bullseye)]
    public Task Linux_5_10_without_inet_diag_falls_back_to_proc_exactly() => Check(Guest.Linux510, "5.10.", "inet_diag");

    [GuestFact(Guest.Bookworm)]
    public Task Linux_6_1_without_inet_diag_falls_back_to_proc_exactly() => Check(Guest.Linux61, "6.1.", "inet_diag");

    /// <summary>
    /// What only a whole host runs out of, on a host of its own (tests/guest/limits): each limit is nearly reached, then reached, then what is printed is run.
    /// </summary>
    [GuestFact(Guest.Bullseye, "nft", "ip")]
    public async Task Linux_5_10_limits_of_the_host_are_found_and_what_is_printed_cures_them()
    {
        Dictionary<string, string> result = await guests.ResultOfAsync(Guest.Linux510Limits);
        string story = result["console"] + result["lab.errors"] + result["daemon"];
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, story);
        result["version"].ShouldContain("Linux version 5.10.", Case.Sensitive);

        Near("files-nearly", "system_descriptors_exhausting");
        Found("files", "system_descriptors_exhausting", "critical");
        Findings.Diagnosis full = Found("enfile", "accept_queue_overflowing", "critical");
        PrintedCommands.CauseOf(full, "accept_queue_overflowing").ShouldBe("system_descriptors_exhausting");
        Ran("enfile", "sysctl -w fs.file-max=");

        // 60 % of the limit, and the kernel resets: it counts those twice that cannot be reached.
        Near("orphans-nearly", "orphans_exhausting");
        Found("orphans", "orphans_exhausting", "critical").EvidenceOf("orphans_exhausting").ShouldContain("1,500");
        Ran("orphans", "sysctl -w net.ipv4.tcp_max_orphans=");

        Near("neighbours-nearly", "neighbour_table_overflowing");
        Found("neighbours", "neighbour_table_overflowing", "critical");
        Ran("neighbours", "sysctl -w net.ipv4.neigh.default.gc_thresh3=");

        Near("memory-nearly", "tcp_memory_pressure");
        Found("memory", "tcp_memory_pressure", "warning");
        Ran("memory", "sysctl -w net.ipv4.tcp_mem=");

        Near("table-nearly", "conntrack_exhausting");
        Found("table", "conntrack_exhausting", "critical");

        // How bad is a matter of how fast they were tried.
        Look("table").Has("conntrack_dropping").ShouldBeTrue();
        Ran("table", "sysctl -w net.netfilter.nf_conntrack_max=");

        // What rose is remembered for a while; then what was run has cured it.
        Near("enfile-cured", "system_descriptors_exhausting");
        Near("enfile-cured", "accept_queue_overflowing");
        Near("table-nearly", "orphans_exhausting");
        Near("table-nearly", "neighbour_table_overflowing");
        Near("after", "tcp_memory_pressure");
        Near("after", "conntrack_exhausting");
        Near("after", "conntrack_dropping");

        Findings.Diagnosis Look(string name) => Findings.Diagnosis.OfDocument(result[name + ".json"]);

        void Near(string look, string finding) => Look(look).Has(finding).ShouldBeFalse($"{look}: {finding}");

        Findings.Diagnosis Found(string look, string finding, string severity)
        {
            Findings.Diagnosis seen = Look(look);
            seen.Findings.ShouldContain((finding, severity), look);
            return seen;
        }

        // Each command with its exit status before it.
        void Ran(string look, string command)
        {
            string[] lines = result[look + ".ran"].Split('\n', StringSplitOptions.RemoveEmptyEntries);
            lines.ShouldContain(line => line.StartsWith("0 " + command, StringComparison.Ordinal));
            lines.ShouldAllBe(line => line.StartsWith("0 ", StringComparison.Ordinal));
        }
    }

    /// <summary>By what grew there (tests/guest/growth), and the limits before and after what was printed had been run.</summary>
    [LongGuestFact(Guest.Bullseye, "nft", "ip")]
    public async Task What_higher_limits_of_the_host_buy_is_about_what_they_say()
    {
        Dictionary<string, string> result = await guests.ResultOfAsync(Guest.Linux510Growth);
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, result["console"] + result["lab.errors"] + result["daemon"]);
        result["growth.ran"].Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldAllBe(line => line.StartsWith("0 ", StringComparison.Ordinal));
        double[][] readings = Numbers(result["growth"]);
        double[][] limits = Numbers(result["limits"]);
        double seconds = readings[^1][0] - readings[0][0];
        seconds.ShouldBeGreaterThan(10);
        using var document = JsonDocument.Parse(result["growth.json"]);
        JsonElement[] remedies = [.. document.RootElement.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray())];
        string[] names = ["raise_file_max", "raise_conntrack_max", "raise_max_orphans", "raise_tcp_mem"];
        for (int i = 0; i < names.Length; i++)
        {
            double growth = (readings[^1][i + 1] - readings[0][i + 1]) / seconds;
            double won = (limits[1][i] - limits[0][i]) / growth;
            won.ShouldBeGreaterThan(0, names[i]);
            double buys = remedies.First(remedy => remedy.GetProperty("remedy").GetString() == names[i]).GetProperty("buys_seconds").GetDouble();
            buys.ShouldBeInRange(won / 2, won * 2, names[i]);
        }
    }

    private static double[][] Numbers(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture)).ToArray())];

    [GuestFact(Guest.Bullseye, "nft", "ip")]
    public Task Linux_5_10_counts_each_symptom_exactly() => CheckSymptoms(Guest.Linux510Symptoms, "5.10.");

    [GuestFact(Guest.Bookworm, "nft", "ip")]
    public Task Linux_6_1_counts_each_symptom_exactly() => CheckSymptoms(Guest.Linux61Symptoms, "6.1.");

    private async Task CheckSymptoms(Guest guest, string release)
    {
        Dictionary<string, string> result = await guests.ResultOfAsync(guest);
        string story = result["console"] + result["lab.errors"] + result["daemon"];
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, story);
        result["version"].ShouldContain("Linux version " + release, Case.Sensitive);

        var page = new MetricsText(result["page"]);
        // An emulated processor takes a minute for a thousand of each; here it is ten thousand.
        SymptomTests.CountsAsTheLab(page, result["lab"]["ready ".Length..], "lab.service", "socket-lab", count: 1_000);
        foreach (string hook in (string[])["states", "accept", "descriptors", "bind"])
        {
            page.Value("conn_symptom_hook_active", $"hook=\"{hook}\"").ShouldBe(1, hook);
        }

        int[] left = [.. result["left"].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        left[0].ShouldBeGreaterThan(4, "programs and maps of the daemon");
        left[1].ShouldBe(0, "after SIGKILL");

        // Without the capabilities, and with the sysctl that says so besides.
        var refused = new MetricsText(result["refused"]);
        refused.Value("conn_collector_outcome", "collector=\"symptoms\"", "outcome=\"denied\"").ShouldBe(1, result["refused.log"]);
        refused.Value("conn_collector_outcome", "collector=\"counters\"", "outcome=\"ok\"").ShouldBe(1);
        refused.Rows.ShouldNotContain(row => row.Name.StartsWith("conn_connect_failures", StringComparison.Ordinal));
        result["refused.log"].ShouldContain("CAP_BPF");
    }

    // In one guest for each kernel, whose modules go one after the other: inet_diag after tcp_diag.
    private async Task Check(Guest guest, string release, string? gone)
    {
        string look = gone is null ? "" : "-without-" + gone;
        Dictionary<string, string> result = await guests.ResultOfAsync(guest);
        string story = result["console"] + result["lab.errors"] + result.GetValueOrDefault("page.errors" + look);
        result["steps"].TrimEnd().ShouldEndWith(" done", Case.Sensitive, story);
        result["version"].ShouldContain("Linux version " + release, Case.Sensitive);
        if (gone is not null)
        {
            result["modules" + look].ShouldNotContain(gone, Case.Sensitive);
        }

        var expected = Expectation.Parse(result["lab"]["ready ".Length..]);
        TimeBetween(result["steps"], "sockets", "tables" + look).ShouldBeLessThan(
            TimeSpan.FromMilliseconds(expected.ValidMilliseconds), "minisockets have expired while they were counted");
        expected["close_wait"].ShouldBeGreaterThan(expected["established"], "a leak");
        Tally.OfTable(result["tcp" + look]).ShouldBe(Tally.Of(expected, table6: false), "/proc/net/tcp");
        Tally.OfTable(result["tcp6" + look]).ShouldBe(Tally.Of(expected, table6: true), "/proc/net/tcp6");
        var page = new MetricsText(result["page" + look]);
        Tally.Of(page).ShouldBe(Tally.Of(expected), "the page");
        page.Value("conn_tcp_sockets_source", $"source=\"{(gone is null ? "sock_diag" : "proc_net_tcp")}\"").ShouldBe(1);
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
    public static readonly Guest Linux510Limits = new(Bullseye) { Scene = "limits", Tools = "nft ip" };

    public static readonly Guest Linux510Growth = new(Bullseye) { Scene = "growth", Tools = "nft ip" };

    public static readonly Guest Linux510Symptoms = new(Bullseye) { Scene = "symptoms", Tools = "nft ip" };
    public static readonly Guest Linux61Symptoms = new(Bookworm) { Scene = "symptoms", Tools = "nft ip" };

    private static readonly TimeSpan PublishPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BootPatience = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan ScenePatience = TimeSpan.FromMinutes(12);

    // Once for all guests of a run.
    private static readonly Lazy<string> Programs = new(() => Tool.Run(PublishPatience, Script("publish")));

    private readonly string suite;

    private Guest(string suite) => this.suite = suite;

    /// <summary>All of them, the slow ones first.</summary>
    public static IReadOnlyList<Guest> All { get; } = [.. LongGuestFactAttribute.IsLong ? [Linux510Growth] : Array.Empty<Guest>(), Linux510Limits, Linux510Symptoms, Linux61Symptoms, Linux61, Linux510];

    public static string Folder => Path.Join(Places.Repository, "artifacts", "guest");

    /// <summary>A script in tests/guest that is played in the place of the mix of sockets; empty for none.</summary>
    public string Scene { get; private init; } = "";

    /// <summary>Programs that it wants for that.</summary>
    public string Tools { get; private init; } = "";

    /// <summary>Whether its kernel was fetched.</summary>
    public bool CanBoot => File.Exists(KernelOf(suite));

    public static string KernelOf(string suite) => Path.Join(Folder, suite, "vmlinuz");

    /// <summary>Boots it and waits for its end.</summary>
    /// <returns>What it left behind, by name of the file.</returns>
    public Dictionary<string, string> Boot()
    {
        _ = Programs.Value;
        string result = Path.Join(Folder, $"result-{suite}{Scene}");
        if (Scene.Length == 0)
        {
            Tool.Run(BootPatience, Script("boot"), [suite, result]);
        }
        else
        {
            Tool.Run(ScenePatience, "env", [$"SCENE={Scene}", $"TOOLS={Tools}", $"DEADLINE={ScenePatience.TotalSeconds - 30:0}", Script("boot"), suite, result]);
        }

        return Directory.GetFiles(result).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);
    }

    private static string Script(string name) => Path.Join(Places.Repository, "tests", "guest", name);
}
