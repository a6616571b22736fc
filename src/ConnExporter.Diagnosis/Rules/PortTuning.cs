using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Outgoing connections may sit on the ports of well-known services. The kernel takes such a range only once net.ipv4.ip_unprivileged_port_start was lowered.</summary>
internal sealed class RangeBelow1024() : TuningRule("tuning_range_below_1024", Severity.Warning)
{
    private const ushort FirstUnprivileged = 1024;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (seen.Ports is not { Range: var range } || range.First >= FirstUnprivileged)
        {
            return null;
        }

        // What is left of a narrow one would be the next note: then the kernel's own, which is what that asks for.
        PortRange? left = range.Last > FirstUnprivileged ? PortCommands.Even(range with { First = FirstUnprivileged }) : null;
        PortRange better = left is { } rest && rest.Count >= PortCommands.Default.Count ? rest : PortCommands.Default;
        return Tell(Severity.Warning, settings, [SettingCatalogue.PortRange, SettingCatalogue.ReservedPorts]) with
        {
            Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_move_range", RemedyKind.Room), better)],
        };
    }
}

/// <summary>A range smaller than the kernel's own, as some set it to force reuse: it only brings exhaustion sooner.</summary>
internal sealed class RangeNarrowed() : TuningRule("tuning_range_narrowed", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        seen.Ports is { Range: var range } && range.Count < PortCommands.Default.Count
            ? Tell(Severity.Info, settings, [SettingCatalogue.PortRange], new Fact("tuning_range_size", ("count", range.Count), ("default", PortCommands.Default.Count))) with
            {
                Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_default_range", RemedyKind.Room), PortCommands.Default)],
            }
            : null;
}

/// <summary>A service listens on a port that the kernel also hands out: when it starts anew, a connection may sit there, and bind() fails (docs/kernel-facts.md §12).</summary>
internal sealed class RangeOverlapsListeners() : TuningRule("tuning_range_overlaps_listeners", Severity.Info)
{
    private const int Named = 10;

    public override ImmutableArray<Input> Inputs => [Input.Settings, Input.Ports, Input.Listeners];

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (seen.Ports is not { } ports || seen.Listeners is not { } listeners)
        {
            return null;
        }

        ImmutableArray<ushort> overlapping = PortCommands.Unreserved(seen, ports.Range);
        if (overlapping.IsEmpty)
        {
            return null;
        }

        string list = string.Join(", ", overlapping.Take(Named).Select(port => port.ToString(CultureInfo.InvariantCulture))) + (overlapping.Length > Named ? ", …" : "");
        return Tell(Severity.Info, settings, [SettingCatalogue.PortRange, SettingCatalogue.ReservedPorts], new Fact("tuning_overlapping_ports", ("count", overlapping.Length), ("ports", list))) with
        {
            Holders = [.. listeners.Rows.Where(row => overlapping.Contains(ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture)))
                .Select(row => HolderOf(seen, row)).OfType<Holder>().Distinct().Take(Named)],
            Remedies = [.. HostCommand.Change(new Remedy("tuning_reserve_ports", RemedyKind.Room), PortCommands.Reserve(seen, ports.Reserved, overlapping))],
        };
    }
}

/// <summary>
/// connect() tries the ports of the first one's parity and then the others, bind() the other way about; with an odd number of ports each attempt
/// leaves one of them out (docs/kernel-facts.md §3). The kernel itself logs <c>prefer different parity for start/end values</c> (net/ipv4/sysctl_net_ipv4.c:set_local_port_range).
/// </summary>
internal sealed class RangeSameParity() : TuningRule("tuning_range_same_parity", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        seen.Ports is { Range: var range } && (range.First ^ range.Last) % 2 == 0 && range.Count > 1
            ? Tell(Severity.Info, settings, [SettingCatalogue.PortRange]) with
            {
                Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_even_range", RemedyKind.Room), PortCommands.Even(range))],
            }
            : null;
}

/// <summary>Reuse of TIME_WAIT tells old segments from new ones by their timestamps; without them it does nothing.</summary>
internal sealed class ReuseWithoutTimestamps() : TuningRule("tuning_tw_reuse_without_timestamps", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.TimeWaitReuse) == 1 && settings.Number(SettingCatalogue.Timestamps) == 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.TimeWaitReuse, SettingCatalogue.Timestamps]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_timestamps_on", RemedyKind.Reuse), HostCommand.Set(seen, SettingCatalogue.Timestamps, 1))],
            }
            : null;
}

/// <summary>Set to shorten TIME_WAIT, which it does not: that is 60 s, fixed in the mainline kernel; that of Alibaba Cloud Linux 2 and 3 has tcp_tw_timeout for it. It governs FIN_WAIT2 sockets that no process holds (docs/kernel-facts.md §3).</summary>
internal sealed class FinTimeoutLowered() : TuningRule("tuning_fin_timeout_lowered", Severity.Info)
{
    private const int Default = 60;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.FinTimeout) < Default
            ? Tell(Severity.Info, settings, [SettingCatalogue.FinTimeout, SettingCatalogue.TimeWaitTimeout]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_default_fin_timeout", RemedyKind.Platform), HostCommand.Raise(seen, SettingCatalogue.FinTimeout, Default))],
            }
            : null;
}

/// <summary>
/// A limit far below the kernel's, 5,000 as a rule, which some images of cloud hosts bring along: beyond it connections close without TIME_WAIT, so that
/// old segments can reach new ones.
/// </summary>
internal sealed class TimeWaitBucketsLow() : TuningRule("tuning_tw_buckets_low", Severity.Info)
{
    private const ulong Low = 16_384;
    private const ulong Ample = 262_144;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        // On a small host the kernel's own limit is low. It starts with as many as it does orphans (net/ipv4/tcp.c:tcp_init).
        ulong? orphans = seen.Host.Settings?.Number(SettingCatalogue.MaxOrphans);
        return settings.Number(SettingCatalogue.MaxTimeWait) is { } limit && limit < Low && (settings.AssignmentOf(SettingCatalogue.MaxTimeWait) is not null || limit < orphans / 2)
            ? Tell(Severity.Info, settings, [SettingCatalogue.MaxTimeWait]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_more_tw_buckets", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.MaxTimeWait, Ample))],
            }
            : null;
    }
}

/// <summary>
/// TIME_WAIT lasts other than 60 s: the kernel of Alibaba Cloud Linux 2 and 3 has a sysctl for it (1 to 600 s, by the vendor's documentation). Longer than 60 s ports
/// come back later than everybody reckons; a few seconds are less than segments may be under way.
/// </summary>
internal sealed class TimeWaitTimeoutChanged() : TuningRule("tuning_tw_timeout_changed", Severity.Info)
{
    private const ulong Default = 60;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.TimeWaitTimeout) is { } seconds && seconds != Default
            ? Tell(Severity.Info, settings, [SettingCatalogue.TimeWaitTimeout], new Fact(seconds < Default ? "tw_timeout_shorter" : "tw_timeout_longer", ("length", TimeSpan.FromSeconds(seconds)))) with
            {
                Remedies = seconds is >= TimeWaitStorm.Short and < Default
                    ? []
                    : [.. HostCommand.Change(new Remedy("tuning_default_tw_timeout", RemedyKind.Platform), HostCommand.Set(seen, SettingCatalogue.TimeWaitTimeout, Default))],
            }
            : null;
}
