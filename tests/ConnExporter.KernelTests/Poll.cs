using System.Diagnostics;

namespace ConnExporter.KernelTests;

/// <summary>Waits for something to become true, never for a time to pass.</summary>
internal static class Poll
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks again until <paramref name="done"/> holds.</summary>
    /// <returns>The value for which it does.</returns>
    public static T Until<T>(Func<T> read, Func<T, bool> done, string what, TimeSpan? patience = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            T value = read();
            if (done(value))
            {
                return value;
            }

            TimeSpan waited = Stopwatch.GetElapsedTime(start);
            if (waited > (patience ?? TimeSpan.FromSeconds(20)))
            {
                throw new TimeoutException($"{what}: still {value} after {waited.TotalSeconds:F0} s");
            }

            Thread.Sleep(Pause);
        }
    }

    /// <summary>Reads until two readings in a row are the same.</summary>
    public static T UntilStill<T>(Func<T> read, string what)
        where T : IEquatable<T>
    {
        T before = read();
        return Until(
            read,
            now =>
            {
                bool same = now.Equals(before);
                before = now;
                return same;
            },
            what);
    }
}
