using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>Tells what a kernel does not have from what is hidden from this process: proc mounted with <c>subset=pid</c>, or another file system over a part of it.</summary>
internal static unsafe class HiddenProc
{
    // What every kernel with networking has in a part of it, whatever its version and modules; at the root itself "".
    private static readonly (string Part, string Witness)[] Parts = [("/sys", "kernel/osrelease"), ("/net", "sockstat"), ("", "stat")];

    /// <summary>The failure to open a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="errno">The error number.</param>
    public static KernelReadException FromErrno(string path, int errno)
    {
        var failure = KernelReadException.FromErrno(path, errno);
        if (errno != Errno.NoEntry)
        {
            return failure;
        }

        foreach ((string part, string witness) in Parts)
        {
            int start = path.IndexOf($"{part}/", part.Length == 0 ? Math.Max(0, path.LastIndexOf('/')) : 0, StringComparison.Ordinal);

            // Only at the root of a proc file system: below /proc/PID nothing is left of a process that has just ended.
            string place = start < 0 ? "" : path[..start];
            if (start > 0 && IsRootOfProc(place))
            {
                return FileOwner.Of($"{place}{part}/{witness}") is null
                    ? KernelReadException.Hidden(failure, $"every Linux has {place}{part}/{witness}, so {place}{part} is hidden (subset=pid, or another file system mounted over it)")
                    : failure;
            }
        }

        return failure;
    }

    private static bool IsRootOfProc(string root)
    {
        if (FileOwner.Of(root + "/self") is not { IsLink: true })
        {
            return false;
        }

        fixed (byte* bytes = Encoding.UTF8.GetBytes(root + '\0'))
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, bytes, LibC.OpenPath | LibC.OpenCloseOnExec);
            if (descriptor < 0)
            {
                return false;
            }

            using var directory = new DescriptorHandle(descriptor);
            return LibC.FStatFs(descriptor, out LibC.StatFsBuffer system) == 0 && system.Type == LibC.ProcSuperMagic;
        }
    }
}
