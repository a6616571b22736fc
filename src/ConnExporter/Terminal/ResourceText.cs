using System.Text.Json;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>A resource in a document of <see cref="Json.ReportJson"/>.</summary>
internal static class ResourceText
{
    /// <summary>From here on a resource is worth a line.</summary>
    public const double Half = 0.5;

    /// <summary>From here on it is nearly full.</summary>
    public const double NearlyFull = 0.8;

    /// <summary>The resource that is counted in bytes.</summary>
    public const string Memory = "tcp_memory";

    private const double Full = 0.95;

    // Beyond a day growth is no news.
    private static readonly TimeSpan MostForecast = TimeSpan.FromDays(1);

    /// <summary>The colour of a bar.</summary>
    public static string SeverityOf(double ratio) => ratio >= Full ? "critical" : ratio >= NearlyFull ? "warning" : "ok";

    /// <summary>How long it lasts at its present growth; null where it does not grow, or lasts for more than a day.</summary>
    /// <param name="instance">A resource, or an instance of one.</param>
    public static TimeSpan? LeftOf(JsonElement instance) => Seconds(instance, "exhaustion_seconds") is { } left && left < MostForecast ? left : null;

    /// <summary>Where and whose the worst instance is; empty for the host's own.</summary>
    public static string PlaceOf(JsonElement resource)
    {
        JsonElement worst = WorstOf(resource);
        bool isOwn = Text(resource, "netns") == KernelSource.OwnNamespace;
        string instance = Text(worst, "instance");
        bool isOnly = instance == ResourceInstance.Host;
        if (isOnly && isOwn)
        {
            return "";
        }

        string holder = worst.GetProperty("holder") is { ValueKind: JsonValueKind.Object } known ? Visible.Name(Optional(known, "unit") ?? Text(known, "name")) : "";
        string where = isOwn ? "" : $"netns {Visible.Name(Text(resource, "netns"))}{(isOnly ? "" : ": ")}";
        instance = isOnly ? "" : instance;
        return where + instance + (holder.Length > 0 && !instance.Contains(holder, StringComparison.Ordinal) ? $" ({holder})" : "");
    }
}
