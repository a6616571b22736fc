namespace ConnExporter.Tests.Support;

/// <summary>Clocks that stand still until a test moves them: the wall clock and the monotonic one, apart from each other.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private readonly Dictionary<string, bool> readWallLast = [];
    private DateTimeOffset wall = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private long ticks = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
        {
            readWallLast[Thread.CurrentThread.Name ?? ""] = true;
            return wall;
        }
    }

    public override long GetTimestamp()
    {
        lock (gate)
        {
            readWallLast[Thread.CurrentThread.Name ?? ""] = false;
            return ticks;
        }
    }

    /// <summary>Whether it was the wall clock that a thread of this name looked at last.</summary>
    public bool ReadWallClockLast(string thread)
    {
        lock (gate)
        {
            return readWallLast.GetValueOrDefault(thread);
        }
    }

    /// <summary>Timers that wait.</summary>
    public int Timers
    {
        get
        {
            lock (gate)
            {
                return timers.Count;
            }
        }
    }

    /// <summary>Lets time pass.</summary>
    public void Advance(TimeSpan time)
    {
        ManualTimer[] due;
        lock (gate)
        {
            wall += time;
            ticks += time.Ticks;
            due = [.. timers.Where(timer => timer.IsDue(ticks))];
        }

        foreach (ManualTimer timer in due)
        {
            timer.Fire();
        }
    }

    /// <summary>Sets the wall clock, as an administrator or a time server does.</summary>
    public void SetWallClock(TimeSpan by)
    {
        lock (gate)
        {
            wall += by;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        lock (gate)
        {
            timers.Add(timer);
        }

        return timer;
    }

    /// <summary>A timer that fires once for each time the clock is moved past its end.</summary>
    private sealed class ManualTimer(ManualTime time, Action callback) : ITimer
    {
        private long due = long.MaxValue;
        private TimeSpan period;

        public bool IsDue(long now)
        {
            if (now < due)
            {
                return false;
            }

            due = period > TimeSpan.Zero ? now + period.Ticks : long.MaxValue;
            return true;
        }

        public void Fire() => callback();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                due = dueTime < TimeSpan.Zero ? long.MaxValue : time.ticks + dueTime.Ticks;
                this.period = period;
            }

            return true;
        }

        public void Dispose()
        {
            lock (time.gate)
            {
                time.timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
