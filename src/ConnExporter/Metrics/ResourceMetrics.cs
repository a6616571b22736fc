using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Metrics;

/// <summary>What the page says of resources.</summary>
internal static class ResourceMetrics
{
    private static readonly MetricFamily Used = MetricFamily.Gauge("conn_resource_used_ratio", "How much of the worst instance is used now, 1 being all.", "resource", "netns");

    private static readonly MetricFamily Peak = MetricFamily.Gauge("conn_resource_peak_ratio", "The highest ratio of any instance in the last 60 s.", "resource", "netns");

    private static readonly MetricFamily Exhaustion = MetricFamily.Gauge(
        "conn_resource_exhaustion_seconds", "Forecast time until the first instance is used up. Left out while none grows.", "resource", "netns");

    private static readonly MetricFamily WorstInfo = MetricFamily.Gauge(
        "conn_resource_worst_info", "Always 1, with the worst instance and who holds it, empty where that is not known.", "resource", "netns", "resource_instance", "holder");

    public static void Write(ExpositionWriter page, IReadOnlyCollection<Resource> resources)
    {
        foreach (Resource resource in resources)
        {
            string kind = resource.Kind.Label();
            page.Write(Used, resource.Worst.UsedRatio, kind, resource.Netns);
            page.Write(Peak, resource.PeakRatio, kind, resource.Netns);
            if (resource.FirstToGo is { Exhaustion: { } left })
            {
                page.Write(Exhaustion, left.TotalSeconds, kind, resource.Netns);
            }

            page.Write(WorstInfo, 1, kind, resource.Netns, resource.Worst.Name, resource.Worst.Holder is { } holder ? Visible.Name(holder.Label) : "");
        }
    }
}
