using System.Diagnostics;
using System.Globalization;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Sampling;

public sealed class SamplerTests : IDisposable
{
    private static readonly TimeSpan Interval = SamplingBench.Interval;
    private static readonly TimeSpan Year = TimeSpan.FromDays(365);
    private readonly SamplingBench bench = new("a", "b", "c", SamplingBench.Patient);

    public void Dispose() => bench.Dispose();

    [Fact]
    public void A_good_sample_publishes_its_reading()
    {
        bench.First["a"] = _ => 42;

        bench.Start("a");

        bench.State("a").Outcome.ShouldBe(Outcome.Ok);
        bench.State("a").LastSuccess.ShouldBe(bench.Time.GetUtcNow());
        bench.State("a").Failure.ShouldBeNull();
        bench.ValueOf("a").ShouldBe("42");
    }

    [Fact]
    public void Before_the_first_sample_has_ended_no_outcome_holds()
    {
        using var held = new Held();
        bench.First["a"] = _ => held.Wait(1);

        bench.Apply(("a", Interval));

        bench.Store.Current.IsComplete.ShouldBeFalse();
        bench.State("a").Outcome.ShouldBeNull();
        bench.Page.Of("conn_collector_outcome").ShouldAllBe(row => row.EndsWith(" 0", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(FailureKind.Absent, "absent", "Absent")]
    [InlineData(FailureKind.Denied, "denied", "Denied")]
    [InlineData(FailureKind.Broken, "parse", "Broken")]
    public void A_failed_sample_publishes_what_it_means_and_why(FailureKind kind, string reason, string outcome)
    {
        bench.First["a"] = _ => throw new KernelReadException(kind, reason, "/proc/demo: no good");

        bench.Start("a");

        bench.State("a").Outcome.ShouldBe(Enum.Parse<Outcome>(outcome));
        bench.State("a").Failure.ShouldBe("/proc/demo: no good");
        bench.State("a").LastSuccess.ShouldBeNull();
        bench.ValueOf("a").ShouldBeNull();
    }

    [Fact]
    public void A_defect_is_shown_as_what_it_is_and_the_others_go_on()
    {
        bench.First["a"] = _ => throw new InvalidOperationException("oh");
        bench.Start("a", "b");

        bench.Sample("b", _ => 2);

        bench.State("a").Outcome.ShouldBe(Outcome.Broken);
        bench.State("a").Failure.ShouldBe("a defect in this program: oh");
        bench.Page["conn_collector_errors_total", "a", "internal"].ShouldBe("1");
        bench.ValueOf("b").ShouldBe("2");
    }

    [Fact]
    public void A_collector_recovers_from_a_defect()
    {
        bench.Start("a");
        bench.Sample("a", _ => throw new InvalidCastException());

        bench.Sample("a", _ => 7);

        bench.State("a").Outcome.ShouldBe(Outcome.Ok);
        bench.State("a").Failure.ShouldBeNull();
        bench.ValueOf("a").ShouldBe("7");
        bench.Page["conn_collector_errors_total", "a", "internal"].ShouldBe("1");
    }

    [Fact]
    public void Failed_samples_are_counted_by_reason()
    {
        bench.Start("a");
        foreach (string reason in new[] { "parse", "protocol", "parse", "errno", "too_large", "parse" })
        {
            bench.Sample("a", _ => throw new KernelReadException(FailureKind.Broken, reason, "no good"));
        }

        bench.Sample("a", _ => throw new KernelReadException(FailureKind.Denied, "denied", "no"));

        bench.Page.Of("conn_collector_errors_total").ShouldBe(["a denied 1", "a errno 1", "a internal 0", "a parse 3", "a protocol 1", "a too_large 1"]);
    }

    [Fact]
    public void What_is_not_on_this_host_is_no_error()
    {
        bench.First["a"] = _ => throw new KernelReadException(FailureKind.Absent, "absent", "no such file");

        bench.Start("a");

        bench.Page.Of("conn_collector_errors_total").ShouldAllBe(row => row.EndsWith(" 0", StringComparison.Ordinal));
    }

    [Fact]
    public void Values_left_out_of_a_good_reading_are_counted_as_parse_errors()
    {
        bench.First["a"] = context =>
        {
            context.Reject(3);
            return 1;
        };

        bench.Start("a");

        bench.State("a").Outcome.ShouldBe(Outcome.Ok);
        bench.Page["conn_collector_errors_total", "a", "parse"].ShouldBe("3");
    }

    [Fact]
    public void A_collector_is_stuck_once_the_kernel_has_not_answered_for_2_s()
    {
        bench.Start("a", "b");
        using Held held = bench.Hold("a");

        bench.Time.Advance(TimeSpan.FromSeconds(2));
        bench.Sampler.Watch();
        bench.State("a").Outcome.ShouldBe(Outcome.Ok);

        bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        bench.Sampler.Watch();
        bench.State("a").Outcome.ShouldBe(Outcome.Stuck);
        bench.Page["conn_collector_outcome", "a", "stuck"].ShouldBe("1");
        bench.Page["conn_collector_outcome", "a", "ok"].ShouldBe("0");

        bench.Sampler.Watch();
        bench.Logged.Take().ShouldBe(["<4>Collector a is stuck: the kernel has not answered for 2 s"]);
    }

    [Fact]
    public void A_sample_that_asks_the_kernel_often_is_not_stuck_while_each_answer_comes_in_time()
    {
        bench.Start("a");
        using var first = new Held();
        using var second = new Held();
        using var third = new Held();
        var caller = new Thread(() => bench.Sample("a", context =>
        {
            first.Wait(0);
            context.Answered();
            second.Wait(0);
            context.Answered();
            return third.Wait(9);
        }));
        caller.Start();

        foreach (Held held in (Held[])[first, second])
        {
            held.AwaitBegun();
            bench.Time.Advance(Sampler.StuckAfter * 0.75);
            bench.Sampler.Watch();
            bench.State("a").Outcome.ShouldBe(Outcome.Ok);
            held.Dispose();
        }

        third.AwaitBegun();
        bench.Time.Advance(Sampler.StuckAfter * 1.1);
        bench.Sampler.Watch();
        bench.State("a").Outcome.ShouldBe(Outcome.Stuck);
        third.Dispose();
        caller.Join(TimeSpan.FromSeconds(10)).ShouldBeTrue();
    }

    [Fact]
    public void Another_scope_makes_what_follows_it_anew_and_nothing_else()
    {
        using var scoped = new SamplingBench("a", SamplingBench.Scoped);
        scoped.Start("a", SamplingBench.Scoped);
        ScriptedCollector other = scoped.Collector("a");
        ScriptedCollector former = scoped.Collector(SamplingBench.Scoped);

        scoped.Scope = NamespaceScope.Host;
        scoped.Apply(("a", Interval), (SamplingBench.Scoped, Interval));

        Eventually.True(() => former.Disposed);
        scoped.Collector(SamplingBench.Scoped).ShouldNotBeSameAs(former);
        scoped.Collector("a").ShouldBeSameAs(other);
        other.Disposed.ShouldBeFalse();
    }

    [Fact]
    public void While_one_is_stuck_the_others_go_on()
    {
        bench.Start("a", "b");
        using Held held = bench.Hold("a");
        bench.Time.Advance(TimeSpan.FromSeconds(3));
        bench.Sampler.Watch();

        bench.Sample("b", _ => 5);

        bench.State("b").Outcome.ShouldBe(Outcome.Ok);
        bench.ValueOf("b").ShouldBe("5");
    }

    [Fact]
    public void A_stuck_collector_recovers_when_the_kernel_answers()
    {
        bench.Start("a");
        using (bench.Hold("a", value: 8))
        {
            bench.Time.Advance(TimeSpan.FromSeconds(3));
            bench.Sampler.Watch();
            bench.State("a").Outcome.ShouldBe(Outcome.Stuck);
        }

        bench.AwaitSample("a", 2);

        bench.Sampler.Watch();
        bench.State("a").Outcome.ShouldBe(Outcome.Ok);
        bench.State("a").Duration.ShouldBe(TimeSpan.FromSeconds(3));
        bench.ValueOf("a").ShouldBe("8");
    }

    [Fact]
    public void A_collector_that_is_stuck_in_its_first_sample_makes_the_snapshot_complete()
    {
        using var held = new Held();
        bench.First["a"] = _ => held.Wait(1);
        bench.Apply(("a", Interval));
        Eventually.True(() => bench.Collector("a").Samples == 1);

        bench.Time.Advance(TimeSpan.FromSeconds(3));
        bench.Sampler.Watch();

        bench.Store.Current.IsComplete.ShouldBeTrue();
        bench.State("a").Outcome.ShouldBe(Outcome.Stuck);
    }

    [Fact]
    public void A_reading_outlives_failures_by_three_intervals_and_its_timestamp_for_good()
    {
        bench.Start("a");
        DateTimeOffset taken = bench.Time.GetUtcNow();

        // Each sample comes an interval and a tick after the one before.
        foreach (string? value in new[] { "1", "1", null, null })
        {
            bench.Sample("a", _ => throw new KernelReadException(FailureKind.Broken, "parse", "no good"));
            bench.Sampler.Watch();

            bench.ValueOf("a").ShouldBe(value);
            bench.State("a").LastSuccess.ShouldBe(taken);
            bench.Page["conn_collector_outcome", "a", "broken"].ShouldBe("1");
        }

        bench.Sample("a", _ => 2);
        bench.ValueOf("a").ShouldBe("2");
        bench.State("a").LastSuccess.ShouldBe(bench.Time.GetUtcNow());
    }

    [Fact]
    public void The_reading_of_a_stuck_collector_grows_too_old_as_well()
    {
        bench.Start("a");
        using Held held = bench.Hold("a");

        bench.Time.Advance(Interval);
        bench.Sampler.Watch();
        bench.ValueOf("a").ShouldBe("1");

        bench.Time.Advance(Interval);
        bench.Sampler.Watch();
        bench.ValueOf("a").ShouldBeNull();
        bench.Page["conn_collector_last_success_timestamp_seconds", "a"].ShouldNotBeNull();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_wall_clock_that_jumps_by_a_year_makes_no_reading_old(int years)
    {
        bench.Start("a");
        bench.Sample("a", _ => throw new KernelReadException(FailureKind.Broken, "parse", "no good"));
        bench.Time.SetWallClock(Year * years);

        bench.Sampler.Watch();
        bench.State("a").Outcome.ShouldBe(Outcome.Broken);
        bench.ValueOf("a").ShouldBe("1");

        bench.Sample("a", _ => 3);
        bench.State("a").LastSuccess.ShouldBe(bench.Time.GetUtcNow());
        bench.State("a").Duration.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void A_wall_clock_that_jumps_during_a_sample_does_not_change_its_duration()
    {
        bench.Start("a");
        using (bench.Hold("a"))
        {
            bench.Time.SetWallClock(Year);
            bench.Time.Advance(TimeSpan.FromMilliseconds(7));
            bench.Sampler.Watch();
            bench.State("a").Outcome.ShouldBe(Outcome.Ok);
        }

        bench.AwaitSample("a", 2);
        bench.State("a").Duration.ShouldBe(TimeSpan.FromMilliseconds(7));
    }

    [Fact]
    public void After_a_suspended_day_one_sample_follows_and_no_burst()
    {
        bench.Start("a");
        bench.Time.Advance(TimeSpan.FromDays(1));

        bench.Sample("a", _ => 2);
        bench.Sample("a", _ => 3);

        bench.Collector("a").Samples.ShouldBe(3);
    }

    [Fact]
    public void A_new_configuration_adds_removes_and_keeps()
    {
        bench.Start("a", "b");
        ScriptedCollector kept = bench.Collector("b");
        bench.Sample("b", _ => throw new KernelReadException(FailureKind.Broken, "parse", "no good"));

        bench.Apply(("b", TimeSpan.FromHours(2)), ("c", Interval));
        bench.AwaitSample("c", 1);

        bench.Store.Current.Collectors.Select(state => state.Name).ShouldBe(["b", "c"]);
        bench.Collector("b").ShouldBeSameAs(kept);
        bench.ValueOf("a").ShouldBeNull();
        bench.ValueOf("b").ShouldBe("1");
        bench.Page["conn_collector_errors_total", "b", "parse"].ShouldBe("1");
        bench.Page["conn_collector_interval_seconds", "b"].ShouldBe("7200");
        Eventually.True(() => bench.Collector("a").Disposed);
    }

    [Fact]
    public void Samples_are_counted_by_how_long_they_took_while_their_collector_is_wanted()
    {
        using var counted = new SamplingBench("a", SamplingBench.Scoped);
        counted.Start("a", SamplingBench.Scoped);
        counted.Sample("a", _ => throw new KernelReadException(FailureKind.Broken, "parse", "no good"));
        counted.CountedSamples.ShouldBe(["a 2", $"{SamplingBench.Scoped} 1"], ignoreOrder: true);

        // Another scope makes a collector anew: its count goes on, as its errors do.
        counted.Scope = NamespaceScope.Host;
        counted.Apply((SamplingBench.Scoped, Interval));

        Eventually.True(() => counted.CountedSamples.SequenceEqual([$"{SamplingBench.Scoped} 2"]));
    }

    [Fact]
    public void Collectors_stay_in_the_order_of_the_list()
    {
        bench.Start("c");

        bench.Start("c", "a");

        bench.Store.Current.Collectors.Select(state => state.Name).ShouldBe(["a", "c"]);
    }

    [Fact]
    public void The_same_configuration_again_changes_nothing()
    {
        bench.Start("a");

        bench.Apply(("a", Interval));
        bench.Sampler.Watch();

        bench.Collector("a").Samples.ShouldBe(1);
        bench.ValueOf("a").ShouldBe("1");
    }

    [Fact]
    public void A_shorter_interval_takes_effect_at_once()
    {
        bench.Start("a");
        bench.Collector("a").Next = _ => 2;
        bench.Time.Advance(TimeSpan.FromMinutes(10));

        bench.Apply(("a", TimeSpan.FromMinutes(9)));

        bench.AwaitSample("a", 2);
        bench.ValueOf("a").ShouldBe("2");
    }

    [Fact]
    public void A_collector_removed_in_mid_sample_publishes_nothing_more()
    {
        bench.Start("a", "b");
        ScriptedCollector removed = bench.Collector("a");
        using (bench.Hold("a", value: 99))
        {
            bench.Apply(("b", Interval));
        }

        Eventually.True(() => removed.Disposed);
        bench.Store.Current.Collectors.Select(state => state.Name).ShouldBe(["b"]);
        bench.ValueOf("a").ShouldBeNull();
    }

    [Fact]
    public void A_collector_removed_in_mid_sample_does_not_speak_for_its_successor()
    {
        bench.Start("a");
        ScriptedCollector removed = bench.Collector("a");
        using (bench.Hold("a", value: 99))
        {
            bench.Apply();
            bench.First["a"] = _ => 5;
            bench.Start("a");
        }

        Eventually.True(() => removed.Disposed);
        bench.ValueOf("a").ShouldBe("5");
    }

    [Fact]
    public void Stopping_ends_all_collectors_and_closes_what_they_hold()
    {
        bench.Start("a", "b");

        bench.Sampler.StopCollectors();

        bench.Collector("a").Disposed.ShouldBeTrue();
        bench.Collector("b").Disposed.ShouldBeTrue();
    }

    [Fact]
    public void Stopping_does_not_wait_for_a_collector_that_the_kernel_holds()
    {
        bench.Start("a", "b");
        using Held held = bench.Hold("a");
        long start = Stopwatch.GetTimestamp();

        bench.Sampler.StopCollectors();

        Stopwatch.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(3));
        bench.Collector("a").Disposed.ShouldBeFalse();
        Eventually.True(() => bench.Collector("b").Disposed);
    }

    [Fact]
    public void A_walk_that_costs_too_much_for_the_budget_is_stretched_and_the_page_says_so()
    {
        bench.Budget = 0.0001;
        bench.First[SamplingBench.Patient] = context =>
        {
            context.Spend(TimeSpan.FromSeconds(9));
            return 1;
        };

        bench.Start(SamplingBench.Patient);

        double interval = double.Parse(bench.Page["conn_collector_interval_seconds", SamplingBench.Patient]!, CultureInfo.InvariantCulture);

        // 9 s and a little of 0.0001 of a core.
        interval.ShouldBeInRange(90_000, 120_000);
        bench.Page["conn_sampling_cpu_budget_ratio"].ShouldBe("0.0001");
    }

    [Fact]
    public void One_that_the_kernel_holds_is_one_thread_however_often_it_is_switched_off_and_on()
    {
        bench.Start("a", "b");
        Held held = bench.Hold("a");
        bench.Time.Advance(TimeSpan.FromSeconds(3));
        ScriptedCollector stuck = bench.Collector("a");

        for (int i = 0; i < 5; i++)
        {
            bench.Apply(("b", Interval));
            bench.Apply(("a", Interval), ("b", Interval));
        }

        bench.Collector("a").ShouldBeSameAs(stuck, "no other one was made");
        bench.State("a").Outcome.ShouldBe(Outcome.Stuck);

        held.Dispose();
        Eventually.True(() =>
        {
            bench.Sampler.Watch();
            return bench.State("a").Outcome == Outcome.Ok;
        });
        bench.Collector("a").ShouldNotBeSameAs(stuck);
    }

    [Fact]
    public async Task The_service_watches_and_ends_its_collectors_with_itself()
    {
        bench.Start("a");
        using (bench.Hold("a"))
        {
            await bench.Sampler.StartAsync(CancellationToken.None);
            bench.Time.Advance(TimeSpan.FromSeconds(3));
            Eventually.True(() => bench.State("a").Outcome == Outcome.Stuck);
        }

        bench.AwaitSample("a", 2);
        await bench.Sampler.StopAsync(CancellationToken.None);

        Eventually.True(() => bench.Collector("a").Disposed);
    }
}
