using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Diagnosis;

namespace ConnExporter.Configuration;

/// <summary>The settings <c>diagnosis.*</c>: when something is a finding.</summary>
internal static class ThresholdSettings
{
    private static readonly ImmutableArray<Entry> Entries =
    [
        Ratio("warning-ratio", t => t.WarningRatio, (t, v) => t with { WarningRatio = v }, "Used share of a resource that is a warning."),
        Ratio("critical-ratio", t => t.CriticalRatio, (t, v) => t with { CriticalRatio = v }, "Used share of a resource that is critical."),
        Duration("warning-forecast", t => t.WarningForecast, (t, v) => t with { WarningForecast = v }, "A resource that will be used up within this time is a warning."),
        Duration("critical-forecast", t => t.CriticalForecast, (t, v) => t with { CriticalForecast = v }, "A resource that will be used up within this time is critical."),
        Duration("for", t => t.For, (t, v) => t with { For = v }, "How long a condition must last before it is a finding."),
        Duration("linger", t => t.Linger, (t, v) => t with { Linger = v }, "How long it must be gone before the finding ends."),
        Duration("drop-window", t => t.DropWindow, (t, v) => t with { DropWindow = v }, "The time over which overflows and drops are counted; any is a warning."),
        Ratio("critical-drop-rate", t => t.CriticalDropRate, (t, v) => t with { CriticalDropRate = v }, "Overflows or drops a second, over that time, beyond which they are critical.") with { Highest = 1_000_000 },
        Count("close-wait-warning", t => t.CloseWaitWarning, (t, v) => t with { CloseWaitWarning = v }, "CLOSE_WAIT sockets that are a warning once the oldest is old."),
        Count("close-wait-critical", t => t.CloseWaitCritical, (t, v) => t with { CloseWaitCritical = v }, "CLOSE_WAIT sockets that are critical once the oldest is old."),
        Duration("close-wait-age", t => t.CloseWaitAge, (t, v) => t with { CloseWaitAge = v }, "The age from which a CLOSE_WAIT socket is old."),
        Count("syn-sent", t => t.SynSent, (t, v) => t with { SynSent = v }, "SYN_SENT sockets that are a warning."),
        Count("unanswered-destinations", t => t.UnansweredDestinations, (t, v) => t with { UnansweredDestinations = v }, "Different destinations without an answer that look like a scan."),
        Count("syn-received", t => t.SynReceived, (t, v) => t with { SynReceived = v }, "Waiting handshakes of one listener from which a SYN flood is suspected."),
        Ratio("retransmit-ratio", t => t.RetransmitRatio, (t, v) => t with { RetransmitRatio = v }, "Share of retransmitted segments that is a warning."),
        Duration("retransmit-window", t => t.RetransmitWindow, (t, v) => t with { RetransmitWindow = v }, "The time over which that share is taken."),
        Count("established", t => t.Established, (t, v) => t with { Established = v }, "ESTABLISHED sockets that are worth a note."),
        Duration("leak-growth", t => t.LeakGrowth, (t, v) => t with { LeakGrowth = v }, "How long ESTABLISHED or CLOSE_WAIT must grow to be called a leak that goes on."),
        Count("stalled", t => t.Stalled, (t, v) => t with { Stalled = v }, "Stalled sockets that are a warning."),
        Count("process-storm", t => t.ProcessStorm, (t, v) => t with { ProcessStorm = v }, "Processes of one name, each with connections, that are a warning."),
    ];

    /// <summary>As settings, with the defaults of <see cref="Thresholds"/>.</summary>
    public static ImmutableArray<Setting> All { get; } = [.. Entries.Select(entry => new Setting(entry.Key, entry.Kind, entry.Default, entry.Help))];

    /// <summary>The thresholds that were given.</summary>
    /// <param name="one">Gives the value in force of a setting.</param>
    /// <exception cref="ConfigurationException">One is out of its bounds.</exception>
    public static Thresholds Read(Func<string, Given> one) => Entries.Aggregate(new Thresholds(), (thresholds, entry) => entry.Set(thresholds, one(entry.Key)));

    /// <summary>The highest value of a setting of the kinds Ratio and Count.</summary>
    public static double HighestOf(string key) => Entries.First(entry => entry.Key == key).Highest;

    private static Entry Ratio(string key, Func<Thresholds, double> get, Func<Thresholds, double, Thresholds> set, string help) =>
        new("diagnosis." + key, SettingKind.Ratio, get(new Thresholds()).ToString(CultureInfo.InvariantCulture), help, (thresholds, given) => set(thresholds, Values.Ratio(given)));

    private static Entry Duration(string key, Func<Thresholds, TimeSpan> get, Func<Thresholds, TimeSpan, Thresholds> set, string help) =>
        new("diagnosis." + key, SettingKind.Interval, Values.Format(get(new Thresholds())), help, (thresholds, given) => set(thresholds, Values.Interval(given)));

    private static Entry Count(string key, Func<Thresholds, int> get, Func<Thresholds, int, Thresholds> set, string help) =>
        new("diagnosis." + key, SettingKind.Count, get(new Thresholds()).ToString(CultureInfo.InvariantCulture), help, (thresholds, given) => set(thresholds, Values.Count(given))) { Highest = 100_000_000 };

    private sealed record Entry(string Key, SettingKind Kind, string Default, string Help, Func<Thresholds, Given, Thresholds> Set)
    {
        public double Highest { get; init; } = 1;
    }
}
