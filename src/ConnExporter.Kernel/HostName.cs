using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>The name of this host as the kernel has it (gethostname(2), <c>uname -n</c>), with its domain where it was given one.</summary>
/// <remarks><see cref="Environment.MachineName"/> cuts it at the first dot, by which two hosts of two domains are one.</remarks>
public static unsafe class HostName
{
    // __NEW_UTS_LEN is 64, and a NUL.
    private const int Longest = 65;

    /// <summary>The name now.</summary>
    /// <exception cref="KernelReadException">The kernel does not tell.</exception>
    public static string Current
    {
        get
        {
            byte* name = stackalloc byte[Longest + 1];
            return LibC.GetHostName(name, Longest) == 0
                ? Utf8Text.Of(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name))
                : throw KernelReadException.FromErrno("gethostname", Marshal.GetLastPInvokeError());
        }
    }
}
