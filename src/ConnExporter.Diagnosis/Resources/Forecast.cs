namespace ConnExporter.Diagnosis.Resources;

/// <summary>Growth by the slope that half of all pairs of points exceed (Theil–Sen), which neither a burst nor a gap can bend.</summary>
/// <remarks>
/// The longest of these windows counts in which the value grew all along: a fill that began a minute ago must not be diluted by the nine quiet
/// minutes before it, one that ended must not be carried on, and slow growth is seen over a long window only.
/// </remarks>
internal static class Forecast
{
    /// <summary>Fewer points can rise one after the other by chance.</summary>
    public const int FewestPoints = 7;

    // Pairs grow with the square of the points.
    private const int MostPoints = 48;

    // How far the slopes of the parts may be from that of the whole.
    private const double Steady = 3;
    private static readonly TimeSpan[] Windows = [TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(2.5), TimeSpan.FromSeconds(105)];

    // The test of Mann and Kendall: of all pairs of points so many more must rise than fall that chance does not do it, here once in a thousand times.
    private const double Significance = 3;
    private const double FewestRising = 0.8;

    // Of what is left at least this share must have been used up within the window: nobody sees further ahead than that.
    private const double Horizon = 0.01;

    // Half of all pairs of even points are more than 0.29 of the window apart: the median slope cannot make more of the way between the lowest and the
    // highest than this. Of uneven points it could, but what it adds was not used up.
    private const double MostOfRange = 4;

    /// <summary>The growth a second.</summary>
    /// <param name="points">The newest ten minutes, oldest first.</param>
    /// <param name="limit">What it grows towards.</param>
    /// <returns>Null where it does not grow, or by too little to tell.</returns>
    public static double? Growth(ReadOnlySpan<HistoryPoint> points, double limit)
    {
        if (points.IsEmpty)
        {
            return null;
        }

        HistoryPoint newest = points[^1];
        int used = int.MaxValue;
        foreach (TimeSpan window in Windows)
        {
            int from = 0;
            while (points[from].At < newest.At - window)
            {
                from++;
            }

            ReadOnlySpan<HistoryPoint> within = points[from..];
            if (within.Length < FewestPoints)
            {
                return null;
            }

            // A longer window with the same points was no better.
            if (within.Length == used)
            {
                continue;
            }

            used = within.Length;
            if (RangeOf(within) * MostOfRange < (limit - newest.Value) * Horizon)
            {
                // Most resources hardly move at all: those are not worth a thousand slopes.
                continue;
            }

            double slope = Slope(within);
            double grown = slope * (newest.At - within[0].At).TotalSeconds;
            if (slope > 0 && grown >= (limit - newest.Value) * Horizon && GrowsAllAlong(within, slope) && IsNoChance(within))
            {
                return slope;
            }
        }

        return null;
    }

    /// <summary>The time until the limit at that growth.</summary>
    /// <returns>Zero where it is reached.</returns>
    public static TimeSpan TimeTo(double limit, double value, double growthPerSecond) => TimeSpan.FromSeconds(Math.Clamp((limit - value) / growthPerSecond, 0, TimeSpan.FromDays(365).TotalSeconds));

    /// <summary>The median slope of all pairs, of evenly chosen points where there are many.</summary>
    public static double Slope(ReadOnlySpan<HistoryPoint> points)
    {
        int count = Math.Min(points.Length, MostPoints);
        double[] slopes = new double[count * (count - 1) / 2];
        int filled = 0;
        for (int i = 0; i < count; i++)
        {
            HistoryPoint early = Pick(points, i, count);
            for (int j = i + 1; j < count; j++)
            {
                HistoryPoint late = Pick(points, j, count);
                slopes[filled++] = (late.Value - early.Value) / (late.At - early.At).TotalSeconds;
            }
        }

        Array.Sort(slopes);
        return filled == 0 ? 0 : (slopes[(filled - 1) / 2] + slopes[filled / 2]) / 2;
    }

    private static double RangeOf(ReadOnlySpan<HistoryPoint> points)
    {
        double lowest = double.MaxValue;
        double highest = double.MinValue;
        foreach (HistoryPoint point in points)
        {
            lowest = Math.Min(lowest, point.Value);
            highest = Math.Max(highest, point.Value);
        }

        return highest - lowest;
    }

    private static bool IsNoChance(ReadOnlySpan<HistoryPoint> points)
    {
        int count = Math.Min(points.Length, MostPoints);
        int surplus = 0;
        for (int i = 0; i < count; i++)
        {
            double early = Pick(points, i, count).Value;
            for (int j = i + 1; j < count; j++)
            {
                surplus += Math.Sign(Pick(points, j, count).Value - early);
            }
        }

        // The deviation of the surplus where there is no trend.
        double deviation = Math.Sqrt(count * (count - 1) * ((2 * count) + 5) / 18.0);
        return surplus >= Significance * deviation && surplus >= FewestRising * count * (count - 1) / 2;
    }

    // The end points are always among them.
    private static HistoryPoint Pick(ReadOnlySpan<HistoryPoint> points, int index, int count) => points[count == 1 ? 0 : (int)((long)index * (points.Length - 1) / (count - 1))];

    // The halves, and the newest quarter, must rise about as fast as the whole.
    private static bool GrowsAllAlong(ReadOnlySpan<HistoryPoint> points, double slope)
    {
        int half = points.Length / 2;
        return IsLike(slope, points[..(half + 1)]) && IsLike(slope, points[half..]) && IsLike(slope, points[^Math.Max(3, points.Length / 4)..]);
    }

    private static bool IsLike(double slope, ReadOnlySpan<HistoryPoint> part)
    {
        double own = Slope(part);
        return own > slope / Steady && own < slope * Steady;
    }
}
