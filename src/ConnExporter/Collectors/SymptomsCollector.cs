using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>
/// The symptoms themselves, counted by programs in the kernel while they happen (docs/security.md says what these read): connects that failed, who closes first,
/// which handshakes were completed. Of the whole host, whatever network namespace.
/// </summary>
internal sealed class SymptomsCollector : Collector
{
    // Trying costs the reading of the kernel's types; what refused once mostly refuses again.
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMinutes(5);

    private readonly Func<SymptomCounters>? open;
    private readonly CgroupTree cgroups;
    private readonly SymptomTotals totals;
    private SymptomCounters? counters;
    private KernelReadException? refusal;
    private long refusedAt;

    public SymptomsCollector(KernelSource kernel)
    {
        open = kernel.OpenSymptoms;
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot, kernel.Pods);
        totals = new SymptomTotals(UnitOf);
    }

    public override Reading Collect(CollectContext context)
    {
        SymptomCounters loaded = counters ??= Open(context.Time);
        loaded.Read();
        cgroups.BeginRound();
        ReadOnlySpan<SymptomKey> keys = loaded.Keys;
        for (int i = 0; i < keys.Length; i++)
        {
            totals.Take(keys[i], loaded.Values[i], context.Time);
        }

        foreach (SymptomKind kind in Enum.GetValues<SymptomKind>())
        {
            totals.TakeLost(kind, loaded.LostOf(kind));
        }

        // Three quarters: what comes until the next sample still finds room.
        if (keys.Length > loaded.Bound / 4 * 3)
        {
            totals.TakeIdle(keys, context.Time).ForEach(loaded.Forget);
        }

        foreach ((string family, int count) in totals.TakeLeftOut())
        {
            context.Drop(family, count);
        }

        context.Note(loaded.Hooks.Any(hook => hook.Failure is not null)
            ? $"not counted on this kernel: {string.Join("; ", loaded.Hooks.Where(hook => hook.Failure is not null).Select(hook => $"{hook.Name} ({hook.Failure!.Message})"))}"
            : null);
        return totals.ToReading(loaded.Hooks);
    }

    public override void Close()
    {
        counters?.Dispose();
        counters = null;
        refusal = null;
        totals.Restart();
        cgroups.Dispose();
    }

    private SymptomCounters Open(TimeProvider time)
    {
        if (refusal is not null && time.GetElapsedTime(refusedAt) < TryAgainAfter)
        {
            throw refusal;
        }

        try
        {
            SymptomCounters opened = open?.Invoke() ?? throw new KernelReadException(FailureKind.Absent, "absent", "no program is loaded into this kernel: it is a recorded one");
            refusal = null;
            totals.Own = opened.Own;
            return opened;
        }
        catch (KernelReadException e)
        {
            refusal = e;
            refusedAt = time.GetTimestamp();
            throw;
        }
    }

    private string UnitOf(ulong cgroup) => CgroupTree.Tells(cgroup) ? cgroups.Find(cgroup)?.Unit ?? UnitName.None : UnitName.None;
}

/// <summary>What the programs have counted so far.</summary>
internal sealed class SymptomsReading : Reading
{
    /// <summary>Connects that failed.</summary>
    internal static readonly MetricFamily ConnectFailures = MetricFamily.Counter(
        "conn_connect_failures_total", "connect() of TCP that failed: for want of an ephemeral port (no_port), refused, timed_out, unreachable, closed before there was an answer (abandoned), within this host though it had a port (local), other.", "process", "unit", "reason");

    /// <summary>The same by port.</summary>
    internal static readonly MetricFamily ConnectPortFailures = MetricFamily.Counter("conn_connect_port_failures_total", "The same by the port that was asked for.", "port", "reason");

    /// <summary>Who closes first.</summary>
    internal static readonly MetricFamily ClosesFirst = MetricFamily.Counter(
        "conn_closes_first_total", "Connections that this side closed before the peer did, so that TIME_WAIT is on this side; port is the one that was connected to.", "process", "unit", "port");

    /// <summary>Handshakes completed.</summary>
    internal static readonly MetricFamily HandshakesAccepted = MetricFamily.Counter("conn_handshakes_accepted_total", "Connections that came in, counted when their handshake was completed; unit is the listening socket's.", "unit", "port");

    /// <summary>accept() that failed.</summary>
    internal static readonly MetricFamily AcceptFailures = MetricFamily.Counter(
        "conn_accept_failures_total", "accept() that failed: the process had no descriptor left (process_descriptors), the host had none (system_descriptors), aborted, other. That nothing waits is none. Where this kernel lets it be counted.", "process", "unit", "reason");

    /// <summary>EMFILE.</summary>
    internal static readonly MetricFamily DescriptorFailures = MetricFamily.Counter("conn_descriptor_failures_total", "Descriptors that a process did not get because it had as many as it may (EMFILE), whatever it asked for. Where this kernel lets it be counted.", "process", "unit");

    /// <summary>EADDRINUSE.</summary>
    internal static readonly MetricFamily BindFailures = MetricFamily.Counter("conn_bind_failures_total", "bind() and listen() of TCP that found the port taken; with port 0 no port was free. Where this kernel lets it be counted.", "process", "unit", "port");

    private static readonly MetricFamily HooksActive = MetricFamily.Gauge("conn_symptom_hook_active", "1 where the kernel lets be counted: states (connects, closes, handshakes), accept, descriptors, bind; 0 where it does not, and the log says why.", "hook");

    private static readonly MetricFamily LostUpdates = MetricFamily.Counter("conn_symptom_updates_lost_total", "Of all these those that found no room in the kernel's table, which are in the rows other or have no process, and those that no program was called for.");

    /// <summary>Process, unit and reason.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Connects { get; init; }

    /// <summary>Port and reason.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> ConnectPorts { get; init; }

    /// <summary>Process, unit and port.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Closes { get; init; }

    /// <summary>Unit and port.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Accepted { get; init; }

    /// <summary>Process, unit and reason of accept().</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Accepts { get; init; }

    /// <summary>Process and unit.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Descriptors { get; init; }

    /// <summary>Process, unit and port of bind().</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Binds { get; init; }

    /// <summary>Where in the kernel is counted, and where not.</summary>
    public required ImmutableArray<SymptomHook> Hooks { get; init; }

    /// <summary>Updates that found no room.</summary>
    public required ulong Lost { get; init; }

    public override void Write(ExpositionWriter page)
    {
        foreach ((SymptomLabels labels, ulong count) in Connects)
        {
            page.Write(ConnectFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in ConnectPorts)
        {
            page.Write(ConnectPortFailures, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in Closes)
        {
            page.Write(ClosesFirst, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in Accepted)
        {
            page.Write(HandshakesAccepted, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in Accepts)
        {
            page.Write(AcceptFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in Descriptors)
        {
            page.Write(DescriptorFailures, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in Binds)
        {
            page.Write(BindFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach (SymptomHook hook in Hooks)
        {
            page.Write(HooksActive, hook.Failure is null ? 1u : 0u, hook.Name);
        }

        page.Write(LostUpdates, Lost);
    }
}
