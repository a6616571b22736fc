using ConnExporter.Diagnosis;
using ConnExporter.Sampling;

namespace ConnExporter.Metrics;

/// <summary>What the page says of findings.</summary>
internal static class FindingMetrics
{
    private static readonly MetricFamily Holds = MetricFamily.Gauge(
        "conn_finding", "1 while the finding holds at that severity, else 0. Left out where it does not hold by what was seen and something that it rests on was not seen, or is switched off, and until it was looked at for long enough after a start: that is no 0. Other network namespaces have rows where it held in the last hour.", "finding", "severity", "netns");

    private static readonly MetricFamily Begun = MetricFamily.Counter("conn_findings_total", "Times that the finding began at that severity, or rose to it.", "finding", "severity", "netns");

    private static readonly MetricFamily Info = MetricFamily.Gauge(
        "conn_finding_info", "Always 1, while the finding holds: who holds most of it, and the listener, process or destination it is about.", "finding", "netns", "holder", "evidence");

    private static readonly MetricFamily Judged = MetricFamily.Gauge("conn_diagnosis_timestamp_seconds", "When resources and findings were judged last; it stands still where that fails.");

    public static void Write(ExpositionWriter page, DiagnosisReport report)
    {
        page.Write(Judged, (report.At - DateTimeOffset.UnixEpoch).TotalSeconds);
        foreach (FindingCount count in report.Counts.Where(count => count.IsKnown))
        {
            page.Write(Holds, count.Holds ? 1 : 0, count.Id, count.Severity.Label(), count.Netns);
        }

        foreach (FindingCount count in report.Counts)
        {
            page.Write(Begun, count.Begun, count.Id, count.Severity.Label(), count.Netns);
        }

        foreach (Finding finding in report.Findings)
        {
            page.Write(Info, 1, finding.Id, finding.Netns, finding.Verdict.Holders.FirstOrDefault() is { } holder ? Visible.Name(holder.Label) : "", finding.Verdict.Instance);
        }
    }
}
