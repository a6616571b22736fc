using System.Collections.Immutable;
using ConnExporter.Commands;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Json;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Tests.Sampling;
using ConnExporter.Tests.Diagnosis;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Commands;

public class SecondLookTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);
    private readonly ManualTime time = new();

    // A collector reads when it is started, and then at the whole seconds of the clock: at every phase of the second the diagnosis begins once.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(250)]
    [InlineData(299)]
    [InlineData(301)]
    [InlineData(500)]
    [InlineData(999)]
    public void Whenever_it_starts_the_readings_are_apart_and_it_does_not_take_two_seconds(int phase)
    {
        time.Advance(TimeSpan.FromMilliseconds(phase));
        long start = time.GetTimestamp();
        long sampled = start;
        Snapshot first = Of(Counters(sampled, 0));
        Snapshot now = first;
        while (!SecondLook.IsDue(first, now, time))
        {
            time.Advance(Poll);
            if (Beat.Until(sampled, Second, time) <= TimeSpan.Zero)
            {
                sampled = time.GetTimestamp();
                now = Of(Counters(sampled, 0));
            }
        }

        time.GetElapsedTime(start, sampled).ShouldBeGreaterThanOrEqualTo(SecondLook.Apart);
        time.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(1.75));
    }

    // 250 connections a second are reset: five milliseconds may well show none.
    [Theory]
    [InlineData(5, 0, false, false)]
    [InlineData(699, 175, false, true)]
    [InlineData(700, 175, true, true)]
    public void A_second_reading_that_came_too_soon_is_none(int milliseconds, ulong aborted, bool isDue, bool isFound)
    {
        var diagnostician = new Diagnostician(RuleList.All, new Thresholds { For = TimeSpan.Zero, Linger = TimeSpan.Zero }, time, (_, e) => throw e);
        Snapshot first = Of(Orphans(), Counters(time.GetTimestamp(), 1000));
        diagnostician.Look(first);
        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Snapshot second = Of(Orphans(), Counters(time.GetTimestamp(), 1000 + aborted));

        SecondLook.IsDue(first, second, time).ShouldBe(isDue);

        DiagnosisReport report = SecondLook.NoteReadOnce(first, second, diagnostician.Look(second), time);
        report.Findings.Any(finding => finding.Id == "orphans_exhausting").ShouldBe(isFound);
        Gap? gap = report.Gaps.FirstOrDefault(gap => gap.Lacks.Any(lack => lack.Key == "second_reading"));
        (gap is not null).ShouldBe(!isDue);
        gap?.Findings.Any(rule => rule.Id == "orphans_exhausting").ShouldBe(!isFound, "what holds is told");
        report.IsComplete.ShouldBe(isDue);
    }

    // When within a sample the kernel was asked is not known: one that began too soon and ended late may have asked too soon.
    [Fact]
    public void A_sample_counts_from_its_beginning()
    {
        Snapshot first = Of(Counters(time.GetTimestamp(), 0));
        time.Advance(Second);

        SecondLook.IsDue(first, Of(Counters(time.GetTimestamp(), 0) with { Duration = TimeSpan.FromMilliseconds(301) }), time).ShouldBeFalse();
        SecondLook.IsDue(first, Of(Counters(time.GetTimestamp(), 0) with { Duration = TimeSpan.FromMilliseconds(300) }), time).ShouldBeTrue();
    }

    [Theory]
    [InlineData("counters")]
    [InlineData("listeners")]
    [InlineData("conntrack")]
    [InlineData("neighbours")]
    public void Each_that_counts_is_waited_for_and_named_where_it_did_not_come(string name)
    {
        CollectorState[] others = [.. All().Where(state => state.Name != name)];
        CollectorState one = All().Single(state => state.Name == name);
        Snapshot first = Of([.. others, one]);
        time.Advance(Second);
        Snapshot second = Of([.. All().Where(state => state.Name != name), one]);

        SecondLook.IsDue(first, second, time).ShouldBeFalse();
        SecondLook.IsDue(first, Of(All()), time).ShouldBeTrue();
        var noted = new ExporterState(second) { Report = SecondLook.NoteReadOnce(first, second, Nothing(), time) };
        noted.Report!.IsComplete.ShouldBeFalse("that nothing rose was not seen");
        NotSeen.Of(noted, TextBook.Of(Language.English)).Single().ShouldSatisfyAllConditions(
            lack => lack.What.ShouldBe(name),
            lack => lack.Why.ShouldContain("only once"));
        SecondLook.NoteReadOnce(first, Of(All()), Nothing(), time).IsComplete.ShouldBeTrue();
    }

    // What cannot be read is told by its collector; what is switched off is not asked for.
    [Fact]
    public void What_has_no_reading_is_not_waited_for()
    {
        Snapshot first = Of(Counters(time.GetTimestamp(), 0), new CollectorState { Name = "conntrack", Interval = Second, Outcome = Outcome.Absent });
        time.Advance(Second);
        Snapshot second = Of(Counters(time.GetTimestamp(), 0), new CollectorState { Name = "conntrack", Interval = Second, Outcome = Outcome.Absent });

        SecondLook.IsDue(first, second, time).ShouldBeTrue();
        SecondLook.NoteReadOnce(first, second, Nothing(), time).IsComplete.ShouldBeTrue();
    }

    // It failed at the first look, and is well at the second: one reading tells no rise.
    [Fact]
    public void What_was_read_at_the_second_look_alone_is_named()
    {
        Snapshot first = Of(new CollectorState { Name = "counters", Interval = Second, Outcome = Outcome.Broken, Failure = "played" });
        time.Advance(Second);
        Snapshot second = Of(Counters(time.GetTimestamp(), 0));

        SecondLook.IsDue(first, second, time).ShouldBeTrue("there is nothing to wait for");
        SecondLook.NoteReadOnce(first, second, Nothing(), time).IsComplete.ShouldBeFalse();
    }

    // A part that failed at the first look and is there at the second rises by nothing that is known.
    [Fact]
    public void A_first_reading_that_was_not_whole_is_no_first_reading()
    {
        CollectorState partial = Counters(time.GetTimestamp(), 0) with { Outcome = Outcome.Broken, Failure = "played" };
        time.Advance(Second);
        Snapshot second = Of(Counters(time.GetTimestamp(), 0));

        SecondLook.IsDue(Of(partial), second, time).ShouldBeTrue("there is nothing to wait for");
        SecondLook.NoteReadOnce(Of(partial), second, Nothing(), time).IsComplete.ShouldBeFalse();
    }

    [Fact]
    public void What_takes_one_reading_is_told_of_one_reading()
    {
        CollectorState once = All().Single(state => state.Name == "conntrack");

        Gap gap = SecondLook.NoteReadOnce(Of(once), Of(once), Nothing(), time).Gaps.ShouldHaveSingleItem();

        gap.Findings.Select(rule => rule.Id).ShouldContain("conntrack_dropping");
        gap.Findings.Select(rule => rule.Id).ShouldNotContain("conntrack_exhausting");
    }

    [Fact]
    public void No_program_is_loaded_into_the_kernel_for_a_single_look() =>
        SecondLook.ReadSoonAgain(SamplingBench.Options(new Dictionary<string, TimeSpan> { ["symptoms"] = Second, ["states"] = Second }.ToImmutableDictionary())).Collectors.Keys.ShouldBe(["states"]);

    [Theory]
    [InlineData(1000, true)]
    [InlineData(5, false)]
    [InlineData(0, false)]
    public void Other_network_namespaces_are_read_twice_too(int milliseconds, bool isComplete)
    {
        Snapshot first = Of(Elsewhere(time.GetTimestamp()));
        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Snapshot second = Of(Elsewhere(time.GetTimestamp()));

        SecondLook.IsDue(first, second, time).ShouldBe(isComplete);
        SecondLook.NoteReadOnce(first, second, Nothing(), time).IsComplete.ShouldBe(isComplete);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void What_counted_in_a_network_namespace_that_came_in_between_may_have_risen(ulong aborted, bool isComplete)
    {
        Snapshot first = Of(State("namespaces", new NamespacesReading([], seen: 0, read: 0, denied: 0)));
        time.Advance(Second);
        var born = new NamespaceReadings { Counters = new CountersReading("pod", [.. CountersReading.Tcp.Select(_ => (ulong?)0)], [.. CountersReading.TcpExt.Select(name => (ulong?)(name == "TCPAbortOnMemory" ? aborted : 0))]), Listeners = new ListenersReading("pod", []), Udp = ObservationBench.UdpOf(), Unix = ObservationBench.UnixOf() };
        Snapshot second = Of(State("namespaces", new NamespacesReading([new("pod", born, InFull: true)], seen: 1, read: 1, denied: 0)));

        DiagnosisReport report = SecondLook.NoteReadOnce(first, second, Nothing(), time);

        report.IsComplete.ShouldBe(isComplete);
        report.Gaps.SelectMany(gap => gap.Findings).Select(rule => rule.Id).ShouldBe(isComplete ? [] : ["tcp_memory_pressure", "orphans_exhausting"], ignoreOrder: true);
    }

    [Fact]
    public void Intervals_of_the_daemon_do_not_keep_a_single_look_waiting()
    {
        var wanted = new Dictionary<string, TimeSpan> { ["counters"] = TimeSpan.FromHours(1), ["listeners"] = TimeSpan.FromMilliseconds(100), ["namespaces"] = TimeSpan.FromSeconds(15), ["census"] = TimeSpan.FromSeconds(15) };

        ImmutableDictionary<string, TimeSpan> collectors = SecondLook.ReadSoonAgain(SamplingBench.Options(wanted.ToImmutableDictionary())).Collectors;

        collectors.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => $"{one.Key} {one.Value.TotalSeconds}").ShouldBe(["census 15", "counters 0.8", "listeners 0.1", "namespaces 0.8"]);
    }

    private static Snapshot Of(params CollectorState[] collectors) => new([.. collectors]);

    private DiagnosisReport Nothing() => new(time.GetUtcNow(), [], [], []);

    private CollectorState State(string name, Reading reading) =>
        new() { Name = name, Interval = Second, Outcome = Outcome.Ok, Reading = reading, LastSuccess = time.GetUtcNow(), LastSuccessTimestamp = time.GetTimestamp() };

    private CollectorState[] All() =>
    [
        Counters(time.GetTimestamp(), 0),
        State("listeners", new ListenersReading("self", [])),
        State("conntrack", new ConntrackReading("self", 5, 100, 100, new ConntrackStatistics(0, 0, 0, 0, 0, 0, 0))),
        State("neighbours", new NeighboursReading([new("ipv4", new NeighbourStatistics(3, 0, 0), 1024)])),
    ];

    private CollectorState Orphans() => State("sockstat", new SockStatReading("self", new SockStat(100, 26_214, 0, 1), new MemoryLimits(10_000, 20_000, 30_000), maxOrphans: 65_536, maxTimeWait: 100));

    private CollectorState Elsewhere(long lookedAt) => State(
        "namespaces",
        new NamespacesReading([new("pod", new NamespaceReadings { Counters = CountersOf(0), LookedAt = lookedAt }, InFull: true)], seen: 1, read: 1, denied: 0));

    private CollectorState Counters(long at, ulong aborted) => State("counters", CountersOf(aborted)) with { LastSuccessTimestamp = at };

    private static CountersReading CountersOf(ulong aborted) => new(
        "self", [.. CountersReading.Tcp.Select(_ => (ulong?)1)], [.. CountersReading.TcpExt.Select(name => (ulong?)(name == "TCPAbortOnMemory" ? aborted : 1))]);
}
