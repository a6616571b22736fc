using System.IO.Compression;

namespace ConnExporter.Metrics;

/// <summary>Compresses pages with gzip, one after the other, in a buffer that is kept.</summary>
#pragma warning disable CA1001 // A stream in memory has nothing to give back.
internal sealed class PagePacker
#pragma warning restore CA1001
{
    private readonly MemoryStream packed = new();

    /// <summary>The page compressed. Not for several threads.</summary>
    public byte[] Pack(ReadOnlySpan<byte> page)
    {
        packed.SetLength(0);
        return Pack(page, packed);
    }

    /// <summary>A page compressed that is not made anew each second.</summary>
    public static byte[] PackOnce(ReadOnlySpan<byte> page)
    {
        using var once = new MemoryStream(page.Length / 5);
        return Pack(page, once);
    }

    /// <summary>The page as it was before.</summary>
    public static byte[] Unpack(byte[] page)
    {
        using var stream = new GZipStream(new MemoryStream(page), CompressionMode.Decompress);
        using var plain = new MemoryStream(page.Length * 8);
        stream.CopyTo(plain);
        return plain.ToArray();
    }

    private static byte[] Pack(ReadOnlySpan<byte> page, MemoryStream into)
    {
        using (var stream = new GZipStream(into, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(page);
        }

        return into.ToArray();
    }
}
