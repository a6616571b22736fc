using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Growth that went on for a long time: the floor rises, part by part. What comes and goes raises the peaks only.</summary>
/// <param name="From">The value at the beginning.</param>
/// <param name="To">The value at the end.</param>
/// <param name="Over">The time between.</param>
internal readonly record struct LastingGrowth(double From, double To, TimeSpan Over)
{
    private const int Parts = 5;

    // Less than this share of what was there before is no growth to speak of.
    private const double LeastShare = 0.1;

    // The first point is hardly ever at the beginning of the window.
    private const double Margin = 0.1;

    /// <summary>The growth of a gauge.</summary>
    /// <param name="memory">What is remembered of it.</param>
    /// <param name="gauge">Its name.</param>
    /// <param name="window">How long it must have grown.</param>
    /// <param name="least">By how much at least.</param>
    /// <returns>Null where it has not grown all along, or is not known for that long.</returns>
    public static LastingGrowth? Of(Memory memory, string gauge, TimeSpan window, double least)
    {
        HistoryPoint[] points = memory.HistoryOf(gauge, window * (1 + (2 * Margin)));
        if (points.Length < Parts || points[^1].At - points[0].At < window * (1 - Margin))
        {
            return null;
        }

        var growth = new LastingGrowth(points[0].Value, points[^1].Value, points[^1].At - points[0].At);
        return growth.To - growth.From >= Math.Max(least, growth.From * LeastShare) && FloorRises(points, growth.Over) ? growth : null;
    }

    private static bool FloorRises(HistoryPoint[] points, TimeSpan over)
    {
        double?[] floors = new double?[Parts];
        foreach (HistoryPoint point in points)
        {
            ref double? floor = ref floors[Math.Min(Parts - 1, (int)((point.At - points[0].At) / over * Parts))];
            floor = floor < point.Value ? floor : point.Value;
        }

        for (int i = 1; i < Parts; i++)
        {
            if (!(floors[i] > floors[i - 1]))
            {
                return false;
            }
        }

        return true;
    }
}
