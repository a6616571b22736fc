namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/sys/fs/file-nr</c>: open files of the whole host (fs/file_table.c:proc_nr_files).</summary>
/// <param name="Allocated">Open file descriptions.</param>
/// <param name="Limit"><c>fs.file-max</c>; processes with CAP_SYS_ADMIN may exceed it.</param>
public readonly record struct FileCounts(ulong Allocated, ulong Limit)
{
    /// <summary>Reads the sysctl: allocated, 0 (once: free), limit.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where it is not three numbers.</exception>
    public static FileCounts Parse(string path, ReadOnlySpan<byte> text)
    {
        Lines.RefuseCut(path, text);
        var fields = new Fields(text);
        return fields.TryNextNumber(out ulong allocated) && fields.TryNextNumber(out ulong unused) && fields.TryNextNumber(out ulong limit) && fields.AtEnd
            ? new(allocated - Math.Min(unused, allocated), limit)
            : throw KernelReadException.Parse(path, "three numbers", text);
    }
}
