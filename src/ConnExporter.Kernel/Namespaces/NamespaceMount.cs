using System.Text.Unicode;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Namespaces;

/// <summary>A network namespace that is kept by a mount: a line of <c>/proc/PID/mountinfo</c> (proc_pid_mountinfo(5)) whose root is <c>net:[INODE]</c>.</summary>
/// <param name="Inode">The namespace.</param>
/// <param name="MountPoint">Where it is mounted.</param>
public readonly record struct NamespaceMount(ulong Inode, string MountPoint)
{
    private const int NameLimit = 100;

    /// <summary>The bytes of a mount point that are no UTF-8, by which alone it can be opened; null for all others.</summary>
    public byte[]? RawMountPoint { get; private init; }

    /// <summary>The name that <c>ip netns</c> knows it by; null where it is mounted elsewhere.</summary>
    public string? Name => System.IO.Path.GetDirectoryName(MountPoint.AsSpan()) is "/run/netns" or "/var/run/netns"
        && System.IO.Path.GetFileName(MountPoint.AsSpan()) is { Length: > 0 and <= NameLimit } name ? name.ToString() : null;

    /// <summary>Reads one line.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="line">One line without its end: id, parent, device, root, mount point, options, optional fields, <c>-</c>, type, source, options.</param>
    /// <param name="mount">The mount.</param>
    /// <returns>False where the line is a mount of anything else.</returns>
    /// <exception cref="KernelReadException">Broken where it is the line of no mount.</exception>
    public static bool TryParse(string path, ReadOnlySpan<byte> line, out NamespaceMount mount)
    {
        mount = default;
        var fields = new Fields(line);
        bool whole = fields.TryNext(out _) & fields.TryNext(out _) & fields.TryNext(out _) & fields.TryNext(out ReadOnlySpan<byte> root)
            & fields.TryNext(out ReadOnlySpan<byte> point) & fields.TryNext(out _);
        bool separated = false;
        while (whole && !separated && fields.TryNext(out ReadOnlySpan<byte> optional))
        {
            separated = optional.SequenceEqual("-"u8);
        }

        // The super block's options are not asked for: file systems exist that have none.
        if (!separated || !fields.TryNext(out ReadOnlySpan<byte> type) || !fields.TryNext(out _))
        {
            throw KernelReadException.Parse(path, "a mount", line);
        }

        if (!type.SequenceEqual("nsfs"u8) || !root.StartsWith("net:["u8) || root[^1] != (byte)']' || !Fields.TryNumber(root["net:[".Length..^1], out ulong inode))
        {
            return false;
        }

        byte[] place = Unescape(point);
        mount = new NamespaceMount(inode, Utf8Text.Of(place)) { RawMountPoint = Utf8.IsValid(place) ? null : place };
        return true;
    }

    // Blank, tab, line end and backslash are written as a backslash and three octal digits (fs/seq_file.c:mangle_path).
    private static byte[] Unescape(ReadOnlySpan<byte> text)
    {
        byte[] plain = new byte[text.Length];
        int length = 0;
        while (!text.IsEmpty)
        {
            bool escaped = text.Length >= 4 && text[0] == (byte)'\\' && !text[1..4].ContainsAnyExceptInRange((byte)'0', (byte)'7');
            plain[length++] = escaped ? (byte)(((text[1] - '0') << 6) | ((text[2] - '0') << 3) | (text[3] - '0')) : text[0];
            text = text[(escaped ? 4 : 1)..];
        }

        return plain[..length];
    }
}
