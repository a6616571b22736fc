using System.Collections.Immutable;

namespace ConnExporter.Sampling;

/// <summary>Keeps the CPU time of sampling within a share of one core, over any five minutes, by stretching intervals.</summary>
/// <remarks>
/// <para>Two things together. <see cref="Pacing"/> spreads the samples so that five minutes of them fit, at what each cost the last time. The ledger of what
/// was really spent holds back a walk that no longer fits, because the host has changed in between.</para>
/// <para>Beyond what a sample was expected to cost nothing can be held back: it is known when it has been spent. The next ones pay for it.</para>
/// </remarks>
internal sealed class CpuBudget
{
    /// <summary>The time over which the budget holds.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    // The next sample may cost a little more than the last.
    private const double Margin = 1.125;

    // The first sample of a collector costs what its code takes to get ready. Only what is more than this share of the allowance is taken for its own.
    private const int FirstShare = 10;

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly CpuLedger ledger = new();

    // What of it first samples took that others do not.
    private readonly CpuLedger starting = new();
    private ImmutableArray<Pace> paces = [];
    private double share;
    private bool isStrict = true;

    /// <summary>A budget.</summary>
    /// <param name="share">Of one core.</param>
    /// <param name="time">The clock.</param>
    public CpuBudget(double share, TimeProvider time)
    {
        this.share = share;
        this.time = time;
    }

    /// <summary>The share of one core that sampling may take. Another one begins with a clean ledger.</summary>
    public double Share
    {
        get
        {
            lock (gate)
            {
                return share;
            }
        }

        set
        {
            lock (gate)
            {
                if (share != value)
                {
                    share = value;
                    ledger.Clear();
                    starting.Clear();
                    Spread();
                }
            }
        }
    }

    private TimeSpan Allowance => Window * share;

    /// <summary>Takes in a collector that wants to sample at an interval.</summary>
    /// <param name="interval">The interval, as long as the budget permits.</param>
    /// <param name="patience">See <see cref="CollectorEntry.Patience"/>.</param>
    public Pace Enter(TimeSpan interval, TimeSpan? patience)
    {
        lock (gate)
        {
            var pace = new Pace(this, interval, patience);
            paces = paces.Add(pace);
            Spread();
            return pace;
        }
    }

    private TimeSpan Clock => time.GetElapsedTime(0);

    private void Leave(Pace pace)
    {
        lock (gate)
        {
            paces = paces.Remove(pace);
            Spread();
        }
    }

    private void Change(Pace pace, TimeSpan interval)
    {
        lock (gate)
        {
            pace.Wanted = interval;
            Spread();
        }
    }

    private void Spend(Pace pace, TimeSpan cpu, TimeSpan seldom)
    {
        lock (gate)
        {
            ledger.Add(Clock, cpu);
            if (!pace.HasSampled)
            {
                starting.Add(Clock, seldom);
            }

            TimeSpan usual = cpu - seldom;
            pace.Cost = pace.HasSampled || usual > Allowance / FirstShare ? usual * Margin : TimeSpan.Zero;
            pace.HasSampled = true;
            Spread();
        }
    }

    private bool Admits(TimeSpan cpu)
    {
        lock (gate)
        {
            // A start is dear, and what is not of every sample is done because something may be wrong.
            return ledger.Spent(Clock) - starting.Spent(Clock) + cpu <= Allowance;
        }
    }

    private bool Admits(Pace pace)
    {
        lock (gate)
        {
            // The others have their pace, which leaves the rest to those with the most patience.
            if (pace.Patience is null || paces.Any(other => other.Patience > pace.Patience))
            {
                return true;
            }

            // Where one sample of each is too much for a window, only their pace can hold the budget, in the long run: none would ever be admitted.
            return !isStrict || ledger.Spent(Clock) + pace.Cost <= Allowance;
        }
    }

    private void Spread()
    {
        // Most hosts, each time a collector has sampled: it takes no more than a look.
        if (FitsAsWanted())
        {
            isStrict = true;
            foreach (Pace pace in paces)
            {
                pace.Set(pace.Wanted);
            }

            return;
        }

        ImmutableArray<TimeSpan> intervals = Pacing.Intervals([.. paces.Select(pace => new Load(pace.Wanted, pace.Patience, pace.Cost))], Allowance, CpuLedger.Reach, out isStrict);
        for (int i = 0; i < paces.Length; i++)
        {
            paces[i].Set(intervals[i]);
        }
    }

    private bool FitsAsWanted()
    {
        double cheap = 0;
        double patient = 0;
        foreach (Pace pace in paces)
        {
            double most = pace.Cost.Ticks * Math.Ceiling(CpuLedger.Reach / pace.Wanted);
            cheap += pace.Patience is null ? most : 0;
            patient += pace.Patience is null ? 0 : most;
        }

        return cheap <= (Allowance / 2).Ticks && cheap + patient <= Allowance.Ticks;
    }

    /// <summary>The pace of one collector.</summary>
    internal sealed class Pace : IDisposable
    {
        private readonly CpuBudget budget;
        private long intervalTicks;

        public Pace(CpuBudget budget, TimeSpan interval, TimeSpan? patience)
        {
            this.budget = budget;
            Wanted = interval;
            Patience = patience;
            intervalTicks = interval.Ticks;
        }

        /// <summary>The interval that was asked for.</summary>
        public TimeSpan Wanted { get; set; }

        /// <summary>See <see cref="CollectorEntry.Patience"/>.</summary>
        public TimeSpan? Patience { get; }

        /// <summary>What the next sample is expected to cost.</summary>
        public TimeSpan Cost { get; set; }

        /// <summary>Whether there was a sample.</summary>
        public bool HasSampled { get; set; }

        /// <summary>The interval in force.</summary>
        public TimeSpan Interval => TimeSpan.FromTicks(Interlocked.Read(ref intervalTicks));

        /// <summary>Whether a sample that is due fits into what is left of the budget.</summary>
        public bool Admitted => budget.Admits(this);

        /// <summary>Asks for another interval.</summary>
        public void Change(TimeSpan interval) => budget.Change(this, interval);

        /// <summary>Takes note of what a sample cost.</summary>
        /// <param name="cpu">All of it.</param>
        /// <param name="seldom">What of it the next one will not cost.</param>
        public void Spend(TimeSpan cpu, TimeSpan seldom = default) => budget.Spend(this, cpu, seldom);

        /// <summary>Whether so much more fits into what is left of the budget.</summary>
        public bool Admits(TimeSpan cpu) => budget.Admits(cpu);

        /// <summary>Leaves its part of the budget to the others.</summary>
        public void Dispose() => budget.Leave(this);

        /// <summary>Puts an interval in force.</summary>
        public void Set(TimeSpan interval) => Interlocked.Exchange(ref intervalTicks, interval.Ticks);
    }
}
