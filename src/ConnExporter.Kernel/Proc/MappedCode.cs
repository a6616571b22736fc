using System.Globalization;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>The pages of our own file that the kernel has mapped into this process.</summary>
public static class MappedCode
{
    /// <summary>
    /// Gives back what only starting needed. A page that is used again is mapped again from the page cache, as it is when the kernel is short of memory
    /// and takes the page on its own (madvise(2), MADV_DONTNEED).
    /// </summary>
    /// <returns>Bytes that were mapped before.</returns>
    /// <exception cref="KernelReadException"><c>/proc/self/smaps</c> cannot be read or is anything else.</exception>
    public static unsafe long GiveBack()
    {
        if (Environment.ProcessPath is not { } own)
        {
            return 0;
        }

        // Hundreds of kilobytes, so line by line.
        using var smaps = new LineFile("/proc/self/smaps");
        var search = new Search(smaps.Path, own);
        smaps.Rewind();
        while (smaps.TryNextLine(out ReadOnlySpan<byte> line))
        {
            search.Take(line);
        }

        long bytes = 0;
        foreach (Mapping mapping in search.Found)
        {
            bytes += LibC.AdviseMemory((void*)mapping.Start, (nuint)(mapping.End - mapping.Start), LibC.DoNotNeed) == 0 ? mapping.Resident : 0;
        }

        return bytes;
    }

    /// <summary>Finds what can be given back: mappings of a file that cannot be written to and have no page of their own.</summary>
    /// <param name="path">The path of the text, for messages.</param>
    /// <param name="smaps">The text of <c>/proc/PID/smaps</c>.</param>
    /// <param name="file">The mapped file.</param>
    /// <exception cref="KernelReadException">Broken where it is anything else.</exception>
    public static IReadOnlyList<Mapping> Find(string path, ReadOnlySpan<byte> smaps, string file)
    {
        var search = new Search(path, file);
        var lines = new Lines(path, smaps);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            search.Take(line);
        }

        return search.Found;
    }

    private static Mapping ReadMapping(string path, ReadOnlySpan<byte> addresses, ReadOnlySpan<byte> line)
    {
        int dash = addresses.IndexOf((byte)'-');
        return dash > 0
            && ulong.TryParse(addresses[..dash], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong start)
            && ulong.TryParse(addresses[(dash + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong end) && end > start
            ? new Mapping(start, end, 0)
            : throw KernelReadException.Parse(path, "two addresses", line);
    }

    private static long Kibibytes(string path, ReadOnlySpan<byte> line)
    {
        var fields = new Fields(line);
        return fields.TryNext(out _) && fields.TryNext(out ReadOnlySpan<byte> number) && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes)
            ? kibibytes
            : throw KernelReadException.Parse(path, "a number of kB", line);
    }

    private sealed class Search(string path, string file)
    {
        private readonly byte[] name = Encoding.UTF8.GetBytes(' ' + file);
        private readonly List<Mapping> found = [];
        private Mapping? current;

        public IReadOnlyList<Mapping> Found => found;

        public void Take(ReadOnlySpan<byte> line)
        {
            int colon = line.IndexOf((byte)':');
            int blank = line.IndexOf((byte)' ');
            if (blank >= 0 && (colon < 0 || blank < colon))
            {
                // "7f04e8000000-7f04e8200000 r-xp 00c3d000 fe:00 1443   /usr/bin/conn-exporter"
                current = line.EndsWith(name) && !line[blank..].StartsWith(" rw"u8) && !line[blank..].StartsWith(" -"u8) ? ReadMapping(path, line[..blank], line) : null;
            }
            else if (current is { } mapping && line.StartsWith("Rss:"u8))
            {
                current = mapping with { Resident = Kibibytes(path, line) * 1024 };
            }
            else if (current is { } whole && line.StartsWith("Anonymous:"u8))
            {
                if (Kibibytes(path, line) == 0 && whole.Resident > 0)
                {
                    found.Add(whole);
                }

                current = null;
            }
        }
    }

    /// <summary>A mapping.</summary>
    /// <param name="Start">Its first address.</param>
    /// <param name="End">The address after its last.</param>
    /// <param name="Resident">Bytes of it that are mapped.</param>
    public readonly record struct Mapping(ulong Start, ulong End, long Resident);
}
