using ConnExporter.State;

namespace ConnExporter.Metrics;

/// <summary>What the page says of the flight recorder.</summary>
internal static class RecorderMetrics
{
    private static readonly MetricFamily Incidents = MetricFamily.Counter("conn_incidents_total", "Incidents that began: from the first warning until none was left.");

    private static readonly MetricFamily Enabled = MetricFamily.Gauge("conn_recorder_enabled", "Whether incidents are recorded: 0 where no directory is named.");

    private static readonly MetricFamily Records = MetricFamily.Counter(
        "conn_recorder_records_total", "Records of incidents, by whether they were written or failed: disk full, read-only, hanging.", "result");

    public static void Write(ExpositionWriter page, RecorderState recorder)
    {
        page.Write(Incidents, recorder.Incidents);
        page.Write(Enabled, recorder.Enabled ? 1 : 0);
        page.Write(Records, recorder.Written, "written");
        page.Write(Records, recorder.Failed, "failed");
    }
}
