using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Sampling;

public sealed class CpuBudgetTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);
    private readonly ManualTime time = new();

    [Fact]
    public void A_quiet_host_has_the_intervals_that_were_asked_for()
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromMinutes(10), sockets: _ => 500);

        host.IntervalOfStates.ShouldBe(5);
        host.IntervalOfCensus.ShouldBe(15);
    }

    [Fact]
    public void With_a_million_sockets_no_five_minutes_take_more_than_the_budget()
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromHours(1), sockets: _ => 1_000_000);

        host.MostInFiveMinutes.ShouldBeLessThanOrEqualTo(3);
        host.OldestStates.ShouldBeLessThan(60);
    }

    // As hosts do: sockets come in floods and go again.
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(13)]
    public void Whatever_the_host_does_no_five_minutes_take_more_than_the_budget_and_one_sample(int minutes)
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromHours(2), sockets: at => (int)(at.TotalMinutes / minutes) % 2 == 0 ? 1_000 : 1_500_000);

        // What a sample costs is known when it has been spent: the first one of a flood comes on top.
        host.MostInFiveMinutes.ShouldBeLessThanOrEqualTo(3 + (1.4 * 1.5));
    }

    // Around the number at which one census takes all that the cheap collectors leave.
    [Theory]
    [InlineData(1_500_000)]
    [InlineData(1_700_000)]
    [InlineData(1_800_000)]
    [InlineData(2_000_000)]
    [InlineData(4_000_000)]
    public void A_walk_that_is_about_too_much_comes_seldom_but_comes(int sockets)
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromHours(3), sockets: _ => sockets);

        host.OldestCensus.ShouldBeLessThan(1500);
    }

    [Fact]
    public void A_host_that_is_quiet_again_gets_its_resolution_back()
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromMinutes(30), sockets: _ => 1_000_000);
        host.IntervalOfCensus.ShouldBeGreaterThan(100);

        host.Run(TimeSpan.FromMinutes(6), sockets: _ => 1_000);

        host.IntervalOfStates.ShouldBe(5);
        host.IntervalOfCensus.ShouldBe(15);
    }

    [Fact]
    public void What_is_cheap_goes_on_each_second_in_a_flood()
    {
        var host = new Host(time, new CpuBudget(0.01, time));
        host.Run(TimeSpan.FromMinutes(20), sockets: _ => 3_000_000);

        host.IntervalOfCounters.ShouldBe(1);
        host.OldestCounters.ShouldBeLessThan(2);
    }

    [Fact]
    public void The_first_sample_is_dear_because_its_code_is_new_and_says_nothing_of_the_next()
    {
        CpuBudget.Pace pace = new CpuBudget(0.01, time).Enter(TimeSpan.FromSeconds(1), patience: null);

        pace.Spend(TimeSpan.FromMilliseconds(200));
        pace.Interval.ShouldBe(TimeSpan.FromSeconds(1));

        pace.Spend(TimeSpan.FromMilliseconds(200));
        pace.Interval.ShouldBeGreaterThan(TimeSpan.FromSeconds(1));
    }

    // 3 s in five minutes.
    [Fact]
    public void What_is_not_of_every_sample_is_spent_and_not_expected_again()
    {
        CpuBudget.Pace pace = new CpuBudget(0.01, time).Enter(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(300));

        pace.Spend(TimeSpan.FromSeconds(2), seldom: TimeSpan.FromSeconds(1.5));

        pace.Cost.ShouldBe(TimeSpan.FromSeconds(0.5) * 1.125);
        pace.Admits(TimeSpan.FromSeconds(2.5)).ShouldBeTrue("a start is dear");
        pace.Admits(TimeSpan.FromSeconds(2.6)).ShouldBeFalse();

        pace.Spend(TimeSpan.FromSeconds(2), seldom: TimeSpan.FromSeconds(1.5));

        pace.Cost.ShouldBe(TimeSpan.FromSeconds(0.5) * 1.125);
        pace.Admits(TimeSpan.FromSeconds(0.5)).ShouldBeTrue();
        pace.Admits(TimeSpan.FromSeconds(0.6)).ShouldBeFalse("what was spent so counts");
    }

    [Fact]
    public void Another_budget_begins_with_a_clean_ledger()
    {
        var budget = new CpuBudget(1, time);
        CpuBudget.Pace pace = budget.Enter(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        pace.Spend(TimeSpan.FromSeconds(2));
        pace.Spend(TimeSpan.FromSeconds(2));

        budget.Share = 0.01;

        pace.Admitted.ShouldBeTrue();
        pace.Interval.ShouldBeGreaterThan(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Who_leaves_leaves_its_part_to_the_others()
    {
        var budget = new CpuBudget(0.01, time);
        CpuBudget.Pace stays = budget.Enter(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(55));
        CpuBudget.Pace leaves = budget.Enter(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(55));
        for (int i = 0; i < 2; i++)
        {
            stays.Spend(TimeSpan.FromMilliseconds(30));
            leaves.Spend(TimeSpan.FromMilliseconds(90));
        }

        stays.Interval.ShouldBeGreaterThan(TimeSpan.FromSeconds(5));

        leaves.Dispose();

        stays.Interval.ShouldBe(TimeSpan.FromSeconds(5));
    }

    /// <summary>Three collectors as a host with a number of sockets would have them, by a clock that jumps.</summary>
    private sealed class Host
    {
        private readonly ManualTime time;
        private readonly Simulated counters;
        private readonly Simulated states;
        private readonly Simulated census;
        private readonly List<(TimeSpan At, double Seconds)> spent = [];
        private TimeSpan now;

        public Host(ManualTime time, CpuBudget budget)
        {
            this.time = time;
            counters = new Simulated(budget.Enter(TimeSpan.FromSeconds(1), patience: null), _ => 0.001);
            states = new Simulated(budget.Enter(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(55)), sockets => sockets * 80e-9);
            census = new Simulated(budget.Enter(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(300)), sockets => sockets * 1.4e-6);
        }

        public double IntervalOfCounters => counters.Pace.Interval.TotalSeconds;

        public double IntervalOfStates => states.Pace.Interval.TotalSeconds;

        public double IntervalOfCensus => census.Pace.Interval.TotalSeconds;

        public double OldestCounters => counters.Oldest.TotalSeconds;

        public double OldestCensus => census.Oldest.TotalSeconds;

        public double OldestStates => states.Oldest.TotalSeconds;

        public double MostInFiveMinutes => spent.Max(last => spent.Where(sample => sample.At <= last.At && sample.At > last.At - CpuBudget.Window).Sum(sample => sample.Seconds));

        public void Run(TimeSpan duration, Func<TimeSpan, int> sockets)
        {
            for (TimeSpan end = now + duration; now < end; now += Step, time.Advance(Step))
            {
                foreach (Simulated collector in (Simulated[])[counters, states, census])
                {
                    if (collector.Look(now, sockets(now)) is { } seconds)
                    {
                        spent.Add((now, seconds));
                    }
                }
            }
        }
    }

    private sealed class Simulated(CpuBudget.Pace pace, Func<int, double> cost)
    {
        private TimeSpan? sampled;

        public CpuBudget.Pace Pace => pace;

        public TimeSpan Oldest { get; private set; }

        public double? Look(TimeSpan now, int sockets)
        {
            if (sampled is { } before)
            {
                Oldest = now - before > Oldest ? now - before : Oldest;
                if (now - before < pace.Interval || !pace.Admitted)
                {
                    return null;
                }
            }

            sampled = now;
            pace.Spend(TimeSpan.FromSeconds(cost(sockets)));
            return cost(sockets);
        }
    }
}
