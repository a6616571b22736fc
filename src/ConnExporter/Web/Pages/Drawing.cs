using System.Collections.Immutable;
using System.Text;
using ConnExporter.Resources;

namespace ConnExporter.Web.Pages;

/// <summary>Drawings as SVG in the page, without styles of their own: the Content-Security-Policy allows none.</summary>
internal static class Drawing
{
    private const double Width = 120;
    private const double Height = 24;

    // Two points a pixel would not show and would make the page heavy.
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(10);

    // A change of less than this share of the limit is no event, and is not to look like one.
    private const double SmallestRange = 0.1;

    /// <summary>How much is used, with a mark at the peak. Says nothing that does not stand beside it in numbers.</summary>
    public static HtmlWriter Bar(double used, double peak)
    {
        var svg = new HtmlWriter();
        svg.Add($"""<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="value" width="{Percent(used)}" height="8"/>""");
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
        svg.Add($"""<svg class="spark" viewBox="0 0 {(int)Width} {(int)Height}" preserveAspectRatio="none" role="img" aria-label="{description}"><title>{description}</title>""");
        if (!history.IsEmpty)
        {
            double lowest = history.Min(point => point.Value);
            double range = Math.Max(history.Max(point => point.Value) - lowest, Math.Max(limit * SmallestRange, 1));
            lowest = Math.Max(0, lowest - (range * 0.1));
            range *= 1.2;
            string line = Path(history, lowest, range, out double first, out double last);
            double limitAt = Y(limit, lowest, range);
            if (limitAt is >= 0 and <= Height)
            {
                svg.Add($"""<path class="limit" d="M0 {PageFormat.Number(limitAt)}H{(int)Width}"/>""");
            }

            svg.Add($"""<path class="area" d="{line}L{PageFormat.Number(last)} {(int)Height}H{PageFormat.Number(first)}Z"/><path class="line" d="{line}"/>""");
        }

        svg.Add($"</svg>");
        return svg;
    }

    private static string Path(ImmutableArray<HistoryValue> history, double lowest, double range, out double first, out double last)
    {
        var path = new StringBuilder();
        first = last = 0;
        long slot = long.MinValue;
        for (int i = 0; i < history.Length; i++)
        {
            // The highest of a step; the newest point always.
            double value = history[i].Value;
            long own = history[i].Age.Ticks / Step.Ticks;
            while (i + 1 < history.Length && history[i + 1].Age.Ticks / Step.Ticks == own)
            {
                value = Math.Max(value, history[++i].Value);
            }

            double x = Math.Round(Math.Clamp(Width * (1 - (history[i].Age / ResourceTracker.Length)), 0, Width), 1);
            path.Append(slot == long.MinValue ? 'M' : 'L').Append(PageFormat.Number(x)).Append(' ').Append(PageFormat.Number(Math.Round(Y(value, lowest, range), 1)));
            first = slot == long.MinValue ? x : first;
            last = x;
            slot = own;
        }

        return path.ToString();
    }

    private static double Y(double value, double lowest, double range) => Height - ((value - lowest) / range * Height);

    private static string Percent(double ratio) => PageFormat.Number(Math.Clamp(ratio, 0, 1) * 100);
}
