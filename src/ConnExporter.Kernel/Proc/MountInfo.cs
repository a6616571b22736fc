namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/self/mountinfo</c> (proc(5)): what is mounted where.</summary>
public static class MountInfo
{
    /// <summary>Finds where a file system is mounted.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="type">The file system's type, such as <c>cgroup2</c>.</param>
    /// <param name="below">Mount points here or below it are taken before others.</param>
    /// <returns>The mount point; null where there is none.</returns>
    /// <exception cref="KernelReadException">Broken where a line is anything else.</exception>
    public static string? FindMount(string path, ReadOnlySpan<byte> text, ReadOnlySpan<byte> type, string below)
    {
        string? found = null;
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            // "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw": optional fields end with the hyphen.
            int separator = line.IndexOf(" - "u8);
            var fields = new Fields(separator < 0 ? default : line[(separator + 3)..]);
            if (!fields.TryNext(out ReadOnlySpan<byte> lineType))
            {
                throw KernelReadException.Parse(path, "' - ' and a file system's type", line);
            }

            if (!lineType.SequenceEqual(type))
            {
                continue;
            }

            fields = new Fields(line[..separator]);
            ReadOnlySpan<byte> point = default;
            for (int i = 0; i < 5; i++)
            {
                if (!fields.TryNext(out point))
                {
                    throw KernelReadException.Parse(path, "five fields before the mount options", line);
                }
            }

            string mountPoint = Unescape(point);
            if (IsBelow(mountPoint, below))
            {
                return mountPoint;
            }

            found ??= mountPoint;
        }

        return found;
    }

    /// <summary>Finds the options of the file system that is mounted at a place, those of a mount and those of the file system itself.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="mountPoint">The place. Where several are mounted over each other, the last one is seen.</param>
    /// <returns>The file system's own options, such as <c>rw,hidepid=invisible</c>; null where nothing is mounted there.</returns>
    /// <exception cref="KernelReadException">Broken where a line is anything else.</exception>
    public static string? FindOptions(string path, ReadOnlySpan<byte> text, string mountPoint)
    {
        string? found = null;
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            int separator = line.IndexOf(" - "u8);
            var mount = new Fields(separator < 0 ? default : line[..separator]);
            var system = new Fields(separator < 0 ? default : line[(separator + 3)..]);
            ReadOnlySpan<byte> point = default;
            for (int i = 0; i < 5; i++)
            {
                if (!mount.TryNext(out point))
                {
                    throw KernelReadException.Parse(path, "five fields before the mount options", line);
                }
            }

            if (!system.TryNext(out _) | !system.TryNext(out _) | !system.TryNext(out ReadOnlySpan<byte> options))
            {
                throw KernelReadException.Parse(path, "a file system's type, source and options", line);
            }

            found = Unescape(point) == mountPoint ? Utf8Text.Of(options) : found;
        }

        return found;
    }

    private static bool IsBelow(string path, string root) =>
        path.StartsWith(root, StringComparison.Ordinal) && (path.Length == root.Length || root.EndsWith('/') || path[root.Length] == '/');

    // Blank, tab, line end and backslash are written as three octal digits (fs/proc_namespace.c:show_mountinfo).
    private static string Unescape(ReadOnlySpan<byte> text)
    {
        byte[] bytes = new byte[text.Length];
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text[(i + 1)..(i + 4)].IndexOfAnyExceptInRange((byte)'0', (byte)'7') < 0)
            {
                bytes[length++] = (byte)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0'));
                i += 3;
            }
            else
            {
                bytes[length++] = text[i];
            }
        }

        return Utf8Text.Of(bytes.AsSpan(0, length));
    }
}
