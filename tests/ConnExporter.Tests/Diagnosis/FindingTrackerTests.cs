using ConnExporter.Diagnosis;

namespace ConnExporter.Tests.Diagnosis;

/// <summary>A finding begins when it has lasted and ends when it has been gone: nobody is woken by a flicker.</summary>
public class FindingTrackerTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly Thresholds Thresholds = new() { For = TimeSpan.FromSeconds(60), Linger = TimeSpan.FromSeconds(30) };
    private readonly FindingTracker tracker = new(new Played(mustLast: true), "self");

    [Fact]
    public void It_begins_after_it_has_lasted_and_counts_from_its_first_sign()
    {
        See(0, Severity.Warning);
        See(59, Severity.Warning);
        tracker.Current.ShouldBeNull();

        See(60, Severity.Warning);
        tracker.Current!.Severity.ShouldBe(Severity.Warning);
        tracker.Current.Since.ShouldBe(Start);
        tracker.Begun(Severity.Warning).ShouldBe(1ul);
    }

    // Looks are rare while nothing is serious.
    [Fact]
    public void It_is_serious_from_its_first_sign_to_its_end()
    {
        See(0, Severity.Info);
        tracker.IsSerious.ShouldBeFalse();
        See(60, Severity.Info);
        tracker.IsSerious.ShouldBeFalse();

        See(61, Severity.Critical);
        tracker.IsSerious.ShouldBeTrue();
        See(121, Severity.Warning);
        tracker.IsSerious.ShouldBeTrue();
        See(122, null);
        tracker.IsSerious.ShouldBeTrue();

        See(151, null);
        tracker.IsSerious.ShouldBeFalse();
    }

    [Fact]
    public void An_interruption_starts_the_wait_anew()
    {
        See(0, Severity.Warning);
        See(30, null);
        See(31, Severity.Warning);
        See(61, Severity.Warning);

        tracker.Held.ShouldBeNull();
    }

    [Fact]
    public void It_ends_after_it_has_been_gone()
    {
        See(0, Severity.Warning);
        See(60, Severity.Warning);
        See(70, null);
        See(89, null);
        tracker.Held.ShouldBe(Severity.Warning);

        See(90, null);
        tracker.Held.ShouldBeNull();
        tracker.LastHeld.ShouldBe(TimeSpan.FromSeconds(89));
    }

    [Fact]
    public void What_would_mend_it_is_no_advice_while_it_is_not_seen()
    {
        Verdict seen = Verdict(Severity.Warning) with { Remedies = [new Remedy("widen_port_range", RemedyKind.Room, ShellCommand.Of("sysctl", "-w", "a=b"))] };
        tracker.Take(TimeSpan.Zero, Start, seen, Thresholds);
        tracker.Take(TimeSpan.FromSeconds(60), Start.AddSeconds(60), seen, Thresholds);
        tracker.Current!.Verdict.Remedies.ShouldHaveSingleItem();
        tracker.Current.LastSeen.ShouldBeNull();

        See(70, null);
        tracker.Current!.Verdict.Remedies.ShouldBeEmpty();
        tracker.Current.LastSeen.ShouldBe(Start.AddSeconds(60));

        tracker.Take(TimeSpan.FromSeconds(75), Start.AddSeconds(75), seen, Thresholds);
        tracker.Current!.Verdict.Remedies.ShouldHaveSingleItem("it is back");
        tracker.Current.LastSeen.ShouldBeNull();
    }

    // As diagnose looks: twice, without waiting for anything.
    [Fact]
    public void What_still_is_so_does_not_end_even_where_nothing_lingers()
    {
        Thresholds atOnce = Thresholds with { For = TimeSpan.Zero, Linger = TimeSpan.Zero };
        for (int second = 0; second < 2; second++)
        {
            tracker.Take(TimeSpan.FromSeconds(second), Start.AddSeconds(second), new Verdict(Severity.Warning, "host") { Evidence = [] }, atOnce);
            tracker.Held.ShouldBe(Severity.Warning);
        }

        tracker.Take(TimeSpan.FromSeconds(2), Start.AddSeconds(2), newest: null, atOnce);
        tracker.Held.ShouldBeNull();
    }

    [Fact]
    public void It_gets_worse_when_the_worse_has_lasted()
    {
        See(0, Severity.Warning);
        See(60, Severity.Warning);
        See(61, Severity.Critical);
        tracker.Held.ShouldBe(Severity.Warning);

        See(121, Severity.Critical);
        tracker.Held.ShouldBe(Severity.Critical);
        tracker.Begun(Severity.Critical).ShouldBe(1ul);
        tracker.Current!.Since.ShouldBe(Start, "it is still the same trouble");
    }

    [Fact]
    public void What_swings_between_two_severities_is_the_lesser_one_as_long_as_the_worse_does_not_last()
    {
        for (int second = 0; second <= 120; second += 10)
        {
            See(second, second % 20 == 0 ? Severity.Critical : Severity.Warning);
        }

        tracker.Held.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void It_gets_better_only_after_it_has_been_better_for_a_while()
    {
        See(0, Severity.Critical);
        See(60, Severity.Critical);
        See(61, Severity.Warning);
        See(89, Severity.Warning);
        tracker.Held.ShouldBe(Severity.Critical);

        See(90, Severity.Warning);
        tracker.Held.ShouldBe(Severity.Warning);
        tracker.Begun(Severity.Warning).ShouldBe(0ul, "it did not begin: it got better");
    }

    [Fact]
    public void A_rule_that_looks_at_a_while_itself_is_believed_at_once()
    {
        var atOnce = new FindingTracker(new Played(mustLast: false), "self");

        atOnce.Take(TimeSpan.Zero, Start, Verdict(Severity.Critical), Thresholds);

        atOnce.Held.ShouldBe(Severity.Critical);
    }

    [Fact]
    public void Without_a_time_to_linger_it_holds_for_as_long_as_it_is_seen_and_no_longer()
    {
        Thresholds atOnce = Thresholds with { For = TimeSpan.Zero, Linger = TimeSpan.Zero };
        for (int look = 0; look < 3; look++)
        {
            tracker.Take(TimeSpan.FromSeconds(look), Start, Verdict(Severity.Warning), atOnce);
            tracker.Held.ShouldBe(Severity.Warning);
        }

        tracker.Take(TimeSpan.FromSeconds(3), Start, newest: null, atOnce);
        tracker.Held.ShouldBeNull();
    }

    // 0 after a start would tell the pager that it is over.
    [Fact]
    public void That_it_does_not_hold_is_known_when_it_could_have_begun()
    {
        See(0, null);
        See(59, null);
        tracker.IsJudged(Severity.Warning).ShouldBeFalse();

        See(60, null);
        tracker.IsJudged(Severity.Warning).ShouldBeTrue();
        See(61, Severity.Warning);
        tracker.IsJudged(Severity.Warning).ShouldBeTrue("it was not there a moment ago");
    }

    [Fact]
    public void What_begins_meanwhile_is_waited_for()
    {
        See(0, null);
        See(30, Severity.Warning);
        See(60, Severity.Warning);
        tracker.IsJudged(Severity.Warning).ShouldBeFalse();
        tracker.IsJudged(Severity.Critical).ShouldBeTrue();

        See(90, Severity.Warning);
        tracker.IsJudged(Severity.Warning).ShouldBeTrue();
        tracker.Held.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void The_lesser_is_known_to_hold_while_the_worse_is_waited_for()
    {
        See(0, Severity.Warning);
        See(50, Severity.Critical);
        See(60, Severity.Critical);
        tracker.Held.ShouldBe(Severity.Warning);
        tracker.IsJudged(Severity.Warning).ShouldBeTrue();
        tracker.IsJudged(Severity.Critical).ShouldBeFalse();

        See(110, Severity.Critical);
        tracker.Held.ShouldBe(Severity.Critical);
    }

    [Fact]
    public void What_held_before_the_start_goes_on_when_it_is_seen()
    {
        tracker.Resume(Before(Severity.Critical));
        tracker.Basis.ShouldBe(Severity.Critical);
        tracker.Held.ShouldBeNull();
        tracker.IsJudged(Severity.Critical).ShouldBeFalse();

        See(1, Severity.Warning);
        tracker.Held.ShouldBe(Severity.Critical, "it gets better when it has been better for a while");
        tracker.Current!.Since.ShouldBe(Start.AddHours(-1));
        tracker.Awaited.ShouldBeNull();
        tracker.Begun(Severity.Critical).ShouldBe(0ul, "it did not begin");

        See(31, Severity.Warning);
        tracker.Held.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void What_held_before_the_start_and_is_not_seen_again_has_ended_when_that_is_sure()
    {
        tracker.Resume(Before(Severity.Warning));
        See(0, null);
        See(89, null);
        tracker.Awaited.ShouldNotBeNull();
        tracker.IsJudged(Severity.Warning).ShouldBeFalse();

        See(90, null);
        tracker.Awaited.ShouldBeNull();
        tracker.Held.ShouldBeNull();
        tracker.IsJudged(Severity.Warning).ShouldBeTrue();
    }

    [Fact]
    public void A_severity_that_the_rule_does_not_have_is_nothing_to_wait_for()
    {
        var other = new FindingTracker(new Noted(), "self");
        other.Resume(Before(Severity.Critical));

        other.Awaited.ShouldBeNull();
    }

    [Fact]
    public void What_has_not_lasted_is_beginning_and_nothing_more()
    {
        See(0, null);
        tracker.Beginning.ShouldBeNull();
        See(10, Severity.Critical);
        See(20, Severity.Critical);
        tracker.Beginning!.Severity.ShouldBe(Severity.Critical);
        tracker.Beginning.Since.ShouldBe(Start.AddSeconds(10));

        See(70, Severity.Critical);
        tracker.Beginning.ShouldBeNull("it has begun");
        See(71, null);
        tracker.Beginning.ShouldBeNull();
    }

    private static HeldBefore Before(Severity severity) => new("played", "self", severity, Start.AddHours(-1));

    private void See(int second, Severity? severity) =>
        tracker.Take(TimeSpan.FromSeconds(second), Start.AddSeconds(second), severity is { } known ? Verdict(known) : null, Thresholds);

    private static Verdict Verdict(Severity severity) => new(severity, "host") { Evidence = [] };

    private sealed class Noted() : Rule("noted", Severity.Info)
    {
        public override System.Collections.Immutable.ImmutableArray<Input> Inputs => [];

        public override bool MustLast => false;

        public override Verdict? Judge(Observation seen, Severity? held) => null;
    }

    private sealed class Played(bool mustLast) : Rule("played", Severity.Info, Severity.Warning, Severity.Critical)
    {
        public override System.Collections.Immutable.ImmutableArray<Input> Inputs => [];

        public override bool MustLast { get; } = mustLast;

        public override Verdict? Judge(Observation seen, Severity? held) => null;
    }
}
