using System.Buffers;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>The systemd unit or container that a cgroup path stands for; else what its maker called it.</summary>
public static class UnitName
{
    /// <summary>What belongs to no unit: kernel threads, and processes on hosts without systemd.</summary>
    public const string None = "none";

    private const int ShortId = 12;
    private const int LongestPlainName = 64;
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdef"u8);

    /// <summary>Reads <c>/proc/PID/cgroup</c> (cgroups(7)) and names the unit.</summary>
    /// <param name="text">The whole file: lines of <c>hierarchy:controllers:path</c>.</param>
    /// <returns>
    /// Such as <c>nginx.service</c> or <c>docker-0123456789ab</c>; a name of <see cref="FromPath"/> that is neither only where no line has one that
    /// is; <see cref="None"/> where no line tells, and for a text that was cut.
    /// </returns>
    public static string FromProcessFile(ReadOnlySpan<byte> text)
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

            // A process that ends can outlive its cgroup (kernel/cgroup/cgroup.c:proc_cgroup_show).
            ReadOnlySpan<byte> deleted = " (deleted)"u8;
            ReadOnlySpan<byte> controllers = line.Slice(first + 1, second);
            ReadOnlySpan<byte> path = line[(first + second + 2)..];
            path = path.EndsWith(deleted) ? path[..^deleted.Length] : path;
            bool whole = controllers.IsEmpty || controllers.SequenceEqual("name=systemd"u8);
            if (UnitOrContainer(path) is { } name)
            {
                if (whole)
                {
                    return name;
                }

                best = name;
            }
            else if (PlainName(path) is { } other && (whole || plain is null))
            {
                plain = other;
            }
        }

        return best ?? plain ?? None;
    }

    /// <summary>Names the unit of a cgroup path.</summary>
    /// <param name="path">Such as <c>/system.slice/nginx.service</c>.</param>
    /// <returns>
    /// A container where the path holds one, else the innermost service or scope, else the innermost slice, else the last part of the path (a
    /// cgroup made by hand or by an engine without systemd), else <see cref="None"/>: the root.
    /// </returns>
    public static string FromPath(ReadOnlySpan<byte> path) => UnitOrContainer(path) ?? PlainName(path) ?? None;

    private static string? UnitOrContainer(ReadOnlySpan<byte> path)
    {
        ReadOnlySpan<byte> unit = default;
        ReadOnlySpan<byte> slice = default;
        ReadOnlySpan<byte> parent = default;
        string? container = null;
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (part.IsEmpty)
            {
                continue;
            }

            container = Container(part, parent) ?? container;
            if (part.EndsWith(".service"u8) || part.EndsWith(".scope"u8))
            {
                // Below user@1000.service, init.scope is that manager itself; alone it is the host's.
                unit = !unit.IsEmpty && part.SequenceEqual("init.scope"u8) ? unit : part;
            }
            else if (part.EndsWith(".slice"u8))
            {
                slice = part;
            }

            parent = part;
        }

        return container ?? (!unit.IsEmpty ? Text(unit) : !slice.IsEmpty ? Text(slice) : null);
    }

    private static string? PlainName(ReadOnlySpan<byte> path)
    {
        path = path.TrimEnd((byte)'/');
        ReadOnlySpan<byte> name = path[(path.LastIndexOf((byte)'/') + 1)..];

        // "/.." is what a process sees of a cgroup outside its own cgroup namespace.
        return name.IsEmpty || name.SequenceEqual(".."u8) ? null : Text(name[..Math.Min(name.Length, LongestPlainName)]);
    }

    // "docker-<id>.scope", "cri-containerd-<id>.scope", "libpod-<id>.scope" where systemd drives; "docker/<id>", "kubepods/.../<id>" where not.
    private static string? Container(ReadOnlySpan<byte> part, ReadOnlySpan<byte> parent)
    {
        ReadOnlySpan<byte> name = part.EndsWith(".scope"u8) ? part[..^".scope".Length] : part;
        int dash = name.LastIndexOf((byte)'-');
        ReadOnlySpan<byte> id = name[(dash + 1)..];
        if (id.Length != 64 || id.ContainsAnyExcept(HexDigits))
        {
            return null;
        }

        string engine = dash > 0 ? Text(name[..dash])
            : parent.SequenceEqual("docker"u8) ? "docker"
            : parent.StartsWith("pod"u8) || parent.IndexOf("-pod"u8) >= 0 ? "kubepods"
            : "container";
        return $"{engine}-{Text(id[..ShortId])}";
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Utf8Text.Of(bytes);
}
