using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis;

/// <summary>Who holds the UDP ports of a network namespace.</summary>
internal static class UdpHolding
{
    private const int Shown = 3;

    /// <summary>The processes that hold the most; in our own namespace the unit with the most sockets where no process is known.</summary>
    public static ImmutableArray<Holder> Of(Observation seen)
    {
        if (seen.Udp is not { } udp)
        {
            return [];
        }

        ImmutableArray<Holder> processes = [.. udp.Holders.Take(Shown).Select(row => Holder.Of(row.Owner, seen.StartOf(row.Owner.StartTicks)) with { Count = row.Sockets })];
        return processes.Length > 0 || !seen.IsOwn
            ? processes
            : [.. udp.Units.Where(row => row.Unit is not (Labels.None or Labels.Other)).Take(1).Select(row => new Holder(row.Unit) { Unit = row.Unit, Count = row.Sockets })];
    }
}
