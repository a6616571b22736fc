using System.Collections.Immutable;
using ConnExporter.Kernel.Proc;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A wider range of ephemeral ports, and what has to be reserved with it: a listener that restarts would find a connection on its port otherwise.</summary>
internal sealed class PortRoom
{
    // Even first and odd last: the kernel hands out the halves of different parity one after the other and wants both of the same size.
    private const ushort UsualFirst = 10_000;
    private const ushort LowestFirst = 1024;
    private const ushort Last = ushort.MaxValue;

    // Whoever widens again some day goes that far at most without looking.
    private const int Near = 1000;

    private readonly Observation seen;
    private readonly PortRange range;
    private readonly PortSet reserved;
    private readonly ImmutableArray<ushort> unreserved;

    private PortRoom(Observation seen, PortRange range, PortSet known, ushort[] listening)
    {
        this.seen = seen;
        this.range = range;
        reserved = known.With(listening);
        unreserved = [.. listening.Where(port => !known.Contains(port))];
    }

    /// <summary>Ports that can be handed out then.</summary>
    public int Usable => range.Count - reserved.CountIn(range.First, range.Last);

    /// <summary>The next wider range: 10000 to 65535, where that is in use 1024 to 65535.</summary>
    /// <returns>Null where there is none, or it is not known what is reserved or who listens.</returns>
    public static PortRoom? Wider(Observation seen)
    {
        if (seen.Ports is not { } ports || ListeningPorts(seen) is not { } listening)
        {
            return null;
        }

        ushort first = ports.Range.First > UsualFirst || (ports.Range.Last < Last && ports.Range.First == UsualFirst) ? UsualFirst
            : ports.Range.Last == Last || ports.Range.First < LowestFirst ? LowestFirst
            : (ushort)(ports.Range.First & ~1);
        var wider = new PortRange(first, Last);
        return wider.Count > ports.Range.Count ? new PortRoom(seen, wider, ports.Reserved, [.. listening.Where(port => port >= first - Near)]) : null;
    }

    /// <summary>The remedy.</summary>
    /// <param name="instance">What runs out.</param>
    /// <param name="kind">Grace where nothing else helps in time.</param>
    public Remedy Remedy(ResourceInstance instance, RemedyKind kind) => new("widen_port_range", kind, PortCommands.SetRange(seen, range, unreserved))
    {
        Values = [("range", $"{range.First}–{range.Last}"), ("usable", (ulong)Usable)],
        Buys = instance.TimeWonBy(Usable),
    };

    private static IEnumerable<ushort>? ListeningPorts(Observation seen)
    {
        if (seen.Listeners is null && seen.Census is null)
        {
            return null;
        }

        IEnumerable<string> ports = [.. (seen.Listeners?.Rows ?? []).Select(row => row.Port), .. (seen.Census?.Listeners ?? []).Select(row => row.Port)];
        return ports.Where(port => ushort.TryParse(port, out _)).Select(ushort.Parse).Distinct();
    }
}
