using ConnExporter.Kernel;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Tests.Counting;

/// <summary>A key of 40 bytes, as large as those of the daemon.</summary>
internal readonly record struct PeerKey(InetAddress Local, InetAddress Remote, ushort Port) : ICountKey<PeerKey>
{
    public static PeerKey Number(int number) =>
        new(new InetAddress(0, 0xffff_0a00_0001), new InetAddress(0x2001_0db8_0000_0000, (ulong)number), (ushort)(80 + (number % 5)));

    public ulong Hash(in HashSeed seed) => seed.Of(Local.High, Local.Low, Remote.High, Remote.Low, Port);
}

/// <summary>A key whose hash has four values at neighbouring places, one of them the last place of the table: clusters that overlap and wrap around.</summary>
internal readonly record struct CollidingKey(int Number) : ICountKey<CollidingKey>
{
    public ulong Hash(in HashSeed seed) => (ulong)(uint)((Number % 4) - 1) << 32;
}
