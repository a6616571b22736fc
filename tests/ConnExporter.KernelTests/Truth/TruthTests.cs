using System.Collections.Concurrent;
using System.Globalization;

namespace ConnExporter.KernelTests.Truth;

/// <summary>Under churn every value of the page lies within what others saw before and after its sample.</summary>
public class TruthTests
{
    private const int SamplesOfEach = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    // Why a family is not compared here, and which test proves it.
    private static readonly Dictionary<string, string> Unwitnessed = new(StringComparer.Ordinal)
    {
        ["conn_ephemeral_ports_reserved"] = "a setting, compared below",
        ["conn_ephemeral_ports_usable"] = "a setting, compared below",
        ["conn_sysctl"] = "settings, compared below",
        ["conn_tcp_close_wait_oldest_seconds"] = "an age, compared below",
        ["conn_tcp_queued_bytes"] = "pages that are being sent are in it: CensusTests.Who_does_not_read_and_whose_peer_does_not_read_is_stalled",
        ["conn_tcp_stalled_sockets"] = "needs a history that nobody else keeps: CensusTests.Who_does_not_read_and_whose_peer_does_not_read_is_stalled",
        ["conn_listener_accept_queue_peak"] = "needs a history that nobody else keeps: ListenersCollectorTests.The_peak_is_the_longest_queue_of_the_last_minute",
        ["conn_ephemeral_worst_destination_ports"] = "only connect() knows: CensusTests.The_worst_destination_is_full_when_connect_fails_and_not_before",
        ["conn_ephemeral_destination_sightings"] = "what was caught: TimeWaitOwnerTests.A_client_with_connections_of_a_millisecond_is_named_by_process_and_unit",
        ["conn_census_count_error"] = "a bound of its own: CensusTests.Rows_and_the_row_other_sum_to_what_was_seen",
        ["conn_process_sockets_covered_ratio"] = "a share of its own: SocketOwnersTests.Coverage_tells_what_is_known",
        ["conn_tcp_sockets_source"] = "which way was taken: GuestTests.Linux_6_1_without_inet_diag_falls_back_to_proc_exactly",
        ["conn_ephemeral_port_probes_total"] = "our own questions: CensusTests.Asking_for_a_port_is_counted_by_us_as_by_the_kernel_and_can_be_switched_off",
        ["conn_port_lookup_destination_ports"] = "while the census is old: PortLookupTests.A_destination_is_followed_while_the_census_is_old_and_nobody_else_can_hold_more_than_is_said",
        ["conn_port_lookup_destination_error_ports"] = "a bound of its own: PortSampleTests.What_is_estimated_has_a_bound_and_what_is_counted_has_none",
        ["conn_port_lookup_most_elsewhere_ports"] = "a bound of its own: PortLookupTests.A_destination_is_followed_while_the_census_is_old_and_nobody_else_can_hold_more_than_is_said",
        ["conn_port_lookup_sampled_walks_total"] = "our own walks: PortLookupTests.What_is_looked_up_port_by_port_and_part_by_part_is_what_a_dump_shows",
        ["conn_unix_receivers"] = "looked at every 15 s: UnixTests.A_receiver_that_does_not_read_takes_nothing_any_more",
        ["conn_unix_listener_queue_peak"] = "needs a history that nobody else keeps: UnixCollectorTests.The_time_at_full_is_that_between_looks_that_both_saw_it_so",
        ["conn_unix_listener_full_seconds_total"] = "needs a history that nobody else keeps: UnixCollectorTests.The_time_at_full_is_that_between_looks_that_both_saw_it_so",
        ["conn_unix_listener_info"] = "looked for where a queue is half full: UnixTests.A_pool_of_workers_that_does_not_accept_fills_its_queue",
        ["conn_unix_receiver_unread_seconds"] = "needs a history that nobody else keeps: UnixCollectorTests.Receivers_are_looked_at_every_fifteen_seconds_and_not_known_to_be_full_without_being_asked",
        ["conn_unix_receiver_full"] = "only send() knows: UnixTests.A_receiver_that_does_not_read_takes_nothing_any_more",
        ["conn_processes_hidden"] = "nothing is to root: UnseenTests",
        ["conn_processes_unreadable"] = "nothing is to root: UnprivilegedTests.Processes_of_others_are_counted_where_the_kernel_tells_their_descriptors_and_marked_where_it_does_not",
        ["conn_namespaces"] = "not read here: NamespacesTests.Two_others_are_exact_each_under_its_name",
        ["conn_series_dropped_total"] = "what the page left out: CollectContextTests.Dropped_label_sets_add_up_and_0_makes_the_family_known",
        ["conn_diagnosis_timestamp_seconds"] = "a time of the daemon's own",
        ["conn_finding"] = "a judgement, not a reading: the tests of Findings",
        ["conn_finding_info"] = "a judgement, not a reading: the tests of Findings",
        ["conn_findings_total"] = "a judgement, not a reading: FindingTrackerTests",
        ["conn_incidents_total"] = "a judgement, not a reading: IncidentFollowerTests",
        ["conn_resource_used_ratio"] = "worked out of the above: the tests of Findings",
        ["conn_resource_peak_ratio"] = "worked out of the above: the tests of Findings",
        ["conn_resource_worst_info"] = "worked out of the above: the tests of Findings",
        ["conn_resource_exhaustion_seconds"] = "a forecast: ForecastTests",
    };

    private static readonly string[] OfTheExporter = ["conn_exporter_", "conn_collector_", "conn_sampling_", "conn_recorder_"];

    [KernelFact("dotnet", "ss", "nft", "cat")]
    public void Every_value_lies_between_what_others_say_before_and_after_it()
    {
        using var network = new NetworkNamespace();
        network.Run("nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in ct state new counter");
        network.Set("net/ipv4/ip_local_reserved_ports", "40000-40099,50000");
        string holder = Path.Join(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"truth{Environment.ProcessId}"));
        File.Copy(Needs.Find("cat")!, holder, overwrite: true);
        try
        {
            using var mix = new Lab(
                network, "mix", "--established", "400", "--established6", "50", "--established-mapped", "50", "--close-wait", "30", "--fin-wait2", "20", "--orphans", "40",
                "--time-wait", "60", "--syn-sent", "15", "--syn-recv", "25", "--fin-wait1", "5", "--last-ack", "5", "--closing", "5", "--listen", "6");
            using var full = new Lab(network, "backlog", "--limit", "2", "--clients", "6");
            using var descriptors = new Lab(network, "descriptors", "--processes", "3", "--each", "60", "--nofile", "100", "--program", holder);
            using var churn = new Lab(network, "churn", "--rate", "150");
            using var others = new OtherSockets(network);
            using var daemon = new RunningDaemon(
                network,
                ["--netns=host", "--sampling.cpu-budget=1", "--collector.census.top=200", "--collector.census.destinations=200", .. Comparison.Families.Values.Select(family => family.Collector).Append("settings").Distinct().Select(collector => $"--collector.{collector}.interval=200ms")]);
            int[] holders = [.. Directory.EnumerateDirectories("/proc").Where(directory => NameOf(directory) == Path.GetFileName(holder)).Select(directory => int.Parse(Path.GetFileName(directory)))];
            holders.Length.ShouldBe(3);

            (List<SecondPage> looks, List<MetricsText> pages) = Watch(network, daemon, (Path.GetFileName(holder), holders), churn.Number("port"));

            var comparison = new Comparison(looks);
            List<Sample> samples = [.. SamplesOf(pages)];
            Dictionary<string, int> judged = [];
            List<string> offences = [.. samples.SelectMany(sample => comparison.Compare(sample.Collector, sample.Page, sample.From, sample.To, family => judged[family] = judged.GetValueOrDefault(family) + 1) ?? [])];
            offences.ShouldBeEmpty(string.Join('\n', offences.Distinct().Take(40)));
            Comparison.Families.Keys.Except(judged.Keys).ShouldBeEmpty("families that nothing was compared of");
            pages[^1].Rows.Select(row => row.Name).Distinct().Except(Comparison.Families.Keys).Except(Unwitnessed.Keys)
                .Where(family => !Array.Exists(OfTheExporter, prefix => family.StartsWith(prefix, StringComparison.Ordinal))).ShouldBeEmpty("families that nobody else was asked about");
            SettingsAreThoseInForce(network, pages[^1]);
            TheOldestIsAsOldAsSsSays(looks, pages);

            // And it would have been noticed: no family bears a value that is not true.
            foreach (string family in Comparison.Families.Keys)
            {
                samples.Where(sample => sample.Collector == Comparison.Families[family].Collector)
                    .SelectMany(sample => comparison.Compare(sample.Collector, Spoilt(sample.Page, family), sample.From, sample.To, _ => { }) ?? [])
                    .ShouldContain(offence => offence.StartsWith(family + "{", StringComparison.Ordinal), $"a wrong {family} passes");
            }
        }
        finally
        {
            File.Delete(holder);
        }
    }

    // Until each collector has given enough samples, each with somebody who looked before and after.
    private static (List<SecondPage> Looks, List<MetricsText> Pages) Watch(NetworkNamespace network, RunningDaemon daemon, (string Name, int[] Processes) holders, int churnPort)
    {
        var looks = new ConcurrentQueue<SecondPage>();
        using var end = new CancellationTokenSource();
        Task<bool> looking = Task.Run(() => network.Inside(() =>
        {
            do
            {
                looks.Enqueue(SecondPage.Look(daemon.ProcessId, holders, churnPort, RunningDaemon.Port));
            }
            while (!end.IsCancellationRequested);

            return true;
        }));
        List<MetricsText> pages = [];
        try
        {
            Poll.Until(() => looks.Count, count => count > 1 || looking.IsCompleted, "a first look", Patience);
            Poll.Until(
                () =>
                {
                    pages.Add(daemon.Scrape());
                    return SamplesOf(pages).CountBy(sample => sample.Collector).ToDictionary(count => count.Key, count => count.Value);
                },
                counts => looking.IsCompleted || Comparison.Families.Values.All(family => counts.GetValueOrDefault(family.Collector) >= SamplesOfEach),
                "samples of each collector",
                Patience);
        }
        finally
        {
            end.Cancel();
            looking.GetAwaiter().GetResult();
        }

        return ([.. looks, network.Inside(() => SecondPage.Look(daemon.ProcessId, holders, churnPort, RunningDaemon.Port))], pages);
    }

    // A page shows the samples that are new on it; when the one before was published is on an earlier page.
    private static IEnumerable<Sample> SamplesOf(List<MetricsText> pages)
    {
        Dictionary<string, double> last = [];
        foreach (MetricsText page in pages)
        {
            Dictionary<string, double>? series = null;
            foreach ((_, string[] labels, double at) in page.Rows.Where(row => row.Name == "conn_collector_last_success_timestamp_seconds"))
            {
                string collector = labels[0]["collector=\"".Length..^1];
                if (last.TryGetValue(collector, out double before) && before != at)
                {
                    yield return new Sample(collector, series ??= Comparison.Normalize(page), before, at);
                }

                last[collector] = at;
            }
        }
    }

    private static void SettingsAreThoseInForce(NetworkNamespace network, MetricsText page)
    {
        (string Name, string[] Labels, double Value)[] settings = [.. page.Rows.Where(row => row.Name == "conn_sysctl")];
        settings.Length.ShouldBeGreaterThan(10);
        foreach ((_, string[] labels, double value) in settings)
        {
            string name = labels.First(label => label.StartsWith("name=", StringComparison.Ordinal))["name=\"".Length..^1];
            network.Inside(() => double.Parse(File.ReadAllText("/proc/sys/" + name.Replace('.', '/')), CultureInfo.InvariantCulture)).ShouldBe(value, name);
        }

        string[] range = network.Inside(() => File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range")).Split('\t');
        int reserved = Enumerable.Range(40_000, 100).Append(50_000).Count(port => port >= int.Parse(range[0]) && port <= int.Parse(range[1]));
        page.Value("conn_ephemeral_ports_reserved", "netns=\"self\"").ShouldBe(reserved);
        page.Value("conn_ephemeral_ports_usable", "netns=\"self\"").ShouldBe(int.Parse(range[1]) - int.Parse(range[0]) + 1 - reserved);
    }

    // Both tell how long ago a segment came: so when that was is the same at any time, but for the tick of the kernel's clock.
    private static void TheOldestIsAsOldAsSsSays(List<SecondPage> looks, List<MetricsText> pages)
    {
        const double Tick = 0.02;
        double earliest = looks.Max(look => look.OldestCloseWait.Earliest) - Tick;
        double latest = looks.Min(look => look.OldestCloseWait.Latest) + Tick;
        foreach (Sample sample in SamplesOf(pages).Where(sample => sample.Collector == "census"))
        {
            double age = sample.Page["conn_tcp_close_wait_oldest_seconds{netns=\"self\"}"];
            (sample.To - age).ShouldBeGreaterThanOrEqualTo(earliest);
            (sample.From - age).ShouldBeLessThanOrEqualTo(latest);
        }
    }

    private static Dictionary<string, double> Spoilt(Dictionary<string, double> page, string family) => page.ToDictionary(
        series => series.Key, series => series.Key.StartsWith(family + "{", StringComparison.Ordinal) ? (2 * series.Value) + 100_000_000 : series.Value, StringComparer.Ordinal);

    private static string? NameOf(string process)
    {
        try
        {
            return char.IsAsciiDigit(Path.GetFileName(process)[0]) ? File.ReadAllText(Path.Join(process, "comm")).TrimEnd('\n') : null;
        }
        catch (IOException)
        {
            // It has ended.
            return null;
        }
    }

    private sealed record Sample(string Collector, Dictionary<string, double> Page, double From, double To);
}
