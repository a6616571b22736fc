namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/PID/limits</c> (fs/proc/base.c:proc_pid_limits).</summary>
public static class ProcessLimits
{
    private static ReadOnlySpan<byte> OpenFiles => "Max open files"u8;

    /// <summary>Reads the limits of open files.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <returns>The limits; <see cref="ulong.MaxValue"/> for "unlimited".</returns>
    /// <exception cref="KernelReadException">Broken where the line is missing or holds something else.</exception>
    public static OpenFilesLimits ParseOpenFiles(string path, ReadOnlySpan<byte> text)
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

            return TryLimit(soft, out ulong softLimit) && TryLimit(hard, out ulong hardLimit)
                ? new OpenFilesLimits(softLimit, hardLimit)
                : throw KernelReadException.Parse(path, "two numbers after 'Max open files'", line);
        }

        throw KernelReadException.Parse(path, "a line 'Max open files'", text);
    }

    private static bool TryLimit(ReadOnlySpan<byte> word, out ulong limit)
    {
        if (word.SequenceEqual("unlimited"u8))
        {
            limit = ulong.MaxValue;
            return true;
        }

        return Fields.TryNumber(word, out limit);
    }
}

/// <summary>How many files a process may open.</summary>
/// <param name="Soft">What counts.</param>
/// <param name="Hard">As far as the process may raise it by itself.</param>
public readonly record struct OpenFilesLimits(ulong Soft, ulong Hard);
