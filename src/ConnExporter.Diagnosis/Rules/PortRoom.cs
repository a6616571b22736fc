using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Proc;

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
    private readonly PortNeeds needs;

    private PortRoom(Observation seen, PortRange range, PortSet known, PortNeeds needs)
    {
        this.seen = seen;
        this.range = range;
        this.needs = needs;
        Usable = range.Count - known.With(needs.Ports).CountIn(range.First, range.Last);
    }

    /// <summary>Ports that can be handed out then.</summary>
    public int Usable { get; }

    /// <summary>The next wider range: 10000 to 65535, where that is in use 1024 to 65535.</summary>
    /// <returns>Null where there is none, it would have no more ports to hand out, or it is not known what is reserved or who listens.</returns>
    public static PortRoom? Wider(Observation seen)
    {
        if (seen.Ports is not { } ports)
        {
            return null;
        }

        ushort first = ports.Range.First > UsualFirst || (ports.Range.Last < Last && ports.Range.First == UsualFirst) ? UsualFirst
            : ports.Range.Last == Last || ports.Range.First < LowestFirst ? LowestFirst
            : (ushort)(ports.Range.First & ~1);
        var wider = new PortRange(first, Last);
        return wider.Count > ports.Range.Count && PortNeeds.Of(seen, wider with { First = (ushort)(first - Near) }, wider) is { } needs && new PortRoom(seen, wider, ports.Reserved, needs) is { } room
            && room.Usable > ports.UsableCount ? room : null;
    }

    /// <summary>The remedy.</summary>
    /// <param name="instance">What runs out.</param>
    /// <param name="kind">Grace where nothing else helps in time.</param>
    public IEnumerable<Remedy> Remedy(ResourceInstance instance, RemedyKind kind) => PortCommands.SetRange(
        seen,
        new Remedy("widen_port_range", kind) { Values = [("range", $"{range.First}–{range.Last}"), ("usable", (ulong)Usable)], Buys = instance.TimeWonBy(Usable) },
        range,
        needs);
}
