namespace ConnExporter.Kernel.Proc;

/// <summary>
/// <c>/proc/net/stat/nf_conntrack</c>: one row of hexadecimal counters for each possible CPU under a header that differs between kernels
/// (net/netfilter/nf_conntrack_standalone.c:ct_cpu_seq_show). Each counter is the sum over the CPUs, null where this kernel has no such column.
/// </summary>
/// <param name="Drops">Packets dropped: no room in the table, an unresolved clash, a tracker that refused (<c>drop</c>).</param>
/// <param name="EarlyDrops">Entries evicted to make room (<c>early_drop</c>).</param>
/// <param name="InsertFailed">Entries that could not be inserted (<c>insert_failed</c>).</param>
/// <param name="Invalid">Packets that could not be tracked (<c>invalid</c>).</param>
/// <param name="ClashesResolved">Two packets of one new connection at once, resolved (<c>clashres</c>).</param>
/// <param name="ChainsTooLong">Insertions given up because the hash chain was too long (<c>chainlength</c>).</param>
/// <param name="SearchRestarts">Look-ups started over because the table was resized (<c>search_restart</c>).</param>
public readonly record struct ConntrackStatistics(
    ulong? Drops,
    ulong? EarlyDrops,
    ulong? InsertFailed,
    ulong? Invalid,
    ulong? ClashesResolved,
    ulong? ChainsTooLong,
    ulong? SearchRestarts)
{
    /// <summary>Entries of the network namespace: each row has all of them (<c>entries</c>).</summary>
    public ulong? Entries { get; init; }

    // The kernel's own order.
    private static readonly byte[][] Names =
    [
        "clashres"u8.ToArray(), "invalid"u8.ToArray(), "chainlength"u8.ToArray(), "insert_failed"u8.ToArray(),
        "drop"u8.ToArray(), "early_drop"u8.ToArray(), "search_restart"u8.ToArray(),
    ];

    /// <summary>Sums the rows by the names in the header. The kernel's counters are 32 bits wide for each CPU; their sum is not.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where a row does not match the header or holds anything but hexadecimal numbers.</exception>
    public static ConntrackStatistics Parse(string path, ReadOnlySpan<byte> text)
    {
        Span<ulong> sums = stackalloc ulong[Names.Length];
        Span<bool> found = stackalloc bool[Names.Length];
        ulong? entries = CpuTable.Sum(path, text, Names, sums, found);
        return new(
            found[4] ? sums[4] : null,
            found[5] ? sums[5] : null,
            found[3] ? sums[3] : null,
            found[1] ? sums[1] : null,
            found[0] ? sums[0] : null,
            found[2] ? sums[2] : null,
            found[6] ? sums[6] : null)
        {
            Entries = entries,
        };
    }
}
