using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

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

/// <summary>
/// Connection tracking forgets an idle connection before its first keepalive probe. Where the entry held a translated address, or where strangers in
/// mid-stream are not picked up, the connection hangs.
/// </summary>
internal sealed class ConntrackTimeoutBelowKeepalive() : TuningRule("tuning_conntrack_timeout_below_keepalive", Severity.Info, Severity.Warning)
{
    private const ulong Hour = 3600;

    /// <summary>How long entries of idle connections must be kept so that keepalive probes find them, in seconds; null where it is not known when those are sent.</summary>
    public static ulong? Enough(Observation seen)
    {
        // Until the first probe, and as long again as all probes take; in whole hours.
        ulong probing = (seen.NumberOf(SettingCatalogue.KeepaliveInterval) ?? 75) * (seen.NumberOf(SettingCatalogue.KeepaliveProbes) ?? 9);
        return seen.NumberOf(SettingCatalogue.KeepaliveTime) is { } idle ? (idle + probing + Hour - 1) / Hour * Hour : null;
    }

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (settings.Number(SettingCatalogue.ConntrackEstablished) is not { } timeout || settings.Number(SettingCatalogue.KeepaliveTime) is not { } idle || timeout >= idle || Enough(seen) is not { } enough)
        {
            return null;
        }

        return Tell(
            settings.Number(SettingCatalogue.ConntrackLoose) == 0 ? Severity.Warning : Severity.Info,
            settings,
            [SettingCatalogue.ConntrackEstablished, SettingCatalogue.KeepaliveTime, SettingCatalogue.ConntrackLoose]) with
        {
            Remedies =
            [
                new Remedy("tuning_earlier_keepalive", RemedyKind.Application),
                .. HostCommand.Change(new Remedy("tuning_longer_conntrack_timeout", RemedyKind.Platform), HostCommand.Raise(seen, SettingCatalogue.ConntrackEstablished, enough)),
            ],
        };
    }
}
