namespace ConnExporter.Sampling.Collectors;

/// <summary>How many connections were opened since a moment of the last quarter of an hour: readings of Tcp: ActiveOpens with their times, the oldest ones forgotten. For one thread.</summary>
internal sealed class OpensHistory
{
    private const int Kept = 64;
    private readonly Queue<(long At, ulong Opens)> readings = new();
    private ulong? newest;

    /// <summary>Takes note of a reading.</summary>
    /// <param name="at">Its monotonic time.</param>
    /// <param name="opens">The counter; null where it was not read, which leaves a gap.</param>
    public void Add(long at, ulong? opens)
    {
        // A counter that has gone back began anew: what it had risen by before is lost.
        if (opens is not { } known || known < newest)
        {
            readings.Clear();
            newest = opens;
        }

        if (opens is { } value)
        {
            newest = value;
            readings.Enqueue((at, value));
            if (readings.Count > Kept)
            {
                readings.Dequeue();
            }
        }
    }

    /// <summary>Connections opened since then, rather too many than too few.</summary>
    /// <param name="at">Monotonic time.</param>
    /// <returns>Null where it is not known.</returns>
    public ulong? Since(long at)
    {
        ulong? before = null;
        foreach ((long when, ulong opens) in readings)
        {
            before = when <= at ? opens : before;
        }

        return newest - before;
    }
}
