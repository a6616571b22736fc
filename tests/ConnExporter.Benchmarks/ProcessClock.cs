using System.Runtime.InteropServices;

namespace ConnExporter.Benchmarks;

/// <summary>CPU time of another process, user and system, of all its threads, the ended ones too, in nanoseconds: <c>/proc/PID/stat</c> knows ticks of 10 ms only.</summary>
internal static partial class ProcessClock
{
    // The clock of a whole process by its id (include/linux/posix-timers_types.h: MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED).
    private const int Scheduler = 2;

    /// <summary>The time so far.</summary>
    /// <param name="process">The process id.</param>
    public static TimeSpan Of(int process) => GetTime((~process << 3) | Scheduler, out Time time) == 0
        ? TimeSpan.FromTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / 100))
        : throw new BenchmarkException($"clock_gettime of process {process}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int GetTime(int clock, out Time time);

    // struct timespec on 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
