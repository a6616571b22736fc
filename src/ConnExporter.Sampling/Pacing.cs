using System.Collections.Immutable;

namespace ConnExporter.Sampling;

/// <summary>What one collector asks of the CPU.</summary>
/// <param name="Interval">The interval that was asked for.</param>
/// <param name="Patience">How long its interval may become, as long as others have more patience; null for one that is cheap.</param>
/// <param name="Cost">CPU time of a sample.</param>
internal readonly record struct Load(TimeSpan Interval, TimeSpan? Patience, TimeSpan Cost);

/// <summary>Works out intervals by which samples fit into an allowance of CPU time. Pure.</summary>
internal static class Pacing
{
    private const int Steps = 50;
    private const double LongestStretch = 1e6;

    /// <summary>The shortest intervals, none below what was asked for, with which no window takes more than the allowance.</summary>
    /// <remarks>
    /// The cheap collectors come first, and keep their intervals while they take half of the allowance at most. Those with patience share the rest: all stretch by
    /// the same factor, each up to its patience. What is still too much is for those with the most patience alone, as long as the others take no more than half.
    /// Where what is left of a window is too little for a single sample of each of them, the allowance holds over longer times only.
    /// </remarks>
    /// <param name="loads">The collectors.</param>
    /// <param name="allowance">CPU time that they may take in any window.</param>
    /// <param name="window">The window.</param>
    /// <param name="isStrict">Whether the allowance holds in every window, not only over longer times.</param>
    /// <returns>An interval for each, in their order.</returns>
    public static ImmutableArray<TimeSpan> Intervals(ImmutableArray<Load> loads, TimeSpan allowance, TimeSpan window, out bool isStrict)
    {
        Load[] cheap = [.. loads.Where(load => load.Patience is null)];
        bool cheapFit = Cost(cheap) <= allowance / 2;
        double stretchOfCheap = Stretch(cheap, allowance / 2, window, cheapFit, AsWanted);
        TimeSpan rest = allowance - Taken(cheap, stretchOfCheap, window, cheapFit, AsWanted);

        Load[] patient = [.. loads.Where(load => load.Patience is not null)];
        TimeSpan? most = patient.Max(load => load.Patience);
        Load[] others = [.. patient.Where(load => load.Patience < most)];
        bool othersFit = Cost(others) <= rest / 2;
        double beyondPatience = Stretch(others, rest / 2, window, othersFit, AtPatience);
        TimeSpan room = rest - Taken(others, beyondPatience, window, othersFit, AtPatience);
        bool patientFit = othersFit && Cost([.. patient.Where(load => load.Patience == most)]) <= room;
        isStrict = cheapFit && patientFit;
        TimeSpan Bounded(Load load, double stretch)
        {
            TimeSpan interval = load.Interval * stretch;
            TimeSpan longest = AtPatience(load, beyondPatience);
            return load.Patience == most || interval < longest ? interval : longest;
        }

        double stretchOfPatient = Stretch(patient, rest, window, patientFit, Bounded);
        return [.. loads.Select(load => load.Patience is null ? AsWanted(load, stretchOfCheap) : Bounded(load, stretchOfPatient))];
    }

    private static TimeSpan Cost(Load[] loads) => loads.Aggregate(TimeSpan.Zero, (sum, load) => sum + load.Cost);

    private static TimeSpan AsWanted(Load load, double stretch) => load.Interval * stretch;

    private static TimeSpan AtPatience(Load load, double stretch) => (load.Patience > load.Interval ? load.Patience.Value : load.Interval) * stretch;

    // The least stretch with which it fits.
    private static double Stretch(Load[] loads, TimeSpan allowance, TimeSpan window, bool oneOfEachFits, Func<Load, double, TimeSpan> interval)
    {
        double tooLittle = 1;
        double enough = 1;
        while (Taken(loads, enough, window, oneOfEachFits, interval) > allowance && enough < LongestStretch)
        {
            tooLittle = enough;
            enough *= 2;
        }

        for (int i = 0; i < Steps && tooLittle < enough; i++)
        {
            double middle = (tooLittle + enough) / 2;
            if (Taken(loads, middle, window, oneOfEachFits, interval) > allowance)
            {
                tooLittle = middle;
            }
            else
            {
                enough = middle;
            }
        }

        return enough;
    }

    // The most that can fall into one window; where one sample of each is too much for it, what falls into it in the long run.
    private static TimeSpan Taken(Load[] loads, double stretch, TimeSpan window, bool oneOfEachFits, Func<Load, double, TimeSpan> interval)
    {
        double ticks = 0;
        foreach (Load load in loads)
        {
            double samples = window / interval(load, stretch);
            ticks += load.Cost.Ticks * (oneOfEachFits ? Math.Ceiling(samples) : samples);
        }

        return TimeSpan.FromTicks((long)ticks);
    }
}
