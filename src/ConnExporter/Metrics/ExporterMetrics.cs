using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.State;

namespace ConnExporter.Metrics;

/// <summary>What the exporter says about itself: its build, its configuration, and how each collector stands.</summary>
internal static class ExporterMetrics
{
    private static readonly MetricFamily BuildInfo = MetricFamily.Gauge(
        "conn_exporter_build_info", "Always 1, with the version that runs.", "version", "revision", "runtime");

    private static readonly MetricFamily ReloadOk = MetricFamily.Gauge(
        "conn_exporter_config_last_reload_successful", "1 while the configuration in force is the one that was read last, 0 while a newer one could not be used.");

    private static readonly MetricFamily LoadedAt = MetricFamily.Gauge(
        "conn_exporter_config_last_reload_success_timestamp_seconds", "When the configuration in force was read.");

    private static readonly MetricFamily WebConfigOk = MetricFamily.Gauge(
        "conn_exporter_web_config_last_reload_successful", "1 while the web configuration and certificates in force are the newest, 0 while newer ones could not be used. Left out without a web configuration.");

    private static readonly MetricFamily CertificateExpiry = MetricFamily.Gauge(
        "conn_exporter_certificate_expiry_timestamp_seconds", "When the certificate in force expires. Left out without TLS.");

    private static readonly MetricFamily Connections = MetricFamily.Gauge("conn_exporter_connections", "Connections to this exporter that are open.");

    private static readonly MetricFamily ConnectionsClosed = MetricFamily.Counter(
        "conn_exporter_connections_closed_total", "Connections that this exporter refused or closed for the sake of the others, by reason.", "reason");

    private static readonly MetricFamily RequestsRefused = MetricFamily.Counter(
        "conn_exporter_requests_refused_total", "Requests that this exporter turned away, by reason.", "reason");

    private static readonly MetricFamily LogLinesDropped = MetricFamily.Counter(
        "conn_exporter_log_lines_dropped_total", "Lines of this exporter's log that were lost: nobody read them, or they could not be written.");

    private static readonly MetricFamily CollectorOutcome = MetricFamily.Gauge(
        "conn_collector_outcome", "1 for the outcome that holds, 0 for the others. No row is 1 before a collector's first sample has ended.", "collector", "outcome");

    private static readonly MetricFamily LastSuccess = MetricFamily.Gauge(
        "conn_collector_last_success_timestamp_seconds", "When the newest good reading was taken.", "collector");

    private static readonly MetricFamily Duration = MetricFamily.Gauge(
        "conn_collector_duration_seconds", "How long the newest sample took.", "collector");

    private static readonly MetricFamily Cpu = MetricFamily.Counter(
        "conn_collector_cpu_seconds_total", "CPU time of the collector's thread in its samples.", "collector");

    private static readonly MetricFamily Interval = MetricFamily.Gauge(
        "conn_collector_interval_seconds", "Interval in force; the CPU budget may have stretched it.", "collector");

    private static readonly MetricFamily CpuBudget = MetricFamily.Gauge(
        "conn_sampling_cpu_budget_ratio", "Share of one core that the collectors may take over any five minutes.");

    private static readonly MetricFamily Errors = MetricFamily.Counter(
        "conn_collector_errors_total", "Samples that gave no reading, and values left out of good ones, by reason.", "collector", "reason");

    private static readonly MetricFamily Dropped = MetricFamily.Counter(
        "conn_series_dropped_total", "Label sets left out of samples because a family had reached its bound.", "family");

    private static readonly (Outcome Outcome, string Label)[] Outcomes =
    [
        (Outcome.Ok, "ok"), (Outcome.Absent, "absent"), (Outcome.Denied, "denied"), (Outcome.Broken, "broken"), (Outcome.Stuck, "stuck"),
    ];

    public static void Write(ExpositionWriter page, ExporterState exporter)
    {
        Snapshot snapshot = exporter.Snapshot;
        page.Write(BuildInfo, 1, BuildVersion.Version, BuildVersion.Revision, BuildVersion.Runtime);
        page.Write(ReloadOk, exporter.Configuration.LastReloadOk ? 1 : 0);
        page.Write(LoadedAt, UnixSeconds(exporter.Configuration.LoadedAt));
        WriteWeb(page, exporter.Web);
        page.Write(LogLinesDropped, exporter.DroppedLogLines);
        foreach (CollectorState state in snapshot.Collectors)
        {
            foreach ((Outcome outcome, string label) in Outcomes)
            {
                page.Write(CollectorOutcome, state.Outcome == outcome ? 1 : 0, state.Name, label);
            }
        }

        foreach (CollectorState state in snapshot.Collectors)
        {
            if (state.LastSuccess is { } at)
            {
                page.Write(LastSuccess, UnixSeconds(at), state.Name);
            }
        }

        foreach (CollectorState state in snapshot.Collectors)
        {
            if (state.Outcome is not null)
            {
                page.Write(Duration, state.Duration.TotalSeconds, state.Name);
            }
        }

        foreach (CollectorState state in snapshot.Collectors)
        {
            page.Write(Cpu, state.CpuTime.TotalSeconds, state.Name);
        }

        foreach (CollectorState state in snapshot.Collectors)
        {
            page.Write(Interval, state.Interval.TotalSeconds, state.Name);
        }

        if (snapshot.CpuBudget is { } budget)
        {
            page.Write(CpuBudget, budget);
        }

        foreach (CollectorState state in snapshot.Collectors)
        {
            for (int i = 0; i < state.Errors.Length; i++)
            {
                page.Write(Errors, state.Errors[i], state.Name, KernelReadException.Reasons[i]);
            }
        }

        // Two collectors may bound one family.
        foreach (IGrouping<string, KeyValuePair<string, ulong>> dropped in snapshot.Collectors.SelectMany(state => state.Dropped).GroupBy(dropped => dropped.Key))
        {
            page.Write(Dropped, dropped.Aggregate(0ul, (sum, dropped) => sum + dropped.Value), dropped.Key);
        }
    }

    private static void WriteWeb(ExpositionWriter page, WebState web)
    {
        if (web.AccessFilesOk is { } ok)
        {
            page.Write(WebConfigOk, ok ? 1 : 0);
        }

        if (web.CertificateExpires is { } expires)
        {
            page.Write(CertificateExpiry, UnixSeconds(expires));
        }

        page.Write(Connections, web.Connections);
        page.Write(ConnectionsClosed, web.OverBound, "limit");
        page.Write(ConnectionsClosed, web.OverClientBound, "address_limit");
        page.Write(ConnectionsClosed, web.WithoutDescriptor, "descriptors");
        page.Write(ConnectionsClosed, web.GivenUp, "given_up");
        page.Write(ConnectionsClosed, web.Silent, "silent");
        page.Write(ConnectionsClosed, web.Slow, "slow");
        page.Write(ConnectionsClosed, web.Handshake, "handshake");
        page.Write(RequestsRefused, web.Busy, "busy");
        page.Write(RequestsRefused, web.Guessing, "guessing");
        page.Write(RequestsRefused, web.OverRate, "rate_limit");
        page.Write(RequestsRefused, web.Unauthorized, "unauthorized");
    }

    private static double UnixSeconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;
}
