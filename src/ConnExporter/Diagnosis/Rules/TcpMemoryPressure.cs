using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Kernel.Proc;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>TCP buffers of the host are above the pressure value of tcp_mem: windows shrink; at the limit data is dropped and connections are aborted.</summary>
internal sealed class TcpMemoryPressure() : ExhaustingRule("tcp_memory_pressure", ResourceKind.TcpMemory)
{
    private const int HoldersShown = 3;

    public override ImmutableArray<string> Causes => ["slow_reader", "slow_peer"];

    protected override Severity? SeverityOf(Observation seen, ResourceInstance instance, Severity? held)
    {
        double pressure = PressureOf(seen) ?? instance.Limit;

        // The peak: the counters tell of the last minute too. Aborts below the pressure value are of orphans.
        bool isAbove = instance.Used >= pressure * (held is null ? 1 : 1 - Shares.Hysteresis);
        bool wasAbove = Math.Max(instance.Peak, instance.Used) >= pressure;
        return (isAbove || wasAbove) && RiseOf(seen, "TCPAbortOnMemory") is not null ? Severity.Critical
            : base.SeverityOf(seen, instance, held) ?? (isAbove || RiseOf(seen, "TCPMemoryPressures") is not null ? Severity.Warning : null);
    }

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        var larger = new Remedy("raise_tcp_mem", severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room, [.. Larger(seen)])
        {
            Values = [("limit", new Bytes(instance.Limit * 2))],
            Buys = instance.TimeWonBy(instance.Limit * 2),
        };
        var read = new Remedy("read_and_bound_buffers", RemedyKind.Application);
        var smaller = new Remedy(
            "smaller_tcp_buffers",
            RemedyKind.Platform,
            HostCommand.Sysctl(seen, "net.ipv4.tcp_rmem", "4096 131072 2097152"),
            HostCommand.Sysctl(seen, "net.ipv4.tcp_wmem", "4096 16384 2097152"));
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("tcp_memory", instance, bytes => new Bytes(bytes)), .. Pressure(seen), .. Rises(seen), .. Queued(seen)],
            Holders = [.. Holders(seen)],
            Remedies = larger.Kind == RemedyKind.Grace ? [larger, read, smaller] : [read, larger, smaller],
            Settings = ["net.ipv4.tcp_mem", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"],
        };
    }

    private static double? PressureOf(Observation seen) => seen.SockStat?.Limits?.PressurePages * (double)SystemClock.PageSize;

    private static Rise? RiseOf(Observation seen, string counter) => seen.Memory.RiseOf(counter, seen.Thresholds.DropWindow) is { Count: > 0 } rise ? rise : null;

    private static ImmutableArray<Fact> Pressure(Observation seen) => PressureOf(seen) is { } pressure ? [new Fact("tcp_memory_pressure_at", ("pressure", new Bytes(pressure)))] : [];

    private static IEnumerable<Fact> Rises(Observation seen)
    {
        if (RiseOf(seen, "TCPMemoryPressures") is { } pressures)
        {
            yield return new Fact("tcp_memory_pressures", ("count", (ulong)pressures.Count), ("over", pressures.Over));
        }

        if (RiseOf(seen, "TCPAbortOnMemory") is { } aborts)
        {
            yield return new Fact("aborts_on_memory", ("count", (ulong)aborts.Count), ("over", aborts.Over));
        }
    }

    private static ImmutableArray<Fact> Queued(Observation seen) => seen.Census is { } census
        ? [new Fact("tcp_memory_queues", ("received", new Bytes(census.ReceivedBytes)), ("sent", new Bytes(census.SentBytes)))]
        : [];

    private static string[] Larger(Observation seen) => seen.SockStat?.Limits is { } limits
        ? [HostCommand.SysctlOfHost("net.ipv4.tcp_mem", $"{limits.LowPages * 2} {limits.PressurePages * 2} {limits.LimitPages * 2}")]
        : [];

    // The kernel does not tell whose the memory is; who has most sockets is the first to look at.
    private static IEnumerable<Holder> Holders(Observation seen) => (seen.Census?.Processes ?? [])
        .Where(row => row.Process != Labels.Other)
        .Select(row => Holder.Of(row.Process, row.Unit) with { Count = row.States.Aggregate(0ul, (sum, count) => sum + count) })
        .OrderByDescending(holder => holder.Count)
        .Take(HoldersShown);
}
