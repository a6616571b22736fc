using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>The table may hold many entries for each bucket of its hash: every packet walks a long chain once it fills. Happens where only nf_conntrack_max was raised.</summary>
internal sealed class ConntrackBucketsFew() : TuningRule("tuning_conntrack_buckets_few", Severity.Info)
{
    // The kernel's own proportion is 1 to 4 entries a bucket.
    private const ulong Usual = 4;
    private const ulong TooMany = 8;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (settings.Number(SettingCatalogue.ConntrackMax) is not { } max || settings.Number(SettingCatalogue.ConntrackBuckets) is not { } buckets || buckets == 0 || max <= buckets * TooMany)
        {
            return null;
        }

        return Tell(Severity.Info, settings, [SettingCatalogue.ConntrackMax, SettingCatalogue.ConntrackBuckets], new Fact("tuning_entries_a_bucket", ("entries", max / buckets))) with
        {
            Remedies = [.. HostCommand.Change(new Remedy("tuning_more_buckets", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.ConntrackBuckets, max / Usual))],
        };
    }
}
