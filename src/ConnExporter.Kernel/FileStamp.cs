using System.Text;

namespace ConnExporter.Kernel;

/// <summary>What tells whether a file is still the one that was read: another inode, size or time means another content.</summary>
/// <param name="Inode">The inode; 0 where there is no such file.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Modified">Time of the last write, in ns.</param>
/// <param name="Changed">Time of the last change of anything, in ns: a write that sets the time of writing back changes it too.</param>
public readonly record struct FileStamp(ulong Inode, ulong Size, long Modified, long Changed)
{
    /// <summary>Looks at a file; links are followed. Takes no descriptor.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Its stamp; the empty one where it cannot be looked at.</returns>
    public static unsafe FileStamp Of(string path)
    {
        byte[] name = [.. Encoding.UTF8.GetBytes(path), 0];
        LibC.StatxBuffer file = default;
        fixed (byte* p = name)
        {
            return LibC.Statx(LibC.AtFdCwd, p, 0, LibC.StatxBasic, &file) == 0
                ? new FileStamp(file.Inode, file.Size, Nanoseconds(file.Modified), Nanoseconds(file.Changed))
                : default;
        }
    }

    // struct statx_timestamp has 32 bits of nanoseconds and 32 that are reserved.
    private static long Nanoseconds(LibC.TimeSpec time) => unchecked((time.Seconds * 1_000_000_000) + (uint)time.Nanoseconds);
}
