using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Kernel.Bpf;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Makes counters of what the kernel's map says: the map forgets keys, counters do not.</summary>
/// <param name="unitOf">The unit of a cgroup; null where it is not found.</param>
internal sealed class SymptomTotals(Func<ulong, string?> unitOf)
{
    /// <summary>Rows of each family at most.</summary>
    public const int Shown = 200;

    /// <summary>Of what was asked of a port that is not a service's there may be many.</summary>
    public const int PortsShown = 50;

    private readonly Dictionary<SymptomKey, Seen> seen = [];
    private readonly Dictionary<SymptomKind, ulong> lostBefore = [];
    private readonly SymptomRows connects = new(Shown, static labels => new(Labels.Other, Labels.Other, labels.Third));
    private readonly SymptomRows connectPorts = new(PortsShown, static labels => new(Labels.Other, labels.Second));
    private readonly SymptomRows closes = new(Shown, static _ => new(Labels.Other, Labels.Other, Labels.Other));
    private readonly SymptomRows accepted = new(PortsShown, static _ => new(Labels.Other, Labels.Other));
    private readonly SymptomRows accepts = new(Shown, static labels => new(Labels.Other, Labels.Other, labels.Third));
    private readonly SymptomRows descriptors = new(Shown, static _ => new(Labels.Other, Labels.Other));
    private readonly SymptomRows binds = new(Shown, static _ => new(Labels.Other, Labels.Other, Labels.Other));
    private ulong lost;

    /// <summary>What this process counts as; it is left out.</summary>
    public (ulong Cgroup, string Process)? Own { get; set; }

    /// <summary>Takes a count of the kernel's.</summary>
    /// <param name="key">What is counted.</param>
    /// <param name="value">How often since the programs were loaded.</param>
    /// <param name="time">The clock.</param>
    public void Take(SymptomKey key, ulong value, TimeProvider time)
    {
        if (!seen.TryGetValue(key, out Seen? known))
        {
            known = new Seen(key.Process);
            seen.Add(key, known);
        }

        // A key that was forgotten and came again begins at 0.
        ulong more = value >= known.Value ? value - known.Value : value;
        if (more == 0)
        {
            return;
        }

        (known.Value, known.ChangedAt) = (value, time.GetTimestamp());
        if (Own is { } own && own.Cgroup == key.Cgroup && own.Process == known.Process)
        {
            return;
        }

        // A cgroup that was not found is looked for again.
        known.Unit ??= unitOf(key.Cgroup);
        Add(key, known.Process, known.Unit ?? Labels.Unknown, more, time);
    }

    /// <summary>Takes how many found no room in the kernel.</summary>
    /// <param name="kind">What they were.</param>
    /// <param name="value">How often since the programs were loaded.</param>
    public void TakeLost(SymptomKind kind, ulong value)
    {
        ulong more = value - Math.Min(value, lostBefore.GetValueOrDefault(kind));
        lostBefore[kind] = value;
        lost += more;
        if (more > 0)
        {
            (SymptomRows? rows, SymptomLabels labels) = kind switch
            {
                SymptomKind.ConnectFailed or SymptomKind.ConnectAbandoned or SymptomKind.NoPort or SymptomKind.ConnectLocal => (connects, new SymptomLabels(Labels.Other, Labels.Other, ReasonOf(kind, 0))),
                SymptomKind.ClosedFirst => (closes, new SymptomLabels(Labels.Other, Labels.Other, Labels.Other)),
                SymptomKind.Accepted => (accepted, new SymptomLabels(Labels.Other, Labels.Other)),
                SymptomKind.AcceptFailed => (accepts, new SymptomLabels(Labels.Other, Labels.Other, Labels.Other)),
                SymptomKind.DescriptorRefused => (descriptors, new SymptomLabels(Labels.Other, Labels.Other)),
                SymptomKind.BindFailed => (binds, new SymptomLabels(Labels.Other, Labels.Other, Labels.Other)),
                _ => (null, default),
            };
            rows?.AddOther(labels, more);
            if (rows == connects)
            {
                connectPorts.AddOther(new SymptomLabels(Labels.Other, labels.Third), more);
            }
        }
    }

    /// <summary>Finds the keys that the kernel may give up.</summary>
    /// <param name="keys">Those that it has.</param>
    /// <param name="time">The clock.</param>
    /// <returns>Those that have not moved for long.</returns>
    public List<SymptomKey> FindIdle(ReadOnlySpan<SymptomKey> keys, TimeProvider time)
    {
        var idle = new List<SymptomKey>();
        foreach (SymptomKey key in keys)
        {
            if (seen.TryGetValue(key, out Seen? known) && time.GetElapsedTime(known.ChangedAt) >= SymptomRows.Idle)
            {
                idle.Add(key);
            }
        }

        return idle;
    }

    /// <summary>The kernel has given up a key: should it come again, it begins at 0.</summary>
    public void Forget(SymptomKey key) => seen.Remove(key);

    /// <summary>The counters at this time.</summary>
    /// <param name="hooks">Where in the kernel is counted.</param>
    public SymptomsReading ToReading(ImmutableArray<SymptomHook> hooks) => new()
    {
        Hooks = hooks,
        Connects = connects.ToRows(),
        ConnectPorts = connectPorts.ToRows(),
        Closes = closes.ToRows(),
        Accepted = accepted.ToRows(),
        Accepts = accepts.ToRows(),
        Descriptors = descriptors.ToRows(),
        Binds = binds.ToRows(),
        Lost = lost,
    };

    /// <summary>Label sets that found no row since the last call, by family.</summary>
    public IEnumerable<(string Family, int Count)> TakeLeftOut() =>
    [
        ("conn_connect_failures_total", connects.TakeLeftOut()),
        ("conn_connect_port_failures_total", connectPorts.TakeLeftOut()),
        ("conn_closes_first_total", closes.TakeLeftOut()),
        ("conn_handshakes_accepted_total", accepted.TakeLeftOut()),
        ("conn_accept_failures_total", accepts.TakeLeftOut()),
        ("conn_descriptor_failures_total", descriptors.TakeLeftOut()),
        ("conn_bind_failures_total", binds.TakeLeftOut()),
    ];

    private void Add(SymptomKey key, string process, string unit, ulong more, TimeProvider time)
    {
        string port = key.Port.ToString(CultureInfo.InvariantCulture);
        switch (key.Kind)
        {
            case SymptomKind.ConnectFailed or SymptomKind.ConnectAbandoned or SymptomKind.NoPort or SymptomKind.ConnectLocal:
                string reason = ReasonOf(key.Kind, key.Error);
                connects.Add(new SymptomLabels(process.Length > 0 ? process : Labels.Unknown, unit, reason), more, time);
                connectPorts.Add(new SymptomLabels(port, reason), more, time);
                break;
            case SymptomKind.ClosedFirst:
                closes.Add(new SymptomLabels(process, unit, port), more, time);
                break;
            case SymptomKind.Accepted:
                accepted.Add(new SymptomLabels(unit, port), more, time);
                break;
            case SymptomKind.AcceptFailed:
                accepts.Add(new SymptomLabels(process, unit, ReasonOfAccept(key.Error)), more, time);
                break;
            case SymptomKind.DescriptorRefused:
                descriptors.Add(new SymptomLabels(process, unit), more, time);
                break;
            case SymptomKind.BindFailed:
                binds.Add(new SymptomLabels(process, unit, port), more, time);
                break;
        }
    }

    // Of the errors that a SYN can bring those that say what is wrong (asm-generic/errno.h).
    private static string ReasonOf(SymptomKind kind, int error) => kind switch
    {
        SymptomKind.NoPort => "no_port",
        SymptomKind.ConnectAbandoned => "abandoned",
        SymptomKind.ConnectLocal => "local",
        _ => error switch
        {
            111 => "refused",
            110 => "timed_out",
            101 or 113 => "unreachable",
            _ => Labels.Other,
        },
    };

    private static string ReasonOfAccept(int error) => error switch
    {
        23 => "system_descriptors",
        24 => "process_descriptors",
        103 => "aborted",
        _ => Labels.Other,
    };

    private sealed class Seen(string process)
    {
        public string Process { get; } = process;

        /// <summary>Null before it is known.</summary>
        public string? Unit { get; set; }

        public ulong Value { get; set; }

        public long ChangedAt { get; set; }
    }
}
