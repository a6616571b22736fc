using ConnExporter.Kernel;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Census;

/// <summary>What a connection is made between, but for the port that the kernel chooses.</summary>
internal readonly record struct Destination(InetAddress Source, InetAddress Address, ushort Port) : ICountKey<Destination>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Source.High, Source.Low, Address.High, Address.Low, Port);
}

/// <summary>What a connect() is meant for, whatever address it comes from.</summary>
internal readonly record struct Target(InetAddress Address, ushort Port) : ICountKey<Target>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Address.High, Address.Low, Port);
}

/// <summary>The address of a peer, or the prefix it is folded to.</summary>
internal readonly record struct Remote(InetAddress Address) : ICountKey<Remote>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Address.High, Address.Low);
}

/// <summary>The port that connections from here go to.</summary>
internal readonly record struct RemotePort(ushort Number) : ICountKey<RemotePort>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Number);
}

/// <summary>
/// What the unit of a socket is found by: the id of its cgroup, or, where cgroups do not tell (version 1), the process that holds it. TIME_WAIT
/// and request sockets have neither.
/// </summary>
internal readonly record struct UnitKey : ICountKey<UnitKey>
{
    private const ulong OwnerBit = 1ul << 63;
    private readonly ulong value;

    private UnitKey(ulong value) => this.value = value;

    /// <summary>A socket without an owner that could be found.</summary>
    public static UnitKey None => default;

    /// <summary>The cgroup, or null.</summary>
    public ulong? Cgroup => value != 0 && (value & OwnerBit) == 0 ? value : null;

    /// <summary>The index of the process, or null.</summary>
    public int? Owner => (value & OwnerBit) != 0 ? (int)(value & ~OwnerBit) : null;

    public static UnitKey OfCgroup(ulong id) => new(id & ~OwnerBit);

    public static UnitKey OfOwner(int owner) => new((uint)owner | OwnerBit);

    public ulong Hash(in HashSeed seed) => seed.Of(value);
}
