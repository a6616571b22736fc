using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A process is near its soft limit of open files: accept(), connect() and open() fail with EMFILE.</summary>
internal sealed class ProcessDescriptorsExhausting() : ExhaustingRule("process_descriptors_exhausting", ResourceKind.ProcessFileDescriptors)
{
    // What a service that serves thousands of connections is commonly given.
    private const ulong Ample = 65_536;

    // Connections that cannot be made or that nobody closes are what fills descriptors.
    public override ImmutableArray<string> Causes => ["close_wait_leak", "established_leak", "ephemeral_ports_exhausting", "slow_peer"];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        ProcessesReading.Row? row = seen.Processes?.Rows.FirstOrDefault(row => ResourceReadings.NameOf(row) == instance.Name);
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("descriptors_of_process", instance), .. Group(row)],
            Holders = instance.Holder is { } holder ? [holder] : [],
            Remedies = [.. Remedies(seen, instance, row)],
            Settings = ["fs.nr_open"],
        };
    }

    private static IEnumerable<Fact> Group(ProcessesReading.Row? row)
    {
        if (row is { Processes: > 1 })
        {
            yield return new Fact("descriptors_of_group", ("processes", row.Processes), ("descriptors", row.Descriptors));
        }
    }

    private static IEnumerable<Remedy> Remedies(Observation seen, ResourceInstance instance, ProcessesReading.Row? row)
    {
        ulong highest = seen.Descriptors?.HighestProcessLimit ?? 1_048_576;
        if (row?.WorstProcessId is { } pid)
        {
            // The soft limit alone counts; the hard one stays where it is unless it is in the way.
            ulong soft = Math.Min(Math.Max(row.WorstLimit, 512) * 2, highest);
            ulong hard = Math.Max(row.WorstHardLimit ?? soft, soft);
            if (soft > row.WorstLimit)
            {
                yield return new Remedy("raise_nofile_now", RemedyKind.Grace, $"prlimit --pid {pid} --nofile={soft}:{Math.Min(hard, highest)}")
                {
                    Values = [("limit", soft)],
                    Buys = instance.TimeWonBy(soft),
                };
            }

            yield return new Remedy(
                "find_descriptor_leak",
                RemedyKind.Application,
                $"find /proc/{pid}/fd -type l -printf '%l\\n' | sed 's/[0-9][0-9]*/N/g' | sort | uniq -c | sort -rn | head",
                $"ss -tanp | grep 'pid={pid},' | awk '{{print $1}}' | sort | uniq -c | sort -rn");
        }

        ulong lasting = Math.Min(Math.Max(Ample, (ulong)instance.Limit * 2), highest);
        yield return row?.Unit.EndsWith(".service", StringComparison.Ordinal) == true
            ? new Remedy(
                "raise_nofile_of_unit",
                RemedyKind.Room,
                $"mkdir -p /etc/systemd/system/{row.Unit}.d",
                $"printf '[Service]\\nLimitNOFILE={lasting}\\n' >/etc/systemd/system/{row.Unit}.d/nofile.conf",
                "systemctl daemon-reload",
                $"systemctl show -p LimitNOFILE {row.Unit}")
            { Values = [("unit", row.Unit), ("limit", lasting)] }
            : new Remedy("raise_nofile_where_started", RemedyKind.Room) { Values = [("limit", lasting)] };
    }
}
