namespace ConnExporter.Kernel.Proc;

/// <summary>Constants of this machine that turn the kernel's units into seconds and bytes.</summary>
public static class SystemClock
{
    /// <summary>Clock ticks a second, the unit of <see cref="ProcessStat"/> (100 on every common kernel).</summary>
    public static long TicksPerSecond { get; } = LibC.SysConf(LibC.ScClockTicks);

    /// <summary>Bytes of a page.</summary>
    public static long PageSize { get; } = LibC.SysConf(LibC.ScPageSize);

    /// <summary>Reads when the machine started, in seconds since 1970, from <c>/proc/stat</c>.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken without a line <c>btime</c>.</exception>
    public static ulong ParseBootTime(string path, ReadOnlySpan<byte> text)
    {
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            if (line.StartsWith("btime "u8))
            {
                return Fields.TryNumber(line["btime ".Length..], out ulong seconds) ? seconds : throw KernelReadException.Parse(path, "a number after btime", line);
            }
        }

        throw KernelReadException.Parse(path, "a line btime", text);
    }
}
