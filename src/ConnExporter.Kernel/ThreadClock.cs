namespace ConnExporter.Kernel;

/// <summary>The CPU clock of the calling thread.</summary>
public static class ThreadClock
{
    /// <summary>CPU time, user and system, that the calling thread has used (<c>CLOCK_THREAD_CPUTIME_ID</c>).</summary>
    public static TimeSpan CpuTime()
    {
        // This clock exists on every Linux; a failure would be a defect here.
        return LibC.ClockGetTime(LibC.ClockThreadCpuTime, out LibC.TimeSpec time) == 0
            ? TimeSpan.FromTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / 100))
            : throw KernelReadException.FromErrno("clock_gettime(CLOCK_THREAD_CPUTIME_ID)", System.Runtime.InteropServices.Marshal.GetLastPInvokeError());
    }
}
