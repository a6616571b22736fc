using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Bpf;

/// <summary>Looks something up in the running kernel's description of itself, which is some five megabytes: read whole, and given back at once.</summary>
internal static unsafe class KernelBtf
{
    // The largest seen has 12 MB.
    private const int SizeLimit = 64 * 1024 * 1024;

    /// <summary>Looks up.</summary>
    public delegate T Look<out T>(Btf btf);

    /// <summary>Reads it, and looks something up.</summary>
    /// <param name="sysRoot">Where sysfs is mounted.</param>
    /// <param name="look">Takes what is needed; nothing of the view may outlive it.</param>
    /// <exception cref="KernelReadException">Absent where the kernel was built without (CONFIG_DEBUG_INFO_BTF); Denied; Broken.</exception>
    public static T Read<T>(string sysRoot, Look<T> look)
    {
        string path = System.IO.Path.Join(sysRoot, Btf.KernelPath);
        using DescriptorHandle file = Open(path);
        LibC.StatxBuffer status;
        byte empty = 0;
        const uint Size = 0x200;
        if (LibC.Statx(file.Value, &empty, LibC.AtEmptyPath, Size, &status) != 0)
        {
            throw KernelReadException.FromErrno(path, Marshal.GetLastPInvokeError());
        }

        if (status.Size is 0 or > SizeLimit)
        {
            throw new KernelReadException(FailureKind.Broken, "too_large", $"{path}: a size of {status.Size} bytes");
        }

        // The C library asks the kernel for so much at once, and gives it back when it is freed.
        byte* buffer = (byte*)NativeMemory.Alloc((nuint)status.Size);
        try
        {
            int length = 0;
            while (length < (int)status.Size)
            {
                nint got = LibC.Read(file.Value, buffer + length, (int)status.Size - length);
                int errno = got < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (errno == Errno.Interrupted)
                {
                    continue;
                }

                if (got <= 0)
                {
                    throw errno == 0 ? new KernelReadException(FailureKind.Broken, "parse", $"{path}: {length} of {status.Size} bytes") : KernelReadException.FromErrno(path, errno);
                }

                length += (int)got;
            }

            return look(Btf.Parse(path, new ReadOnlySpan<byte>(buffer, length)));
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    private static DescriptorHandle Open(string path)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, bytes, LibC.OpenReadOnly | LibC.OpenCloseOnExec);
            int errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
            return errno switch
            {
                0 => new DescriptorHandle(descriptor),
                Errno.NoEntry => throw new KernelReadException(FailureKind.Absent, "absent", $"{path}: this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF); a distribution's kernel since 2021 mostly does"),
                _ => throw KernelReadException.FromErrno(path, errno),
            };
        }
    }
}
