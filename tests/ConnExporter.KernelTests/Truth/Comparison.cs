using System.Globalization;

namespace ConnExporter.KernelTests.Truth;

/// <summary>How far a value of the page may lie from what other witnesses say.</summary>
internal enum Bound
{
    /// <summary>Not at all; or neither has it.</summary>
    Exact,

    /// <summary>A counter: not below what it was before the sample, not above what it was after it.</summary>
    Counter,

    /// <summary>
    /// Sockets, by whatever: within what was seen before, during and after the sample, give or take the sockets that were opened in that time
    /// and those that were between two states when it began: churn times the time between the two looks, counted by the kernel.
    /// </summary>
    Sockets,

    /// <summary>As <see cref="Sockets"/>, but there may be fewer: not all are found.</summary>
    SocketsAtMost,

    /// <summary>Processes or threads: give or take those that were forked in that time, which the kernel counts too.</summary>
    Processes,

    /// <summary>Open files of the host: give or take a socket for each that was opened, and the libraries and pipes of a small program for each fork.</summary>
    Files,

    /// <summary>Memory of TCP: give or take what the kernel sets aside for each processor at once, and the most that it has moved between two looks.</summary>
    Buffers,

    /// <summary>Memory of the daemon: give or take a half, because malloc gives pages back and takes them anew between two looks, and the most that it has moved between two.</summary>
    Memory,

    /// <summary>A moment that the kernel tells in whole seconds.</summary>
    Second,
}

/// <summary>Compares pages of the daemon with those of other witnesses.</summary>
/// <remarks>
/// A sample lies between the time stamp of the one before, because a collector takes one after the other, and its own. What the last look
/// before and the first look after that time say are its bounds; no clock but the host's is needed, and no assumption on how long anything takes.
/// </remarks>
internal sealed class Comparison
{
    /// <summary>How every family that has another witness is judged, and which collector reads it.</summary>
    public static readonly Dictionary<string, (string Collector, Bound Bound)> Families = new(StringComparer.Ordinal)
    {
        ["process_cpu_seconds_total"] = ("self", Bound.Counter),
        ["process_resident_memory_bytes"] = ("self", Bound.Memory),
        ["process_virtual_memory_bytes"] = ("self", Bound.Memory),
        ["process_open_fds"] = ("self", Bound.Sockets),
        ["process_max_fds"] = ("self", Bound.Exact),
        ["process_threads"] = ("self", Bound.Processes),
        ["process_start_time_seconds"] = ("self", Bound.Second),
        ["conn_tcp_sockets"] = ("states", Bound.Sockets),
        ["conn_listener_accept_queue"] = ("listeners", Bound.Sockets),
        ["conn_listener_accept_queue_limit"] = ("listeners", Bound.Exact),
        ["conn_listener_drops_total"] = ("listeners", Bound.Counter),
        ["conn_tcp_active_opens_total"] = ("counters", Bound.Counter),
        ["conn_tcp_passive_opens_total"] = ("counters", Bound.Counter),
        ["conn_tcp_attempt_fails_total"] = ("counters", Bound.Counter),
        ["conn_tcp_established_resets_total"] = ("counters", Bound.Counter),
        ["conn_tcp_segments_sent_total"] = ("counters", Bound.Counter),
        ["conn_tcp_segments_retransmitted_total"] = ("counters", Bound.Counter),
        ["conn_tcp_syncookies_sent_total"] = ("counters", Bound.Counter),
        ["conn_tcp_syncookies_received_total"] = ("counters", Bound.Counter),
        ["conn_tcp_syncookies_failed_total"] = ("counters", Bound.Counter),
        ["conn_tcp_time_wait_total"] = ("counters", Bound.Counter),
        ["conn_tcp_time_wait_recycled_total"] = ("counters", Bound.Counter),
        ["conn_tcp_paws_rejections_total"] = ("counters", Bound.Counter),
        ["conn_tcp_listen_overflows_total"] = ("counters", Bound.Counter),
        ["conn_tcp_listen_drops_total"] = ("counters", Bound.Counter),
        ["conn_tcp_timeouts_total"] = ("counters", Bound.Counter),
        ["conn_tcp_receive_queue_drops_total"] = ("counters", Bound.Counter),
        ["conn_tcp_aborts_total"] = ("counters", Bound.Counter),
        ["conn_tcp_memory_pressures_total"] = ("counters", Bound.Counter),
        ["conn_tcp_backlog_drops_total"] = ("counters", Bound.Counter),
        ["conn_tcp_time_wait_overflows_total"] = ("counters", Bound.Counter),
        ["conn_tcp_request_queue_full_cookies_total"] = ("counters", Bound.Counter),
        ["conn_tcp_request_queue_full_drops_total"] = ("counters", Bound.Counter),
        ["conn_tcp_syn_retransmits_total"] = ("counters", Bound.Counter),
        ["conn_tcp_keepalive_probes_total"] = ("counters", Bound.Counter),
        ["conn_tcp_orphaned_sockets"] = ("sockstat", Bound.Sockets),
        ["conn_tcp_memory_bytes"] = ("sockstat", Bound.Buffers),
        ["conn_softnet_packets_total"] = ("sockstat", Bound.Counter),
        ["conn_softnet_drops_total"] = ("sockstat", Bound.Counter),
        ["conn_softnet_squeezes_total"] = ("sockstat", Bound.Counter),
        ["conn_tcp_time_wait_limit"] = ("sockstat", Bound.Exact),
        ["conn_ephemeral_port_first"] = ("ports", Bound.Exact),
        ["conn_ephemeral_port_last"] = ("ports", Bound.Exact),
        ["conn_census_sockets"] = ("census", Bound.Sockets),
        ["conn_ephemeral_ports_in_use"] = ("census", Bound.Sockets),
        ["conn_ephemeral_ports_blocked"] = ("census", Bound.Sockets),
        ["conn_ephemeral_destination_ports"] = ("census", Bound.Sockets),
        ["conn_listener_syn_queue"] = ("census", Bound.Sockets),
        ["conn_listener_sockets"] = ("census", Bound.Sockets),
        ["conn_listener_info"] = ("census", Bound.Exact),
        ["conn_unit_sockets"] = ("census", Bound.Sockets),
        ["conn_process_sockets"] = ("census", Bound.SocketsAtMost),
        ["conn_remote_sockets"] = ("census", Bound.Sockets),
        ["conn_remote_port_sockets"] = ("census", Bound.Sockets),
        ["conn_udp_sockets"] = ("udp", Bound.Sockets),
        ["conn_udp_ports_in_use"] = ("udp", Bound.Sockets),
        ["conn_udp_destination_sockets"] = ("udp", Bound.Sockets),
        ["conn_udp_unit_sockets"] = ("udp", Bound.Sockets),
        ["conn_udp_process_port_sockets"] = ("udp", Bound.SocketsAtMost),
        ["conn_udp_receive_queue_bytes"] = ("udp", Bound.Exact),
        ["conn_udp_receive_queue_limit_bytes"] = ("udp", Bound.Exact),
        ["conn_udp_socket_drops_total"] = ("udp", Bound.Counter),
        ["conn_udp_datagrams_total"] = ("udp", Bound.Counter),
        ["conn_udp_errors_total"] = ("udp", Bound.Counter),
        ["conn_udp_memory_bytes"] = ("udp", Bound.Buffers),
        ["conn_unix_listeners"] = ("unix", Bound.Exact),
        ["conn_unix_listener_queue"] = ("unix", Bound.Exact),
        ["conn_unix_listener_queue_limit"] = ("unix", Bound.Exact),
        ["conn_unix_datagram_queue_limit"] = ("unix", Bound.Exact),
        ["conn_conntrack_entries"] = ("conntrack", Bound.Sockets),
        ["conn_conntrack_entries_limit"] = ("conntrack", Bound.Exact),
        ["conn_conntrack_buckets"] = ("conntrack", Bound.Exact),
        ["conn_conntrack_drops_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_early_drops_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_insert_failed_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_invalid_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_clash_resolved_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_chain_too_long_total"] = ("conntrack", Bound.Counter),
        ["conn_conntrack_search_restarts_total"] = ("conntrack", Bound.Counter),
        ["conn_file_descriptors"] = ("descriptors", Bound.Files),
        ["conn_file_descriptors_limit"] = ("descriptors", Bound.Exact),
        ["conn_file_descriptors_process_limit"] = ("descriptors", Bound.Exact),
        ["conn_processes"] = ("processes", Bound.Processes),
        ["conn_process_group_processes"] = ("processes", Bound.Exact),
        ["conn_process_group_file_descriptors"] = ("processes", Bound.Exact),
        ["conn_process_group_worst_file_descriptors"] = ("processes", Bound.Exact),
        ["conn_process_group_worst_file_descriptors_limit"] = ("processes", Bound.Exact),
    };

    private const int FilesOfAProgram = 64;
    private const int BytesOfAProcessor = 1 << 20;
    private readonly List<SecondPage> looks;
    private readonly Dictionary<string, double> steps = [];

    /// <summary>A comparison with looks of others.</summary>
    /// <param name="looks">What the others have said, in the order of time.</param>
    public Comparison(List<SecondPage> looks)
    {
        this.looks = looks;
        foreach ((SecondPage earlier, SecondPage later) in looks.Zip(looks.Skip(1)))
        {
            foreach ((string series, double value) in later.Values)
            {
                steps[series] = Math.Max(steps.GetValueOrDefault(series), Math.Abs(value - earlier.Values.GetValueOrDefault(series, value)));
            }
        }
    }

    /// <summary>Compares what one sample of a collector has told.</summary>
    /// <param name="collector">The collector.</param>
    /// <param name="page">The series of the page, as <see cref="Normalize"/> names them.</param>
    /// <param name="from">When the sample before was published.</param>
    /// <param name="to">When this one was.</param>
    /// <param name="judged">Is given each family of which something was compared.</param>
    /// <returns>What lies outside its bounds; null where nobody looked both before and after.</returns>
    public List<string>? Compare(string collector, Dictionary<string, double> page, double from, double to, Action<string> judged)
    {
        int before = looks.FindLastIndex(look => look.Ended <= from);
        int after = looks.FindIndex(look => look.Began >= to);
        if (before < 0 || after < 0)
        {
            return null;
        }

        var offences = new List<string>();
        List<SecondPage> span = looks[before..(after + 1)];
        var slack = new Slack(
            SecondPage.OpensOf(span[^1].CountersLast) - SecondPage.OpensOf(span[0].CountersFirst) + span[0].InFlight,
            span[^1].Forks - span[0].ForksFirst);
        foreach ((string family, (_, Bound bound)) in Families.Where(family => family.Value.Collector == collector))
        {
            foreach (string series in SeriesOf(family, page, span))
            {
                judged(family);
                (double? low, double? high) = bound == Bound.Counter ? CounterBounds(series, span) : Bounds(series, bound, slack, span);
                double? value = page.TryGetValue(series, out double found) ? found : bound is Bound.Sockets or Bound.SocketsAtMost ? 0 : null;
                if (value is null != low is null || value < low || value > high)
                {
                    offences.Add(string.Create(CultureInfo.InvariantCulture, $"{series} {value}, but by others it lies between {low} and {high} ({span.Count} looks)"));
                }
            }
        }

        return offences;
    }

    /// <summary>The page without the label <c>unit</c>, and without telling apart which TIME_WAIT sockets may be taken over: nobody else knows.</summary>
    public static Dictionary<string, double> Normalize(MetricsText page)
    {
        var series = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach ((string name, string[] labels, double value) in page.Rows)
        {
            string key = $"{name}{{{string.Join(',', labels.Where(label => !label.StartsWith("unit=", StringComparison.Ordinal)))}}}".Replace("\"reusable_time_wait\"", "\"time_wait\"", StringComparison.Ordinal);
            series[key] = series.GetValueOrDefault(key) + value;
        }

        return series;
    }

    // Processes are compared where they are the test's own: of the others nobody was asked. Listeners where their process is found already; until then the
    // page says that it is not known.
    private static IEnumerable<string> SeriesOf(string family, Dictionary<string, double> page, List<SecondPage> span)
    {
        IEnumerable<string> witnessed = span.SelectMany(look => look.Values.Keys.Concat(look.CountersFirst.Keys));
        IEnumerable<string> all = family switch
        {
            "conn_listener_info" => page.Keys.Where(series => !series.Contains("process=\"unknown\"", StringComparison.Ordinal)),
            _ when family.StartsWith("conn_process_group_", StringComparison.Ordinal) => witnessed,
            _ => witnessed.Concat(page.Keys),
        };
        return all.Where(series => series.StartsWith(family + "{", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal);
    }

    private (double? Low, double? High) Bounds(string series, Bound bound, Slack slack, List<SecondPage> span)
    {
        bool counts = bound is Bound.Sockets or Bound.SocketsAtMost;
        double[] seen = [.. span.Where(look => counts || look.Values.ContainsKey(series)).Select(look => look.Values.GetValueOrDefault(series))];
        if (seen.Length == 0)
        {
            return (null, null);
        }

        double room = bound switch
        {
            Bound.Exact => 0,
            Bound.Second => 1,
            Bound.Processes => slack.Forks,
            Bound.Files => slack.Sockets + (FilesOfAProgram * slack.Forks),
            Bound.Buffers => steps.GetValueOrDefault(series) + (BytesOfAProcessor * Environment.ProcessorCount),
            Bound.Memory => steps.GetValueOrDefault(series) + (seen.Max() / 2),
            _ => slack.Sockets,
        };
        return (bound == Bound.SocketsAtMost ? 0 : seen.Min() - room, seen.Max() + room);
    }

    private static (double? Low, double? High) CounterBounds(string series, List<SecondPage> span)
    {
        // Drops of listeners come from ss, and not first and last.
        double? low = span[0].CountersLast.TryGetValue(series, out double first) || span[0].Values.TryGetValue(series, out first) ? first : null;
        double? high = span[^1].CountersFirst.TryGetValue(series, out double last) || span[^1].Values.TryGetValue(series, out last) ? last : null;
        return (low, high);
    }

    /// <summary>How much may have come and gone between two looks.</summary>
    /// <param name="Sockets">Sockets that were opened meanwhile, and those that were between two states.</param>
    /// <param name="Forks">Processes and threads that were started.</param>
    private readonly record struct Slack(double Sockets, double Forks);
}
