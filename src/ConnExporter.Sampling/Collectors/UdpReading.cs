using System.Collections.Immutable;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The UDP sockets of a network namespace at one time.</summary>
/// <param name="netns">The network namespace.</param>
/// <param name="tally">Sockets by family and state.</param>
internal sealed class UdpReading(string netns, ulong[] tally) : Reading
{
    public const int Families = 2;
    public const int States = 2;
    public const int Unconnected = 0;
    public const int Connected = 1;

    /// <summary>The families, in the order of the tally.</summary>
    public static readonly ImmutableArray<string> FamilyLabels = ["ipv4", "ipv6"];

    /// <summary>The states, in the order of the tally.</summary>
    public static readonly ImmutableArray<string> StateLabels = ["unconnected", "connected"];

    /// <summary>The network namespace.</summary>
    public string Netns => netns;

    /// <summary>Sockets of a family in a state; IPv4 through a socket of IPv6 is IPv6's.</summary>
    public ulong this[int family, int state] => tally[(family * States) + state];

    /// <summary>Ports of the range that are taken from whoever binds to an address: those of sockets that choose none first.</summary>
    public required ImmutableArray<UdpPortUse> Ports { get; init; }

    /// <summary>Ports of the range that are not reserved; null where it is not known what is.</summary>
    public required int? Usable { get; init; }

    /// <summary>Sockets with a peer by peer, most first, and the row <c>other</c>.</summary>
    public required ImmutableArray<DestinationRow> Destinations { get; init; }

    /// <summary>All sockets by unit, most first, and the row <c>other</c>.</summary>
    public required ImmutableArray<UnitRow> Units { get; init; }

    /// <summary>The processes that hold the most ports of the range; empty where they were not looked for.</summary>
    public required ImmutableArray<HolderRow> Holders { get; init; }

    /// <summary>Sockets that have dropped datagrams, or whose receive buffer is half full or more.</summary>
    public required ImmutableArray<ReceiverRow> Receivers { get; init; }

    /// <summary>The counters.</summary>
    public required UdpCounts Counters { get; init; }

    /// <summary>Sockets towards one destination.</summary>
    internal sealed record DestinationRow(string Address, string Port, ulong Sockets);

    /// <summary>Sockets of one unit.</summary>
    internal sealed record UnitRow(string Unit, ulong Sockets);

    /// <summary>Sockets on ports of the range of one process.</summary>
    internal sealed record HolderRow(Owner Owner, ulong Sockets);

    /// <summary>One local address and port where datagrams were dropped: of several sockets the fullest. Buffer and drops are null where they are not told.</summary>
    /// <param name="Address">Local address.</param>
    /// <param name="Port">Local port.</param>
    /// <param name="Queue">Bytes of memory that what is not read yet takes.</param>
    /// <param name="Limit">The size of the receive buffer.</param>
    /// <param name="Peak">The most of the last minute's walks.</param>
    /// <param name="Drops">Datagrams dropped.</param>
    /// <param name="Unit">The unit.</param>
    /// <param name="Owner">The process; null where it is not known.</param>
    internal sealed record ReceiverRow(string Address, string Port, ulong Queue, ulong? Limit, ulong Peak, ulong? Drops, string Unit, Owner? Owner)
    {
        /// <summary>Whether none of its sockets had dropped anything at the first walk: all of its drops are since then.</summary>
        public bool HasDroppedSince { get; init; }
    }
}
