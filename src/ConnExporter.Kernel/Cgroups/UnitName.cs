using System.Buffers;
using System.Globalization;
using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>The systemd unit or container that a cgroup path stands for; else what its maker called it.</summary>
public static class UnitName
{
    /// <summary>What belongs to no unit: kernel threads, and processes on hosts without systemd.</summary>
    public const string None = "none";

    // As the kernel marks the path of a cgroup that was removed.
    private const string Deleted = " (deleted)";

    private const int LongestPlainName = 64;
    private const int LongestUnit = 255;
    private const int LongestNested = 512;
    private static readonly SearchValues<char> OfUnits = SearchValues.Create(@"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\@");

    // Of systemd's types those that have a cgroup, slices apart: they only group.
    private static readonly string[] Suffixes = [".service", ".scope", ".mount", ".swap", ".socket"];
    private static readonly string[] Controllers = ["cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids"];

    /// <summary>Whether a name that this class gave is that of a unit of the system manager whose tree the path began in.</summary>
    /// <param name="name">Such as <c>nginx.service</c>, which is one, <c>user@1000.service/web.service</c> or <c>docker-0123456789ab</c>, which are none.</param>
    /// <remarks>
    /// Others may make a cgroup and call it anything: what systemd would not take for a unit's name (unit_name_is_valid of src/basic/unit-name.c) is none
    /// either. Slices are units too.
    /// </remarks>
    public static bool IsOfHost(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        int dot = name.LastIndexOf('.');
        return dot > 0 && name.Length <= LongestUnit && !name.AsSpan().ContainsAnyExcept(OfUnits) && name[0] != '@' && !IsTemplate(name, dot) && (Suffixes.Contains(name[dot..]) || name[dot..] == ".slice");
    }

    // foo@.service: nothing runs by it, and systemctl would take it for the file that instances are made of.
    private static bool IsTemplate(string name, int dot) => name[dot - 1] == '@' && name.IndexOf('@', StringComparison.Ordinal) == dot - 1;

    /// <summary>A name as people gave it, for texts: systemd writes what may not be in a unit's name as <c>\xHH</c> (systemd-escape(1)). Commands and labels keep the name.</summary>
    /// <param name="name">Such as <c>machine-qemu\x2d1\x2dweb.scope</c>.</param>
    /// <returns>Such as <c>machine-qemu-1-web.scope</c>; the name itself where nothing is escaped, where not all of it is text, and where it has blanks, which would end a word of a text.</returns>
    public static string Readable(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!name.Contains(@"\x", StringComparison.Ordinal))
        {
            return name;
        }

        Span<byte> bytes = stackalloc byte[LongestUnit];
        int length = 0;
        for (int i = 0; i < name.Length; i++)
        {
            if (length >= bytes.Length || name[i] >= 0x80)
            {
                return name;
            }

            bool isEscape = name[i] == '\\' && i + 3 < name.Length && name[i + 1] == 'x' && char.IsAsciiHexDigit(name[i + 2]) && char.IsAsciiHexDigit(name[i + 3]);
            bytes[length++] = isEscape ? byte.Parse(name.AsSpan(i + 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : (byte)name[i];
            i += isEscape ? 3 : 0;
        }

        string text = Utf8Text.Of(bytes[..length]);
        return text.Any(character => char.IsControl(character) || char.IsWhiteSpace(character) || character == '\ufffd') ? name : text;
    }

    /// <summary>Reads <c>/proc/PID/cgroup</c> (cgroups(7)) and names the unit.</summary>
    /// <param name="text">The whole file: lines of <c>hierarchy:controllers:path</c>.</param>
    /// <param name="above">How many <c>..</c> lead to the root of the system manager's tree, see <see cref="CgroupNamespace.LevelsAbove(ProcessTable)"/>.</param>
    /// <param name="pods">Names containers of Kubernetes pods; null to name them by what the path says.</param>
    /// <returns>
    /// Such as <c>nginx.service</c> or <c>docker-0123456789ab</c>; a name of <see cref="FromPath"/> that is neither only where no line has one that
    /// is; <see cref="None"/> where no line tells, and for a text that was cut.
    /// </returns>
    public static string FromProcessFile(ReadOnlySpan<byte> text, int above = 0, PodNames? pods = null)
    {
        if (!Lines.AreWhole(text))
        {
            return None;
        }

        // Version 2 alone has one line "0::/path". With version 1 mounted beside it, systemd keeps its own tree in "name=systemd"; container
        // engines without systemd write into every controller's tree.
        string? best = null;
        string? plain = null;
        var lines = new Lines(text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            int first = line.IndexOf((byte)':');
            int second = first < 0 ? -1 : line[(first + 1)..].IndexOf((byte)':');
            if (second < 0)
            {
                continue;
            }

            // A process that ends can outlive its cgroup (kernel/cgroup/cgroup.c:proc_cgroup_show); whoever makes one can call it so too. No unit has the
            // name then, whichever it is: by the one without it systemctl may know another, or none.
            ReadOnlySpan<byte> controllers = line.Slice(first + 1, second);
            ReadOnlySpan<byte> path = line[(first + second + 2)..];
            string end = path.EndsWith(" (deleted)"u8) ? Deleted : "";
            path = FromRoot(path[..^end.Length], above);
            bool whole = controllers.IsEmpty || controllers.SequenceEqual("name=systemd"u8);
            if (UnitOrContainer(path, pods) is { } found)
            {
                string name = found + end;
                if (whole)
                {
                    return name;
                }

                best = name;
            }
            else if (PlainName(path) is { } other && (whole || plain is null))
            {
                plain = other + end;
            }
        }

        return best ?? plain ?? None;
    }

    /// <summary>How many <c>..</c> a path begins with: so far above our own cgroup namespace it starts.</summary>
    /// <param name="path">Such as <c>/../../init.scope</c>, 2.</param>
    internal static int LevelsAbove(ReadOnlySpan<byte> path)
    {
        int levels = 0;
        for (; path.StartsWith("/.."u8) && (path.Length == 3 || path[3] == (byte)'/'); path = path[3..])
        {
            levels++;
        }

        return levels;
    }

    /// <summary>Names the unit of a cgroup path.</summary>
    /// <param name="path">Such as <c>/system.slice/nginx.service</c>.</param>
    /// <param name="pods">Names containers of Kubernetes pods; null to name them by what the path says.</param>
    /// <returns>
    /// A container where the path holds one; else the unit of the manager in whose tree the path is, which is its first part after slices; where that
    /// is not the last unit of the path, the path to the last one without slices, as <c>user@1000.service/web.service</c>: whatever has a slash in its
    /// name is another manager's, for a unit's name has none. Else the innermost slice, else the last part of the path (a cgroup made by hand or by an
    /// engine without systemd), else <see cref="None"/>: the root.
    /// </returns>
    public static string FromPath(ReadOnlySpan<byte> path, PodNames? pods = null) => UnitOrContainer(path, pods) ?? PlainName(path) ?? None;

    // What lies as far above us as process 1 does begins where the system manager's tree does.
    private static ReadOnlySpan<byte> FromRoot(ReadOnlySpan<byte> path, int above) => above > 0 && LevelsAbove(path) == above ? path[(3 * above)..] : path;

    private static string? UnitOrContainer(ReadOnlySpan<byte> path, PodNames? pods)
    {
        if (Container.Of(path) is { } container)
        {
            return pods?.Of(container) ?? container.Name;
        }

        ReadOnlySpan<byte> outer = default;
        ReadOnlySpan<byte> slice = default;
        ReadOnlySpan<byte> parent = default;
        int parts = 0;
        int named = 0;
        bool isOutside = true;
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (part.IsEmpty)
            {
                continue;
            }

            if (part.EndsWith(".slice"u8))
            {
                slice = parts == 0 ? part : slice;
                parent = part;
                continue;
            }

            // One ".." says as much as several: how many there are depends on where this program is, and names must not.
            if (isOutside && part.SequenceEqual(".."u8))
            {
                outer = part;
                parts = 1;
                parent = part;
                continue;
            }

            outer = parts == 0 ? part : outer;
            if (IsUnit(part))
            {
                // Below user@1000.service, init.scope is that manager itself; alone it is the host's.
                named = isOutside || !part.SequenceEqual("init.scope"u8) ? parts + 1 : Math.Max(named, parts);
            }
            else if (parts == 1 && IsMachine(outer, parent, part))
            {
                named = 2;
            }

            parent = part;
            isOutside = false;
            parts++;
        }

        return named switch
        {
            1 => Outermost(outer, slice),
            > 1 => Nested(path, named),
            _ when !slice.IsEmpty => Text(slice),
            _ when parts > 0 && parent.EndsWith(".slice"u8) => $"{Text(outer)}/{Text(parent)}",
            _ => null,
        };
    }

    // What runs in a machine is not its supervisor's unit: "payload" of systemd-nspawn, the name below "lxc".
    private static bool IsMachine(ReadOnlySpan<byte> outer, ReadOnlySpan<byte> parent, ReadOnlySpan<byte> part) =>
        outer.SequenceEqual("lxc"u8)
        || (part.SequenceEqual("payload"u8) && parent.SequenceEqual(outer)
            && ((outer.StartsWith("systemd-nspawn@"u8) && outer.EndsWith(".service"u8)) || (outer.StartsWith("machine-"u8) && outer.EndsWith(".scope"u8))));

    private static bool IsUnit(ReadOnlySpan<byte> part)
    {
        foreach (string suffix in Suffixes)
        {
            if (part.Length >= suffix.Length && Ascii.Equals(part[^suffix.Length..], suffix))
            {
                return true;
            }
        }

        return false;
    }

    // systemd puts an underscore before a name that the kernel could take for a file of its own (src/basic/cgroup-util.c:cg_escape): _cpu.service.
    private static string Outermost(ReadOnlySpan<byte> part, ReadOnlySpan<byte> slice)
    {
        string text = Text(part);
        bool isEscaped = text[0] == '_';
        string name = isEscaped ? text[1..] : text;
        return IsUnit(part) && IsEscapedBySystemd(name) == isEscaped ? name

            // Not made by systemd, which would call it otherwise: no unit, whatever it looks like.
            : IsOfHost(text) ? $"{Text(slice)}/{text}"
            : text;
    }

    private static bool IsEscapedBySystemd(string name) =>
        name is "" or ['_' or '.', ..] || name.StartsWith("cgroup.", StringComparison.Ordinal) || Controllers.Contains(name[..Math.Max(0, name.LastIndexOf('.'))]);

    private static string Nested(ReadOnlySpan<byte> path, int count)
    {
        Span<byte> name = stackalloc byte[LongestNested];
        ReadOnlySpan<byte> outer = default;
        ReadOnlySpan<byte> inner = default;
        int length = 0;
        bool fits = true;
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (part.IsEmpty || part.EndsWith(".slice"u8) || (part.SequenceEqual(".."u8) && inner.SequenceEqual(".."u8)))
            {
                continue;
            }

            if (count-- == 0)
            {
                break;
            }

            outer = outer.IsEmpty ? part : outer;
            inner = part;
            fits &= length + 1 + part.Length <= name.Length;
            if (fits)
            {
                name[length] = (byte)'/';
                part.CopyTo(name[(length + 1)..]);
                length += 1 + part.Length;
            }
        }

        return fits ? Text(name[1..length]) : $"{Text(outer)}/…/{Text(inner)}";
    }

    private static string? PlainName(ReadOnlySpan<byte> path)
    {
        path = path.TrimEnd((byte)'/');
        ReadOnlySpan<byte> name = path[(path.LastIndexOf((byte)'/') + 1)..];

        // "/.." is what a process sees of a cgroup outside its own cgroup namespace.
        return name.IsEmpty || name.SequenceEqual(".."u8) ? null

            // What is cut must not end like a unit's name.
            : name.Length > LongestPlainName ? Text(name[..LongestPlainName]) + "…"
            : Text(name);
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Utf8Text.Of(bytes);
}
