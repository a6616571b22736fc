using System.Diagnostics;
using System.Text.Json;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.KernelTests;

/// <summary>A test that loads programs into this kernel.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BpfFactAttribute : FactAttribute
{
    /// <summary>Needs what <see cref="CgroupFactAttribute"/> needs, and a kernel that takes such programs of root.</summary>
    public BpfFactAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools]) ?? TestCgroup.Missing() ?? Missing();

    private static string? Missing()
    {
        try
        {
            SymptomCounters.Open(new ProcFs("/proc"), "/sys", SymptomBounds.Default).Dispose();
            return null;
        }
        catch (KernelReadException e) when (e.Kind != FailureKind.Broken)
        {
            return $"needs a kernel that lets programs be loaded: {e.Message}";
        }
    }
}

/// <summary>Programs in this kernel count what a program of ours has seen for itself.</summary>
public class SymptomTests
{
    private const int Unreachable = 4444;
    private const int Count = 10_000;
    private static readonly string[] Reasons = ["abandoned", "local", "no_port", "refused", "timed_out", "unreachable"];

    /// <summary>10,000 of each, as IPv4, IPv6 and mapped, in a network namespace and a cgroup that are not the daemon's, while others connect and close.</summary>
    [BpfFact("dotnet", "nft")]
    public void Each_reason_is_counted_in_another_namespace_and_cgroup_while_others_connect()
    {
        using var network = new NetworkNamespace();
        using var others = new NetworkNamespace();
        using var cgroup = new TestCgroup("{0}.service");
        Reject(network);
        using var daemon = new RunningDaemon(others, "--collector.symptoms", "--collector.symptoms.interval=500ms");
        using var churn = new Lab(others, "churn", "--rate", "300");
        using var neighbour = new Lab(network, "churn", "--rate", "300");
        using var lab = new Lab(network, cgroup, "failures", "--count", $"{Count}", "--unreachable-port", $"{Unreachable}");

        MetricsText page = Settled(daemon, cgroup.Name);

        CountsAsTheLab(page, lab.Json, cgroup.Name, "dotnet", Count);
    }

    [BpfFact("dotnet")]
    public void A_full_table_loses_names_and_no_event()
    {
        using var network = new NetworkNamespace();
        using var counters = SymptomCounters.Open(new ProcFs("/proc"), "/sys", new SymptomBounds(Counts: 8, Pending: 4));
        using var lab = new Lab(network, "failures", "--count", "300", "--families", "v4,v6");

        counters.Read();

        counters.Keys.Length.ShouldBe(8);
        ulong counted = 0;
        for (int i = 0; i < counters.Keys.Length; i++)
        {
            counted += counters.Keys[i].Kind is >= SymptomKind.ConnectFailed and <= SymptomKind.Accepted ? counters.Values[i] : 0;
        }

        ulong lost = Enum.GetValues<SymptomKind>().Where(kind => kind is >= SymptomKind.ConnectFailed and <= SymptomKind.Accepted).Aggregate(0UL, (sum, kind) => sum + counters.LostOf(kind));
        ulong made = (ulong)((string[])["abandoned", "local", "no_port", "refused", "timed_out", "closed_first", "accepted"]).Sum(name => Lab.Number(lab.Json, name));
        lost.ShouldBeGreaterThan(0UL);
        // Answers that came in one interrupt can be missed, see docs/metrics.md.
        (counted + lost).ShouldBeGreaterThanOrEqualTo(made * 9 / 10, "this host's other connections are in it");
        counters.LostOf(SymptomKind.Unremembered).ShouldBeGreaterThan(0UL, "hundreds of connects at a time");
    }

    [BpfFact]
    public void What_the_verifier_refuses_is_broken_with_its_words()
    {
        KernelLayout layout = KernelBtf.Read("/sys", KernelLayout.Of);
        using var maps = SymptomMaps.Create(8, 8);

        // A member that lies far behind the socket.
        KernelReadException refusal = Should.Throw<KernelReadException>(() => BpfSystem.LoadProgram("conn_test", StateProgram.Write(layout with { Error = 30_000 }, maps, StateSide.Answers), BpfSystem.AtTracepoint, layout.StateTracepoint));

        refusal.Kind.ShouldBe(FailureKind.Broken);
        refusal.Message.ShouldContain("verifier");
        refusal.Message.ShouldContain("30000");
    }

    [BpfFact]
    public void What_hangs_at_a_function_is_counted_or_refused_by_name()
    {
        using var counters = SymptomCounters.Open(new ProcFs("/proc"), "/sys", SymptomBounds.Default);

        counters.Hooks.Select(hook => hook.Name).ShouldBe(["states", "accept", "descriptors", "bind"]);
        counters.Hooks[0].Failure.ShouldBeNull();

        // 6.18 here refuses each; what is refused is not broken.
        counters.Hooks.Where(hook => hook.Failure is not null).ShouldAllBe(hook => hook.Failure!.Kind != FailureKind.Broken && hook.Failure.Message.Contains("conn_trial"));
        counters.Read();
        counters.Keys.ToArray().ShouldNotContain(key => key.Kind == SymptomKind.None || (key.Port == 1 && key.Process == counters.Own!.Value.Process), "its own trials");
    }

    [KernelFact]
    public void Without_the_kernels_types_it_is_absent() =>
        Should.Throw<KernelReadException>(() => SymptomCounters.Open(new ProcFs("/proc"), "/nonexistent", SymptomBounds.Default)).Kind.ShouldBe(FailureKind.Absent);

    [BpfFact("setpriv")]
    public void Without_the_capabilities_it_is_denied_and_everything_else_goes_on()
    {
        using var network = new NetworkNamespace();

        var page = new MetricsText(network.Run("setpriv", ["--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin", .. Places.Program, "metrics", "--collector.symptoms"]));

        page.Value("conn_collector_outcome", "collector=\"symptoms\"", "outcome=\"denied\"").ShouldBe(1);
        page.Value("conn_collector_outcome", "collector=\"states\"", "outcome=\"ok\"").ShouldBe(1);
        page.Rows.ShouldNotContain(row => row.Name.StartsWith("conn_symptom", StringComparison.Ordinal) || row.Name == "conn_closes_first_total");
    }

    [BpfFact]
    public void It_is_off_unless_asked_for_and_then_nothing_is_loaded()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network);

        daemon.Scrape().Rows.ShouldNotContain(row => row.Name.StartsWith("conn_symptom", StringComparison.Ordinal) || row.Labels.Contains("collector=\"symptoms\""));
        LeftBy(daemon.ProcessId).ShouldBe(0);
    }

    [BpfFact]
    public void Killed_it_leaves_no_program_and_no_map()
    {
        using var network = new NetworkNamespace();
        int[] before = [.. IdsInTheKernel()];
        int[] during;
        using (var daemon = new RunningDaemon(network, "--collector.symptoms"))
        {
            LeftBy(daemon.ProcessId).ShouldBeGreaterThanOrEqualTo(5, "three maps, two programs and their links");
            during = [.. IdsInTheKernel().Except(before)];
            during.Length.ShouldBeGreaterThanOrEqualTo(5, "three maps and two programs");
            using var killed = Process.GetProcessById(daemon.ProcessId);
            killed.Kill();
            killed.WaitForExit(TimeSpan.FromSeconds(10)).ShouldBeTrue();
            daemon.AwaitExit();
        }

        Poll.Until(() => IdsInTheKernel().Intersect(during).Count(), left => left == 0, "programs and maps are gone", TimeSpan.FromSeconds(10));
    }

    /// <summary>What the page has of a unit is what the lab has seen.</summary>
    internal static void CountsAsTheLab(MetricsText page, string counts, string unit, string process, int count)
    {
        using var lab = JsonDocument.Parse(counts);
        int Of(string name) => lab.RootElement.GetProperty(name).GetInt32();

        // What processes do is counted exactly. Answers of the network come by interrupts: from Linux 6.1 on one that finds the program at work takes all that it brings
        // with it, some hundred at once; the kernel does not count each of these as missed (docs/metrics.md).
        void Same(double counted, int made, string name) => counted.ShouldBe(made, name);
        void Answered(double counted, int made, string name) => counted.ShouldBeInRange(made * 0.9, made, name);
        string[] labels = [$"process=\"{process}\"", $"unit=\"{unit}\""];
        foreach (string reason in Reasons)
        {
            Of(reason).ShouldBe(3 * count, reason);
            (reason is "refused" or "timed_out" or "unreachable" ? (Action<double, int, string>)Answered : Same)(page.Value("conn_connect_failures_total", [.. labels, $"reason=\"{reason}\""]), Of(reason), $"{reason}: {string.Join("; ", page.Rows.Where(row => row.Name.StartsWith("conn_connect", StringComparison.Ordinal)).Select(row => $"{row.Name} {string.Join(' ', row.Labels)} {row.Value}"))}");
        }

        Answered(page.Sum("conn_connect_failures_total", $"unit=\"{unit}\""), Reasons.Sum(Of), "and no other");
        Same(page.Sum("conn_closes_first_total", labels), Of("closed_first"), "closed first");
        page.Rows.Count(row => row.Name == "conn_closes_first_total" && row.Labels.Contains(labels[1])).ShouldBe(3, "one for each port that was connected to");
        Answered(page.Sum("conn_handshakes_accepted_total", labels[1]), Of("accepted"), "accepted");
        foreach ((string hook, string family, string name) in (ReadOnlySpan<(string, string, string)>)
            [("accept", "conn_accept_failures_total", "accept_failed"), ("descriptors", "conn_descriptor_failures_total", "descriptors"), ("bind", "conn_bind_failures_total", "bind_failed")])
        {
            if (page.Value("conn_symptom_hook_active", $"hook=\"{hook}\"") == 1)
            {
                Same(page.Sum(family, labels), Of(name), name);
            }
        }
    }

    // A port of the loopback addresses where the host is said to be unreachable.
    private static void Reject(NetworkNamespace network)
    {
        network.Run("nft", "add", "table", "inet", "t");
        network.Run("nft", "add", "chain", "inet", "t", "c", "{ type filter hook input priority 0; }");
        network.Run("nft", "add", "rule", "inet", "t", "c", "iif", "lo", "tcp", "dport", $"{Unreachable}", "reject", "with", "icmpx", "type", "host-unreachable");
    }

    // Two samples that agree: the lab is done, the daemon looks twice a second.
    private static MetricsText Settled(RunningDaemon daemon, string unit)
    {
        MetricsText page = daemon.Scrape();
        (double, double) Sums() => (page.Sum("conn_connect_failures_total", $"unit=\"{unit}\""), page.Value("conn_collector_last_success_timestamp_seconds", "collector=\"symptoms\""));
        (double Count, double At) before = Sums();
        Poll.Until(
            () =>
            {
                page = daemon.Scrape();
                return Sums();
            },
            now =>
            {
                bool settled = now.Item1 == before.Count && now.Item2 > before.At;
                before = now.Item2 > before.At ? now : before;
                return settled;
            },
            "the counts stand still");
        return page;
    }

    private static int LeftBy(int process) => Directory.GetFiles($"/proc/{process}/fdinfo").Count(IsMapOrProgram);

    private static bool IsMapOrProgram(string file)
    {
        try
        {
            return File.ReadLines(file).Any(line => line.StartsWith("map_id:", StringComparison.Ordinal) || line.StartsWith("prog_id:", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            // Closed meanwhile.
            return false;
        }
    }

    private static unsafe List<int> IdsInTheKernel()
    {
        // BPF_PROG_GET_NEXT_ID and BPF_MAP_GET_NEXT_ID: struct { u32 start, next, flags; }. Programs count from 0 on, maps from a million on.
        List<int> ids = [];
        uint* attributes = stackalloc uint[3];
        foreach ((int command, int add) in (ReadOnlySpan<(int, int)>)[(11, 0), (12, 1_000_000)])
        {
            new Span<uint>(attributes, 3).Clear();
            while (LibC.Bpf(command, attributes, 12) == 0)
            {
                attributes[0] = attributes[1];
                ids.Add((int)attributes[1] + add);
            }
        }

        return ids;
    }
}
