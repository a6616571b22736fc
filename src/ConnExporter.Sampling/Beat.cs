namespace ConnExporter.Sampling;

/// <summary>The instants at which threads wake: the whole seconds of the monotonic clock.</summary>
/// <remarks>
/// What each wakes for takes less time than to get its code and data back into the processor's caches. Those that wake together share what they have in
/// common, which is worth a tenth of what an idle host pays.
/// </remarks>
internal static class Beat
{
    /// <summary>How long to wait for the next turn.</summary>
    /// <param name="start">When the last turn began, as a timestamp of the clock.</param>
    /// <param name="interval">The time from turn to turn; one that is no multiple of a second is kept as it is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="after">How long after the whole second.</param>
    /// <returns>The time; negative where the turn is overdue. The first one is shorter than the interval by up to a second.</returns>
    public static TimeSpan Until(long start, TimeSpan interval, TimeProvider time, TimeSpan after = default)
    {
        TimeSpan gone = time.GetElapsedTime(start);
        if (interval.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            return interval - gone;
        }

        TimeSpan sinceStart = time.GetElapsedTime(0, start) - after;
        return interval - gone - new TimeSpan(sinceStart.Ticks % TimeSpan.TicksPerSecond);
    }
}
