namespace ConnExporter.KernelTests.Judge;

/// <summary>How the sockets of a world write addresses.</summary>
internal enum Family
{
    V4,
    V6,

    /// <summary>IPv4 by sockets of IPv6: ::ffff:a.b.c.d.</summary>
    Mapped,
}

/// <summary>Where the destinations of a world are.</summary>
internal enum Place
{
    Loopback,

    /// <summary>On an address of this namespace that is no loopback address.</summary>
    Own,

    /// <summary>In another namespace, which has settings of its own.</summary>
    Peer,
}

/// <summary>How a socket comes by its port.</summary>
internal enum Opening
{
    /// <summary>connect() alone.</summary>
    Plain,

    /// <summary>bind(address, 0), then connect().</summary>
    BindFirst,

    /// <summary>bind(any, 0), then connect().</summary>
    BindAny,

    /// <summary>The same with SO_REUSEADDR.</summary>
    ReuseAddress,

    /// <summary>The same with SO_REUSEPORT.</summary>
    ReusePort,

    /// <summary>bind() with IP_BIND_ADDRESS_NO_PORT, then connect(), which chooses.</summary>
    NoPort,

    /// <summary>bind(address, 0) and no more.</summary>
    BoundOnly,

    /// <summary>bind() to a port of the range, chosen by the program, and connect().</summary>
    ChosenPort,

    /// <summary>A listener on a port of the range.</summary>
    Listener,
}

/// <summary>Some sockets of a kind.</summary>
/// <param name="Opening">How they come by their ports.</param>
/// <param name="Count">How many, or as many as there are ports for.</param>
/// <param name="Destination">The first of the destinations that they go to.</param>
/// <param name="Spread">How many destinations they go to in turn.</param>
/// <param name="Closed">Whether this side closes them, so that they are in TIME_WAIT.</param>
/// <param name="SecondSource">Whether they come from the second address.</param>
internal sealed record PortGroup(Opening Opening, int Count, int Destination = 0, int Spread = 1, bool Closed = false, bool SecondSource = false);

/// <summary>A network namespace with a small range of ephemeral ports and what is done in it.</summary>
internal sealed record PortWorld(string Name)
{
    public ushort First { get; init; } = 20000;

    /// <summary>Ports in the range.</summary>
    public int Ports { get; init; } = 20;

    public ushort Last => (ushort)(First + Ports - 1);

    /// <summary>Ports of the range that are reserved, from its third on.</summary>
    public int Reserved { get; init; }

    public int Usable => Ports - Reserved;

    public Family Family { get; init; }

    public Place Place { get; init; }

    /// <summary><c>net.ipv4.tcp_tw_reuse</c>.</summary>
    public int Reuse { get; init; } = 2;

    /// <summary><c>net.ipv4.tcp_timestamps</c> here.</summary>
    public bool Timestamps { get; init; } = true;

    /// <summary>And in the other namespace.</summary>
    public bool PeerTimestamps { get; init; } = true;

    public int Destinations { get; init; } = 1;

    public IReadOnlyList<PortGroup> Groups { get; init; } = [];

    /// <summary>The backlog of a listener that nobody accepts from; null for none.</summary>
    public int? Backlog { get; init; }

    /// <summary>Whether its accept queue is full, or half full.</summary>
    public bool IsQueueFull { get; init; }

    /// <summary>A world from a number; the same number makes the same world.</summary>
    public static PortWorld Of(int seed)
    {
        var dice = new Random(seed);
        int ports = dice.Next(8, 65);
        int destinations = dice.Next(1, 5);
        Family family = Pick(dice, Family.V4, Family.V4, Family.V6, Family.Mapped);
        Place place = Pick(dice, Place.Loopback, Place.Loopback, Place.Own, Place.Peer, Place.Peer);
        bool hasSecond = !(family == Family.V6 && place == Place.Loopback);
        var groups = new List<PortGroup>();
        for (int i = dice.Next(1, 5); i > 0; i--)
        {
            Opening opening = Pick(
                dice,
                Opening.Plain, Opening.Plain, Opening.Plain, Opening.Plain, Opening.BindFirst, Opening.BindFirst, Opening.BindAny, Opening.ReuseAddress, Opening.ReusePort, Opening.NoPort, Opening.BoundOnly, Opening.ChosenPort, Opening.Listener);
            int count = Pick(dice, dice.Next(1, (ports / 3) + 1), dice.Next(1, ports + 1), dice.Next(ports * 3 / 4, ports + 1), 2 * ports);
            int spread = dice.Next(1, destinations + 1);
            groups.Add(new PortGroup(
                opening,
                opening is Opening.Listener or Opening.ChosenPort ? Math.Min(count, 3) : count,
                dice.Next(destinations - spread + 1),
                spread,
                Closed: opening is not (Opening.BoundOnly or Opening.Listener) && dice.Next(5) < 2,
                SecondSource: hasSecond && opening is Opening.NoPort or Opening.BindFirst && dice.Next(3) == 0));
        }

        return new PortWorld($"seed {seed}")
        {
            First = (ushort)(20000 + dice.Next(2)),
            Ports = ports,
            Reserved = dice.Next(3) == 0 ? dice.Next(1, 4) : 0,
            Family = family,
            Place = place,
            Reuse = dice.Next(3),
            Timestamps = dice.Next(6) > 0,
            PeerTimestamps = dice.Next(3) > 0,
            Destinations = destinations,
            Groups = groups,
            Backlog = dice.Next(3) == 0 ? dice.Next(1, 12) : null,
            IsQueueFull = dice.Next(2) == 0,
        };
    }

    public override string ToString() =>
        $"{Name}: {First}-{Last} without {Reserved}, {Family}, {Place}, tw_reuse {Reuse}, timestamps {Timestamps}/{PeerTimestamps}, {Destinations} destinations, queue {Backlog} {IsQueueFull}; {string.Join("; ", Groups)}";

    private static T Pick<T>(Random dice, params T[] from) => from[dice.Next(from.Length)];
}
