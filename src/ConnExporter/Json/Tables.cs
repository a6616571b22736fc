using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Json;

/// <summary>The tables that a snapshot fills.</summary>
internal static class Tables
{
    private static readonly Column Netns = Name("netns") with { Unsaid = KernelSource.OwnNamespace };

    /// <summary>All tables.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="at">Its time.</param>
    /// <param name="time">The clock, for the ages of readings.</param>
    public static ImmutableArray<Table> Of(Snapshot snapshot, DateTimeOffset at, TimeProvider time)
    {
        // Nothing is asked of the memory, so none is kept.
        Observation[] seen = [.. Observation.Of(snapshot, at, new Thresholds(), _ => new Memory())];
        return
        [
            Destinations(seen), Listeners(seen), Units(seen), Processes(seen[0]), Peers(seen), UdpPorts(seen), UnixListeners(seen), UnixReceivers(seen), Namespaces(snapshot, seen[0]), Settings(seen), Collectors(snapshot, time),
        ];
    }

    private static Table Destinations(Observation[] seen) => new(
        "destinations",
        [Netns, Name("destination"), Name("source"), Number("used_ratio"), Number("live"), Number("time_wait"), Number("reusable_time_wait"), Number("unproven_time_wait"), Number("usable_ports")],
        [
            .. from one in seen
               where one.Census is not null
               from row in one.Destinations
               let isOther = row.Port == Labels.Other
               let usable = isOther ? null : one.Ports?.UsableCount
               let used = one.Ports is null ? row.Live + row.TimeWait : row.Taken((int)one.Census!.Blocked, one.Ports.UsableCount)
               orderby usable is { } limit and > 0 ? used / (double)limit : -1 descending, row.Live + row.TimeWait descending
               select new object?[]
               {
                   one.Netns, isOther ? Labels.Other : InetAddress.WithPort(row.Address, row.Port), row.Source,
                   usable is > 0 ? new Share(used / (double)usable) : null, row.Live, row.TimeWait, row.ReusableTimeWait, row.UnprovenTimeWait, usable,
               },
        ]);

    private static Table Listeners(Observation[] seen) => new(
        "listeners",
        [
            Netns, Name("listener"), Number("accept_queue_ratio"), Number("accept_queue"), Number("accept_queue_limit"), Number("accept_queue_peak"), Number("drops"), Number("syn_queue"),
            Number("established"), Number("close_wait"), new("process"), new("unit"), Number("pid"), new("started_at"),
        ],
        [
            .. from one in seen
               where one.Listeners is not null
               from row in one.Listeners!.Rows
               let counted = one.ListenerOf(row.Address, row.Port)
               let ratio = row.Limit is { } limit ? row.Queue / (limit + 1.0) : (double?)null
               orderby ratio descending, row.Peak / (row.Limit + 1.0) descending, row.Drops descending
               select new object?[]
               {
                   one.Netns, InetAddress.WithPort(row.Address, row.Port), ratio is { } known ? new Share(known) : null, row.Queue, row.Limit, row.Peak, row.Drops, counted?.SynQueue,
                   counted?.Established, counted?.CloseWait, counted?.Process, counted?.Unit, counted?.Owner?.Pid, one.StartOf(counted?.Owner?.StartTicks),
               },
        ]);

    private static Table Units(Observation[] seen) => new(
        "units",
        [Netns, Name("unit"), Number("sockets"), .. SomeStates.Select(state => Number(state.Label))],
        [
            .. from one in seen
               where one.Census is not null
               from row in one.Census!.Units
               orderby Sum(row.States) descending
               select new object?[] { one.Netns, row.Key, Sum(row.States) }.Concat(Shown(row.States)).ToArray(),
        ]);

    private static Table Processes(Observation own)
    {
        var sockets = (own.Census?.Processes ?? []).ToDictionary(row => (row.Process, row.Unit), row => row.States);
        HashSet<(string, string)> listed = [.. (own.Processes?.Rows ?? []).Select(row => (row.Process, row.Unit))];
        IEnumerable<object?[]> withDescriptors =
            from row in own.Processes?.Rows ?? []
            let ratio = row.WorstLimit == 0 ? 1 : row.Worst / (double)row.WorstLimit
            orderby row.Process == Labels.Other, ratio descending, row.Descriptors descending
            let states = sockets.GetValueOrDefault((row.Process, row.Unit))
            select new object?[]
            {
                row.Process, row.Unit, row.Processes, row.Descriptors, new Share(ratio), row.Worst, row.WorstLimit, row.WorstProcessId, own.StartOf(row.WorstStartTicks),
                states is null ? null : Sum(states), states?[(int)TcpState.Established], states?[(int)TcpState.CloseWait],
            };
        IEnumerable<object?[]> withSockets =
            from row in own.Census?.Processes ?? []
            where !listed.Contains((row.Process, row.Unit))
            orderby Sum(row.States) descending
            select new object?[]
            {
                row.Process, row.Unit, null, null, null, null, null, null, null, Sum(row.States), row.States[(int)TcpState.Established], row.States[(int)TcpState.CloseWait],
            };
        return new(
            "processes",
            [
                Name("process"), Name("unit"), Number("processes"), Number("file_descriptors"), Number("fullest_ratio"), Number("fullest_open"), Number("fullest_limit"), Number("pid"), new("started_at"),
                Number("sockets"), Number("established"), Number("close_wait"),
            ],
            [.. withDescriptors, .. withSockets]);
    }

    private static Table Peers(Observation[] seen) => new(
        "peers",
        [Netns, Name("peer"), Number("inbound"), Number("outbound")],
        [
            .. from one in seen
               where one.Census is not null
               from row in one.Census!.Remotes
               orderby row.Inbound + row.Outbound descending
               select new object?[] { one.Netns, row.Remote, row.Inbound, row.Outbound },
        ]);

    private static Table UdpPorts(Observation[] seen) => new(
        "udp_ports",
        [Netns, Name("address"), Number("used_ratio"), Number("ports"), Number("usable_ports")],
        [
            .. from one in seen
               where one.Udp is not null
               from row in one.Udp!.Ports
               let usable = one.Udp!.Usable
               orderby row.InUse descending
               select new object?[] { one.Netns, row.Address, usable is > 0 ? new Share(row.InUse / (double)usable) : null, row.InUse, usable },
        ]);

    private static Table UnixListeners(Observation[] seen) => new(
        "unix_listeners",
        [Netns, Name("name"), Number("accept_queue_ratio"), Number("accept_queue"), Number("accept_queue_limit"), Number("accept_queue_peak"), Number("full_seconds"), new("process"), new("unit"), Number("pid"), new("started_at")],
        [
            .. from one in seen
               where one.Unix is not null
               from row in one.Unix!.Listeners
               let holder = row.Holding?.Server
               select new object?[]
               {
                   one.Netns, row.Name, new Share(row.Queue / (row.Limit + 1.0)), row.Queue, row.Limit, row.Peak, row.FullTotal, holder?.Name, holder?.Unit, holder?.Pid, one.StartOf(holder?.StartTicks),
               },
        ]);

    private static Table UnixReceivers(Observation[] seen) => new(
        "unix_receivers",
        [Netns, Name("name"), Number("unread_seconds"), new("full") { Texts = ["page.full.{0}"] }, new("process"), new("unit"), Number("pid"), new("started_at")],
        [
            .. from one in seen
               where one.Unix is not null
               from row in one.Unix!.Receivers
               let holder = row.Holding?.Server
               select new object?[] { one.Netns, row.Name, row.UnreadFor, row.IsFull switch { true => "yes", false => "no", null => "unknown" }, holder?.Name, holder?.Unit, holder?.Pid, one.StartOf(holder?.StartTicks) },
        ]);

    private static Table Namespaces(Snapshot snapshot, Observation own)
    {
        object?[] Row(string netns, StatesReading? states, CountersReading? counters, ConntrackReading? conntrack, ulong? worst) =>
        [
            netns, states?.Total, .. SomeStates.Select(state => (object?)states?[state.State]), counters?.ListenOverflows, conntrack?.Count, worst,
        ];
        NamespacesReading? others = snapshot.Collectors.Select(state => state.Reading).OfType<NamespacesReading>().FirstOrDefault();
        return new(
            "namespaces",
            [
                Name("netns"), Number("sockets"), .. SomeStates.Select(state => Number(state.Label)), Number("listen_overflows"), Number("conntrack_entries"), Number("worst_destination_ports"),
            ],
            [
                Row(own.Netns, own.States, own.Counters, own.Conntrack, own.Census?.Worst),
                .. from row in others?.Rows ?? []
                   let r = row.Readings
                   orderby r.States?.Total descending
                   select Row(row.Name, r.States, r.Counters, r.Conntrack, r.Worst),
            ]);
    }

    private static Table Settings(Observation[] seen) => new(
        "settings",
        [Netns, Name("setting"), new("value"), new("default"), new("meaning") { Texts = ["setting.{0}.what", "setting.{0}.advice"], IsForPeople = true }],
        [
            .. from one in seen
               from setting in SettingsOf(one)
               where setting.Value is not null
               select new object?[] { one.Netns, setting.Name, setting.Value, SettingCatalogue.Find(setting.Name)?.DefaultOn(seen[0].Settings?.Kernel), setting.Name },
        ]);

    // Of other network namespaces there is what their readings show.
    private static IEnumerable<(string Name, string? Value)> SettingsOf(Observation one) => one.Settings is { } reading ? SettingCatalogue.Present.Select(setting => (setting.Name, reading.Text(setting.Name))) :
    [
        ("net.ipv4.ip_local_port_range", one.Ports is { } ports ? $"{ports.Range.First} {ports.Range.Last}" : null),
        ("net.ipv4.tcp_mem", one.SockStat?.Limits is { } memory ? $"{memory.LowPages} {memory.PressurePages} {memory.LimitPages}" : null),
        ("net.ipv4.tcp_max_orphans", one.SockStat?.MaxOrphans?.ToString()),
        ("net.ipv4.tcp_max_tw_buckets", one.SockStat?.MaxTimeWait?.ToString()),
        ("net.netfilter.nf_conntrack_max", one.Conntrack?.Max?.ToString()),
        ("net.netfilter.nf_conntrack_buckets", one.Conntrack?.BucketCount?.ToString()),
        ("fs.file-max", one.Descriptors?.Counts.Limit.ToString()),
        ("fs.nr_open", one.Descriptors?.HighestProcessLimit?.ToString()),
    ];

    private static Table Collectors(Snapshot snapshot, TimeProvider time) => new(
        "collectors",
        [
            Name("collector"), new("outcome") { Texts = ["page.outcome.{0}"] }, Number("age_seconds"), Number("interval_seconds"), Number("duration_seconds"), Number("cpu_seconds"), Number("errors"), new("failure"),
        ],
        [
            .. snapshot.Collectors.Select(state => new object?[]
            {
                state.Name, state.Outcome?.ToString().ToLowerInvariant() ?? "waiting", state.LastSuccess is null ? null : time.GetElapsedTime(state.LastSuccessTimestamp), state.Interval,
                state.Duration, state.CpuTime, state.Errors.Aggregate(0ul, (sum, count) => sum + count), state.Failure,
            }),
        ]);

    private static Column Name(string key) => new(key) { IsName = true };

    private static Column Number(string key) => new(key) { IsNumber = true };

    private static IEnumerable<object?> Shown(ulong[] states) => SomeStates.Select(state => (object?)states[(int)state.State]);

    private static ulong Sum(ulong[] states) => states.Aggregate(0ul, (sum, count) => sum + count);

    // Those that something can run out by; the others are in the sum.
    private static readonly ImmutableArray<(TcpState State, string Label)> SomeStates =
        [.. Labels.States.Where(state => state.State is TcpState.Established or TcpState.SynSent or TcpState.SynRecv or TcpState.TimeWait or TcpState.CloseWait or TcpState.FinWait2)];
}
