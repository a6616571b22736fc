namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/PID/limits</c> (fs/proc/base.c:proc_pid_limits).</summary>
public static class ProcessLimits
{
    private static ReadOnlySpan<byte> OpenFiles => "Max open files"u8;

    /// <summary>Reads the soft limit of open files.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <returns>The limit; <see cref="ulong.MaxValue"/> for "unlimited".</returns>
    /// <exception cref="KernelReadException">Broken where the line is missing or holds something else.</exception>
    public static ulong ParseSoftOpenFiles(string path, ReadOnlySpan<byte> text) => ParseOpenFiles(path, text).Soft;

    /// <summary>Reads both limits of open files.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <returns>The limit in force, and how far the process may raise it itself; <see cref="ulong.MaxValue"/> for "unlimited".</returns>
    /// <exception cref="KernelReadException">Broken where the line is missing or holds something else.</exception>
    public static (ulong Soft, ulong Hard) ParseOpenFiles(string path, ReadOnlySpan<byte> text)
    {
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            if (!line.StartsWith(OpenFiles))
            {
                continue;
            }

            var fields = new Fields(line[OpenFiles.Length..]);
            if (!fields.TryNext(out ReadOnlySpan<byte> soft) || !fields.TryNext(out ReadOnlySpan<byte> hard))
            {
                break;
            }

            return (Limit(path, soft, line), Limit(path, hard, line));
        }

        throw KernelReadException.Parse(path, "a line 'Max open files' with two limits", text);
    }

    private static ulong Limit(string path, ReadOnlySpan<byte> word, ReadOnlySpan<byte> line) =>
        word.SequenceEqual("unlimited"u8) ? ulong.MaxValue
        : Fields.TryNumber(word, out ulong value) ? value
        : throw KernelReadException.Parse(path, "a number after 'Max open files'", line);
}
