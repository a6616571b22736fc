using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Json;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Diagnosis;

/// <summary>What was not read is not nothing: it is named with what cannot be told without it, and the verdict is not complete.</summary>
public class InputTests
{
    private readonly ManualTime time = new();

    [Fact]
    public void Every_rule_names_what_it_rests_on()
    {
        string[] collectors = [.. CollectorList.All.Select(entry => entry.Name)];
        foreach (Rule rule in RuleList.All)
        {
            rule.Inputs.ShouldNotBeEmpty(rule.Id);
            rule.Inputs.ShouldAllBe(input => collectors.Contains(input.Collector));
            foreach (Language language in Enum.GetValues<Language>())
            {
                rule.Inputs.ShouldAllBe(input => TextBook.Of(language)["missing." + input.Lack.Key, input.Lack.Values].Length > 0);
            }
        }
    }

    // A rule that is silent without a reading must have named it, whichever reading is taken away.
    [Theory]
    [InlineData("ports", "Absent", false)]
    [InlineData("ports", "Denied", false)]
    [InlineData("ports", "Stuck", false)]
    [InlineData("states", "Broken", false)]
    [InlineData("neighbours", "Absent", true)]
    [InlineData("neighbours", "Denied", false)]
    [InlineData("conntrack", "Absent", true)]
    [InlineData("conntrack", "Denied", false)]
    [InlineData("udp", "Absent", false)]
    [InlineData("udp", "Denied", false)]
    [InlineData("unix", "Absent", false)]
    [InlineData("ports", "Ok", true)]
    public void What_a_collector_did_not_read_is_missing_unless_it_need_not_be_there(string collector, string outcome, bool isComplete)
    {
        ExporterState state = Look(Without(collector, Enum.Parse<Outcome>(outcome)));

        state.Report!.IsComplete.ShouldBe(isComplete);
        NotSeen[] notSeen = [.. NotSeen.Of(state, TextBook.Of(Language.English)).Where(one => one.What == collector)];
        notSeen.Length.ShouldBe(isComplete ? 0 : 1);
        if (!isComplete)
        {
            string rule = collector switch { "ports" => "ephemeral_ports_exhausting", "states" => "time_wait_storm", "neighbours" => "neighbour_table_overflowing", "udp" => "udp_ports_exhausting", "unix" => "unix_accept_queue_overflowing", _ => "conntrack_exhausting" };
            notSeen[0].Why.ShouldContain(rule);
            notSeen[0].Why.ShouldContain("played");
            state.Report.Counts.Where(count => count.Id == rule).ShouldAllBe(count => !count.IsKnown);
            MetricsPageOf(state).ShouldNotContain($"conn_finding{{finding=\"{rule}\"");
        }

        MetricsPageOf(state).Contains("conn_finding{finding=\"process_descriptors_exhausting\"", StringComparison.Ordinal).ShouldBeTrue("it rests on something else");
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(1, 0, false)]
    [InlineData(0, 1, false)]
    public void Another_namespace_of_which_nothing_is_known_may_have_anything(int missed, int denied, bool isComplete)
    {
        CollectorState namespaces = State("namespaces", Outcome.Ok, new NamespacesReading([], seen: 1, read: 0, denied) { Missed = missed });

        Look([.. Everything().Where(state => state.Name != "namespaces"), namespaces]).Report!.IsComplete.ShouldBe(isComplete);
    }

    // Proof that is not to be had takes nothing away.
    [Theory]
    [InlineData("symptoms", true)]
    [InlineData("namespaces", false)]
    public void A_collector_that_is_off_unless_asked_for_makes_no_look_incomplete(string collector, bool isComplete)
    {
        ExporterState state = Look([.. Everything().Where(state => state.Name != collector), State(collector, Outcome.Denied, reading: null) with { Failure = "played" }]);
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            ReportJson.Write(json, state, "host", TextBook.Of(Language.English), NotSeen.Of(state, TextBook.Of(Language.English)));
        }

        using var document = JsonDocument.Parse(stream.ToArray());
        document.RootElement.GetProperty("complete").GetBoolean().ShouldBe(isComplete);
        document.RootElement.GetProperty("not_seen").EnumerateArray().Count().ShouldBe(1);
    }

    [Fact]
    public void What_is_switched_off_is_named_and_the_verdict_is_about_the_rest()
    {
        ExporterState state = Look([.. Everything().Where(state => state.Name != "processes")]);

        state.Report!.IsComplete.ShouldBeTrue();
        NotSeen.Of(state, TextBook.Of(Language.English)).Single(one => one.What == "processes").Why.ShouldContain("switched off");
    }

    [Theory]
    [InlineData(true, null, 0, false)]
    [InlineData(false, null, 3, false)]
    [InlineData(false, true, 0, true)]
    [InlineData(false, false, 0, false)]
    [InlineData(false, null, 0, true)]
    public void Processes_that_are_hidden_or_refused_or_elsewhere_are_not_none(bool hides, bool? isOfHost, int unreadable, bool isComplete)
    {
        CollectorState processes = State("processes", Outcome.Ok, new ProcessesReading([], seen: 5, unreadable) { HidesOthers = hides, IsOfHost = isOfHost });

        Look([.. Everything().Where(state => state.Name != "processes"), processes]).Report!.IsComplete.ShouldBe(isComplete);
    }

    // In a container with a network of its own the processes of the container are what there is to see.
    [Fact]
    public void Who_sees_only_the_processes_of_a_container_sees_all_of_its_network()
    {
        CollectorState processes = State("processes", Outcome.Ok, new ProcessesReading([], seen: 5, unreadable: 0) { HidesOthers = false, IsOfHost = false });
        CollectorState sockets = State("sockstat", Outcome.Ok, new SockStatReading("self", new SockStat(1, 0, 0, 1), limits: null, maxOrphans: null, maxTimeWait: 100));

        Look([.. Everything().Where(state => state.Name is not ("processes" or "sockstat")), processes, sockets]).Report!.IsComplete.ShouldBeTrue();
    }

    [Fact]
    public void Limits_of_accept_queues_that_are_not_told_are_missing_and_their_lengths_are_not()
    {
        CollectorState listeners = State("listeners", Outcome.Ok, new ListenersReading("self", [new("0.0.0.0", "80", 3, Limit: null, 3, Drops: null)]));

        ExporterState state = Look([.. Everything().Where(state => state.Name != "listeners"), listeners]);

        state.Report!.Gaps.ShouldHaveSingleItem().Findings.Select(rule => rule.Id).ShouldBe(["accept_queue_overflowing", "tuning_backlog_cut_off"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_receiver_that_could_not_be_asked_may_be_full_wherever_it_is(bool elsewhere)
    {
        UnixReading unasked = ObservationBench.UnixOf(unasked: 1);
        CollectorState state = elsewhere
            ? State("namespaces", Outcome.Ok, new NamespacesReading([new("pod", new NamespaceReadings { Unix = unasked }, InFull: true)], seen: 1, read: 1, denied: 0))
            : State("unix", Outcome.Ok, unasked);

        ExporterState seen = Look([.. Everything().Where(other => other.Name != state.Name), state]);

        seen.Report!.Gaps.ShouldHaveSingleItem().Findings.Select(rule => rule.Id).ShouldBe(["unix_receiver_full"]);
        NotSeen.Of(seen, TextBook.Of(Language.English)).Single().Why.ShouldContain("could not be asked");
    }

    [Fact]
    public void The_document_and_the_page_do_not_say_ok_over_what_is_missing()
    {
        ExporterState state = Look(Without("ports", Outcome.Absent));
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            ReportJson.Write(json, state, "host", TextBook.Of(Language.English), NotSeen.Of(state, TextBook.Of(Language.English)));
        }

        using var document = JsonDocument.Parse(stream.ToArray());
        document.RootElement.GetProperty("complete").GetBoolean().ShouldBeFalse();
        ConnExporter.Web.Pages.VerdictPart.Word(state.Report!, TextBook.Of(Language.English)).ShouldBe("could not tell");
        ConnExporter.Web.Pages.VerdictPart.Word(Look(Everything()).Report!, TextBook.Of(Language.English)).ShouldBe("ok");
    }

    private static string MetricsPageOf(ExporterState state)
    {
        var page = new ConnExporter.Metrics.ExpositionWriter();
        FindingMetrics.Write(page, state.Report!);
        page.End();
        return System.Text.Encoding.UTF8.GetString(page.ToText(ConnExporter.Metrics.ExpositionFormat.Text));
    }

    private ExporterState Look(CollectorState[] collectors)
    {
        Snapshot snapshot = Snapshot.Empty with { Collectors = [.. collectors] };
        var diagnostician = new Diagnostician(RuleList.All, new Thresholds { For = TimeSpan.Zero }, time, (_, e) => throw e);
        return new ExporterState(snapshot) { Report = diagnostician.Look(snapshot) };
    }

    private static CollectorState[] Without(string collector, Outcome outcome) =>
        [.. Everything().Select(state => state.Name == collector && outcome != Outcome.Ok ? state with { Outcome = outcome, Reading = null, Failure = "played" } : state)];

    private static CollectorState[] Everything() =>
    [
        State("states", Outcome.Ok, new StatesReading("self", new ulong[TcpTable.StateCount], StatesReading.SockDiag)),
        State("listeners", Outcome.Ok, new ListenersReading("self", [])),
        State("counters", Outcome.Ok, new CountersReading("self", [.. CountersReading.Tcp.Select(_ => (ulong?)1)], [.. CountersReading.TcpExt.Select(_ => (ulong?)1)])),
        State("sockstat", Outcome.Ok, new SockStatReading("self", new SockStat(1, 0, 0, 1), new MemoryLimits(1000, 2000, 3000), maxOrphans: 100, maxTimeWait: 100)),
        State("ports", Outcome.Ok, new PortsReading("self", new PortRange(32_768, 60_999), PortSet.Parse("reserved", "\n"u8))),
        State("census", Outcome.Ok, ObservationBench.CensusOf()),
        State("conntrack", Outcome.Ok, new ConntrackReading("self", 5, 100, 100, new ConntrackStatistics(0, 0, 0, 0, 0, 0, 0))),
        State("neighbours", Outcome.Ok, new NeighboursReading([new("ipv4", new NeighbourStatistics(3, 0, 0), 1024)])),
        State("udp", Outcome.Ok, ObservationBench.UdpOf()),
        State("unix", Outcome.Ok, ObservationBench.UnixOf()),
        State("descriptors", Outcome.Ok, new DescriptorsReading(new FileCounts(10, 1000), 1000)),
        State("processes", Outcome.Ok, new ProcessesReading([], seen: 5, unreadable: 0) { HidesOthers = false, IsOfHost = true }),
        State("settings", Outcome.Ok, new SettingsReading("self", new Dictionary<string, string>(), null, [])),
    ];

    private static CollectorState State(string name, Outcome outcome, Reading? reading) => new() { Name = name, Interval = TimeSpan.FromSeconds(1), Outcome = outcome, Reading = reading, LastSuccessTimestamp = 1 };
}
