using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>TCP buffers of the host are above the pressure value of tcp_mem: windows shrink; at the limit data is dropped and connections are aborted.</summary>
internal sealed class TcpMemoryPressure() : ExhaustingRule("tcp_memory_pressure", ResourceKind.TcpMemory)
{
    private const int HoldersShown = 3;
    private const double Above = 1.25;
    private const long LargestBuffer = 2 * 1024 * 1024;

    public override ImmutableArray<Input> Inputs => [Input.MemoryLimits, Input.Counter("TCPMemoryPressures"), Input.Counter("TCPAbortOnMemory")];

    public override ImmutableArray<string> Causes => ["slow_reader", "slow_peer"];

    protected override Severity? SeverityOf(Observation seen, ResourceInstance instance, Severity? held)
    {
        double pressure = PressureOf(seen) ?? instance.Limit;

        // The peak: the counters tell of the last minute too. Aborts below the pressure value are of orphans; above it few are a warning.
        bool isAbove = instance.Used >= pressure * (held is null ? 1 : 1 - Shares.Hysteresis);
        bool wasAbove = Math.Max(instance.Peak, instance.Used) >= pressure;
        return (isAbove || wasAbove) && RiseOf(seen, "TCPAbortOnMemory")?.SeverityFor(seen.Thresholds) == Severity.Critical ? Severity.Critical
            : base.SeverityOf(seen, instance, held) ?? (isAbove || RiseOf(seen, "TCPMemoryPressures") is not null || (wasAbove && RiseOf(seen, "TCPAbortOnMemory") is not null) ? Severity.Warning : null);
    }

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        MemoryLimits? roomy = Roomy(seen, instance);
        double limit = roomy?.LimitPages * (double)SystemClock.PageSize ?? instance.Roomy;
        var larger = new Remedy("raise_tcp_mem", KindOfRoom(seen, severity, instance))
        {
            Values = [("limit", new Bytes(limit))],
            Buys = instance.TimeWonBy(limit),
        };
        var read = new Remedy("read_and_bound_buffers", RemedyKind.Application);
        var smaller = new Remedy("smaller_tcp_buffers", RemedyKind.Platform);
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("tcp_memory", instance, bytes => new Bytes(bytes)), .. Pressure(seen), .. Rises(seen), .. Queued(seen)],
            Holders = [.. Holders(seen)],
            Remedies = InOrder(
            [
                read,
                .. HostCommand.Change(
                    larger,
                    roomy is { } limits ? HostCommand.Step(seen, SettingCatalogue.TcpMemory, $"{limits.LowPages} {limits.PressurePages} {limits.LimitPages}", limits.LimitPages, SettingWay.Raise) : null),
                .. HostCommand.Change(smaller, Smaller(seen, SettingCatalogue.ReceiveBuffer, "4096 131072"), Smaller(seen, SettingCatalogue.SendBuffer, "4096 16384")),
            ]),
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

    // Low and pressure by the same factor: twice, or as far as it takes to be above what is used. The limit only as far as it must.
    private static MemoryLimits? Roomy(Observation seen, ResourceInstance instance)
    {
        if (seen.SockStat?.Limits is not { } limits)
        {
            return null;
        }

        double used = instance.Used / SystemClock.PageSize;
        ulong factor = (ulong)Math.Ceiling(Math.Max(2, used * Above / Math.Max(1, limits.PressurePages)));
        ulong pressure = limits.PressurePages * factor;
        return new(limits.LowPages * factor, pressure, Math.Max(pressure, (ulong)(instance.Roomy / SystemClock.PageSize)));
    }

    // The last of three values; the others are kept where they were read and are no more than that.
    private static SettingStep? Smaller(Observation seen, string name, string usual)
    {
        long[] inForce = [.. (seen.SettingOf(name) ?? "").Split(' ').Select(word => long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : 0)];
        return inForce is [var least, var first, var most]
            ? most <= LargestBuffer ? null : HostCommand.Step(seen, name, $"{Math.Min(least, LargestBuffer)} {Math.Min(first, LargestBuffer)} {LargestBuffer}", -LargestBuffer, SettingWay.Lower)
            : HostCommand.Step(seen, name, $"{usual} {LargestBuffer}", -LargestBuffer, SettingWay.Lower);
    }

    // The kernel does not tell whose the memory is; who has most sockets is the first to look at.
    private static IEnumerable<Holder> Holders(Observation seen) => (seen.Census?.Processes ?? [])
        .Where(row => row.Process != Labels.Other)
        .Select(row => Holder.Of(row.Process, row.Unit) with { Count = row.States.Aggregate(0ul, (sum, count) => sum + count) })
        .OrderByDescending(holder => holder.Count)
        .Take(HoldersShown);
}
