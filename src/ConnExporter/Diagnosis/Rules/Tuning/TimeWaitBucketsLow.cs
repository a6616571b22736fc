using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

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
