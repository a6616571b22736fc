using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Remedies for a process at its limit of descriptors. They know its limits, those of the host, and lower none.</summary>
internal static class DescriptorRemedies
{
    // What a service that serves thousands of connections is commonly given.
    private const ulong Ample = 65_536;
    private const ulong Fewest = 512;

    // The most that fs.nr_open can be (fs/file.c:sysctl_nr_open_max).
    private const ulong MostOfAll = 0x7fff_ffc0;

    /// <summary>The remedies for one process.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="instance">Its descriptors.</param>
    /// <param name="row">Its group, of which it is the worst; null where it is not known any more.</param>
    public static IEnumerable<Remedy> Of(Observation seen, ResourceInstance instance, ProcessesReading.Row? row)
    {
        if (row?.WorstProcessId is { } pid)
        {
            foreach (Remedy now in Now(seen, instance, row, pid))
            {
                yield return now;
            }

            yield return new Remedy(
                "find_descriptor_leak",
                RemedyKind.Application,
                ShellCommand.Of("find", $"/proc/{pid}/fd", "-type", "l", "-printf", @"%l\n").Into("sed", "s/[0-9][0-9]*/N/g").Into("sort").Into("uniq", "-c").Into("sort", "-rn").Into("head"),
                ShellCommand.Of("ss", "-tanp").Into("grep", $"pid={pid},").Into("awk", "{print $1}").Into("sort").Into("uniq", "-c").Into("sort", "-rn"));
        }

        yield return Lasting(seen, (ulong)instance.Limit, row);
    }

    /// <summary>A step that raises the limits of a running process.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="soft">The new soft limit.</param>
    /// <param name="hard">The hard limit with it; empty for the one in force.</param>
    public static SettingStep Prlimit(int pid, ulong soft, string hard) =>
        new("", $"RLIMIT_NOFILE of {pid}", $"{soft}:{hard}", soft, SettingWay.Raise, ShellCommand.Of("prlimit", "--pid", $"{pid}", $"--nofile={soft}:{hard}"));

    private static IEnumerable<Remedy> Now(Observation seen, ResourceInstance instance, ProcessesReading.Row row, int pid)
    {
        // The soft limit alone counts; the hard one stays where it is unless it is in the way.
        (ulong soft, SettingStep? room) = Within(seen, Math.Max(row.WorstLimit, row.Worst), Math.Max(Math.Max(row.WorstLimit, row.Worst), Fewest) * 2);
        ulong? highest = seen.NumberOf(SettingCatalogue.NrOpen);
        ulong? hard = row.WorstHardLimit switch
        {
            null => null,
            ulong.MaxValue => Math.Max(highest ?? soft, soft),
            { } known => Math.Max(known, soft),
        };

        // No limit can be set while the hard one is above fs.nr_open, which somebody has lowered since (kernel/sys.c:do_prlimit).
        room = hard > (highest ?? ulong.MaxValue) && !(room?.Reach >= hard) ? HostCommand.Raise(seen, SettingCatalogue.NrOpen, Math.Min(hard.Value, MostOfAll)) : room;
        return soft <= row.WorstLimit ? [] : HostCommand.Change(
            new Remedy("raise_nofile_now", RemedyKind.Grace)
            {
                Values = [("limit", soft)],
                Buys = instance.TimeWonBy(soft),
                Notes = [.. Presumed(seen, soft), .. hard is null ? [new Fact("hard_limit_not_read", ("limit", soft))] : Array.Empty<Fact>()],
            },
            room,
            Prlimit(pid, soft, $"{hard}"));
    }

    private static Remedy Lasting(Observation seen, ulong limit, ProcessesReading.Row? row)
    {
        (ulong lasting, SettingStep? room) = Within(seen, Math.Max(limit, row?.Worst ?? 0), Math.Max(Ample, Math.Max(limit, row?.Worst ?? 0) * 2));
        if (HostUnits.ServiceOf(seen, row?.Unit) is not { } service)
        {
            var remedy = new Remedy("raise_nofile_where_started", RemedyKind.Room) { Values = [("limit", lasting)], Notes = [.. Presumed(seen, lasting)] };
            return HostCommand.Change(remedy, room).DefaultIfEmpty(remedy).Single();
        }

        // One number is both limits; a hard limit above it stays.
        string both = row?.WorstHardLimit is { } hard && hard > lasting ? $"{lasting}:{(hard == ulong.MaxValue ? "infinity" : $"{hard}")}" : $"{lasting}";
        return new Remedy(
            "raise_nofile_of_unit",
            RemedyKind.Room,
            [
                .. room is null ? Array.Empty<ShellCommand>() : [room.Command],
                ShellCommand.Of("mkdir", "-p", $"/etc/systemd/system/{service}.d"),

                // A file of its own: what somebody has set in another one stays, and goes before this where its name comes later.
                ShellCommand.Of("printf", $@"[Service]\nLimitNOFILE={both}\n").To($"/etc/systemd/system/{service}.d/50-conn-exporter-nofile.conf"),
                ShellCommand.Of("systemctl", "daemon-reload"),
                ShellCommand.Of("systemctl", "show", "-p", "LimitNOFILE").On(service),
            ])
        {
            Values = [("unit", service), ("limit", lasting)],
            Steps = room is null ? [] : [room],
            Notes = [.. Presumed(seen, lasting)],
        };
    }

    // As far as fs.nr_open permits; where that is no more than there is already, that first.
    private static (ulong Limit, SettingStep? Room) Within(Observation seen, ulong limit, ulong wanted)
    {
        wanted = Math.Min(wanted, MostOfAll);
        return seen.NumberOf(SettingCatalogue.NrOpen) is not { } highest ? (wanted, null)
            : Math.Min(wanted, highest) > limit ? (Math.Min(wanted, highest), null)
            : (wanted, HostCommand.Raise(seen, SettingCatalogue.NrOpen, wanted));
    }

    private static IEnumerable<Fact> Presumed(Observation seen, ulong limit)
    {
        if (seen.NumberOf(SettingCatalogue.NrOpen) is null)
        {
            yield return new Fact("nr_open_not_read", ("limit", limit));
        }
    }
}
