using ConnExporter.Kernel;

namespace ConnExporter.Sampling;

/// <summary>Breaks up a long walk: after a few hundredths of a second of CPU time it sleeps, so that others get the processor. The kernel keeps the place in a dump meanwhile and holds no lock. For one thread.</summary>
/// <param name="sleeps">Whether it does; a single look is in a hurry.</param>
internal sealed class Pauses(bool sleeps)
{
    private const int RecordsAtOnce = 512;
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(70);
    private TimeSpan begun;
    private int taken;

    /// <summary>A walk begins.</summary>
    public void Begin() => (begun, taken) = (ThreadClock.CpuTime(), 0);

    /// <summary>Takes note of records that were read; sleeps where it is time.</summary>
    public void Took(int records)
    {
        taken += records;
        if (!sleeps || taken < RecordsAtOnce)
        {
            return;
        }

        taken = 0;
        if (ThreadClock.CpuTime() - begun >= Burst)
        {
            Thread.Sleep(Pause);
            begun = ThreadClock.CpuTime();
        }
    }
}
