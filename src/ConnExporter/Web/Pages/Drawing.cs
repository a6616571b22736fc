using System.Collections.Immutable;
using System.Text;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;

namespace ConnExporter.Web.Pages;

/// <summary>Drawings as SVG in the page, without styles of their own: the Content-Security-Policy allows none.</summary>
internal static class Drawing
{
    private const double Width = 120;
    private const double Height = 24;

    // Two points a pixel would not show and would make the page heavy.
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(15);

    // A change of less than this share of the limit is no event, and is not to look like one.
    private const double SmallestRange = 0.1;

    /// <summary>How much is used, with a mark at the peak. Says nothing that does not stand beside it in numbers.</summary>
    public static HtmlWriter Bar(double used, double peak)
    {
        var svg = new HtmlWriter();
        svg.Add($"""<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="{Percent(used)}" height="8"/>""");
        if (peak > used)
        {
            svg.Add($"""<rect class="mark" x="{Percent(Math.Max(0, Math.Min(1, peak) - 0.01))}" width="1" height="8"/>""");
        }

        svg.Add($"</svg>");
        return svg;
    }

    /// <summary>The last ten minutes; the right edge is now.</summary>
    /// <param name="history">Oldest first.</param>
    /// <param name="limit">The limit, drawn where it is in sight.</param>
    /// <param name="description">What it shows, in words.</param>
    public static HtmlWriter Sparkline(ImmutableArray<HistoryValue> history, double limit, string description)
    {
        var svg = new HtmlWriter();
        svg.Add($"""<svg class="spark" viewBox="0 0 {(int)Width} {(int)Height}" preserveAspectRatio="none" role="img"><title>{description}</title>""");
        if (!history.IsEmpty)
        {
            double lowest = history.Min(point => point.Value);
            double range = Math.Max(history.Max(point => point.Value) - lowest, Math.Max(limit * SmallestRange, 1));
            lowest = Math.Max(0, lowest - (range * 0.1));
            range *= 1.2;
            double limitAt = Y(limit, lowest, range);
            if (limitAt is >= 0 and <= Height)
            {
                svg.Add($"""<path class="limit" d="M0 {PageFormat.Number(limitAt)}H{(int)Width}"/>""");
            }

            svg.Add($"""<path d="{Path(history, lowest, range)}"/>""");
        }

        svg.Add($"</svg>");
        return svg;
    }

    private static string Path(ImmutableArray<HistoryValue> history, double lowest, double range)
    {
        var path = new StringBuilder();
        (double X, double Y) before = (-1, -1);
        double skipped = -1;
        for (int i = 0; i < history.Length; i++)
        {
            // The highest of a step; the newest point always.
            double value = history[i].Value;
            long step = history[i].Age.Ticks / Step.Ticks;
            while (i + 1 < history.Length && history[i + 1].Age.Ticks / Step.Ticks == step)
            {
                value = Math.Max(value, history[++i].Value);
            }

            double x = Math.Round(Math.Clamp(Width * (1 - (history[i].Age / ResourceTracker.Length)), 0, Width), 1);
            double y = Math.Round(Y(value, lowest, range), 1);
            if (before.X >= 0 && y == before.Y && i + 1 < history.Length)
            {
                // On a level stretch its ends are enough.
                skipped = x;
                continue;
            }

            if (skipped >= 0 && y != before.Y)
            {
                Append(path, 'L', skipped, before.Y);
            }

            Append(path, before.X < 0 ? 'M' : 'L', x, y);
            before = (x, y);
            skipped = -1;
        }

        // A single point would not show: a stroke as wide as the line is thick.
        return path.Append(before.X >= 0 && history.Length == 1 ? "h.1" : "").ToString();
    }

    private static void Append(StringBuilder path, char command, double x, double y) => path.Append(command).Append(PageFormat.Number(x)).Append(' ').Append(PageFormat.Number(y));

    private static double Y(double value, double lowest, double range) => Height - ((value - lowest) / range * Height);

    private static string Percent(double ratio) => PageFormat.Number(Math.Clamp(ratio, 0, 1) * 100);
}
