namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/PID/stat</c> (proc(5)), the fields used here.</summary>
/// <param name="Pid">The process id.</param>
/// <param name="UserTicks">CPU time in user mode, clock ticks.</param>
/// <param name="SystemTicks">CPU time in the kernel, clock ticks.</param>
/// <param name="Threads">Threads of the process.</param>
/// <param name="StartTicks">When it started, clock ticks after boot: with the pid it names one process for good.</param>
/// <param name="VirtualBytes">Address space.</param>
/// <param name="ResidentPages">Pages in memory.</param>
public readonly record struct ProcessStat(int Pid, ulong UserTicks, ulong SystemTicks, ulong Threads, ulong StartTicks, ulong VirtualBytes, ulong ResidentPages)
{
    /// <summary>Reads the line.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="name">The process's name, as the kernel has it: at most 15 bytes, any bytes (64 for kernel workers).</param>
    /// <exception cref="KernelReadException">Broken where the line is anything else.</exception>
    public static ProcessStat Parse(string path, ReadOnlySpan<byte> text, out ReadOnlySpan<byte> name)
    {
        Lines.RefuseCut(path, text);

        // The name stands in parentheses and may itself hold blanks, parentheses and line ends: the last ')' closes it.
        int open = text.IndexOf((byte)'(');
        int close = text.LastIndexOf((byte)')');
        if (open < 0 || close < open || !Fields.TryNumber(text[..open].TrimEnd((byte)' '), out ulong pid) || pid > int.MaxValue)
        {
            throw KernelReadException.Parse(path, "a process id and a name in parentheses", text);
        }

        name = text[(open + 1)..close];
        Span<ulong> wanted = stackalloc ulong[6];
        ReadOnlySpan<int> positions = [14, 15, 20, 22, 23, 24];
        var fields = new Fields(text[(close + 1)..]);
        int found = 0;
        for (int position = 3; found < positions.Length && fields.TryNext(out ReadOnlySpan<byte> field); position++)
        {
            if (position != positions[found])
            {
                continue;
            }

            if (!Fields.TryNumber(field, out wanted[found]))
            {
                throw KernelReadException.Parse(path, $"a number in field {position}", field);
            }

            found++;
        }

        return found == positions.Length
            ? new((int)pid, wanted[0], wanted[1], wanted[2], wanted[3], wanted[4], wanted[5])
            : throw KernelReadException.Parse(path, "24 fields", text);
    }
}
