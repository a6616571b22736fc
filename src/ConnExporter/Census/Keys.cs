using ConnExporter.Counting;
using ConnExporter.Kernel;

namespace ConnExporter.Census;

/// <summary>What a connection is made between, but for the port that the kernel chooses.</summary>
internal readonly record struct Destination(InetAddress Source, InetAddress Address, ushort Port) : ICountKey<Destination>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Source.High, Source.Low, Address.High, Address.Low, Port);
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

/// <summary>A cgroup by its id; 0 for sockets that have none: TIME_WAIT and request sockets, kernels before 5.8.</summary>
internal readonly record struct Cgroup(ulong Id) : ICountKey<Cgroup>
{
    public ulong Hash(in HashSeed seed) => seed.Of(Id);
}
