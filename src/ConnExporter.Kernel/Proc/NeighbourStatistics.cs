namespace ConnExporter.Kernel.Proc;

/// <summary>
/// <c>/proc/net/stat/arp_cache</c> and <c>ndisc_cache</c>: one row of hexadecimal numbers for each possible CPU under a header
/// (net/core/neighbour.c:neigh_stat_seq_show). The tables are the host's, and only its first network namespace shows them.
/// </summary>
/// <param name="Entries">Neighbours in the table, of all network namespaces; those that no limit holds for, permanent ones, included (<c>entries</c>).</param>
/// <param name="TableFulls">New neighbours that found no room; null before Linux 4.3 (<c>table_fulls</c>).</param>
/// <param name="ForcedCollections">Times that entries were thrown out because of their number (<c>forced_gc_runs</c>).</param>
public readonly record struct NeighbourStatistics(ulong Entries, ulong? TableFulls, ulong? ForcedCollections)
{
    private static readonly byte[][] Names = ["table_fulls"u8.ToArray(), "forced_gc_runs"u8.ToArray()];

    /// <summary>Sums the rows by the names in the header.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where a row does not match the header or holds anything but hexadecimal numbers.</exception>
    public static NeighbourStatistics Parse(string path, ReadOnlySpan<byte> text)
    {
        Span<ulong> sums = stackalloc ulong[Names.Length];
        Span<bool> found = stackalloc bool[Names.Length];
        ulong entries = CpuTable.Sum(path, text, Names, sums, found) ?? throw KernelReadException.Parse(path, "a header with the column entries", text);
        return new(entries, found[0] ? sums[0] : null, found[1] ? sums[1] : null);
    }
}
