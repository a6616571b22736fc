using System.Collections.Immutable;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The queues of Unix sockets at one time.</summary>
/// <param name="netns">The network namespace.</param>
internal sealed class UnixReading(string netns) : Reading
{
    /// <summary>The network namespace.</summary>
    public string Netns => netns;

    /// <summary>Sockets that listen.</summary>
    public required int ListenerCount { get; init; }

    /// <summary>Datagram sockets with a name.</summary>
    public required int ReceiverCount { get; init; }

    /// <summary>Receivers in which each of at least two looks saw a datagram that waits, and that could not be asked whether they are full, or were too many to ask.</summary>
    public required int UnaskedReceivers { get; init; }

    /// <summary><c>net.unix.max_dgram_qlen</c>: what a receiver that is made now may have waiting, and one more; null where it was not read.</summary>
    public required ulong? DatagramLimit { get; init; }

    /// <summary>Listeners where somebody waits, waited within the last minute, or that were seen full for a while; the fullest first.</summary>
    public required ImmutableArray<ListenerRow> Listeners { get; init; }

    /// <summary>Receivers with a datagram that nobody has read, those that are full first, then the longest.</summary>
    public required ImmutableArray<ReceiverRow> Receivers { get; init; }

    /// <summary>One listener: of several with one name (in several mount namespaces) the fullest.</summary>
    /// <param name="Name">A path, or an abstract name behind an @.</param>
    /// <param name="Queue">Connections that wait to be accepted.</param>
    /// <param name="Limit">The backlog in force, min(listen(), somaxconn); the queue holds one more.</param>
    /// <param name="Peak">The longest queue of the last minute.</param>
    /// <param name="FullTotal">For how long it was seen full in all: between looks that both saw it so.</param>
    /// <param name="FullFor">For how long each look has seen it full; zero where it is not, or was not at the look before.</param>
    /// <param name="Holding">Who holds it; null where that is not known.</param>
    internal sealed record ListenerRow(string Name, uint Queue, uint Limit, uint Peak, TimeSpan FullTotal, TimeSpan FullFor, ListenerHolding? Holding)
    {
        /// <summary>Whether it takes no further connection now.</summary>
        public bool IsFull => Queue > Limit;
    }

    /// <summary>One receiver of datagrams: of several with one name (in several mount namespaces) one that is full, else one that could not be asked, else the one in which a datagram has waited longest.</summary>
    /// <param name="Name">A path, or an abstract name behind an @.</param>
    /// <param name="UnreadFor">For how long every look has seen a datagram that waits.</param>
    /// <param name="IsFull">Whether it takes no further datagram, as the kernel was asked; null where it could not be.</param>
    /// <param name="FullLooks">In how many looks without a break it was so.</param>
    /// <param name="Holding">Who holds it; null where that is not known.</param>
    internal sealed record ReceiverRow(string Name, TimeSpan UnreadFor, bool? IsFull, int FullLooks, ListenerHolding? Holding);
}
