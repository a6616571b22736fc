using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel;

/// <summary>A lock that one process has at a time (flock(2)). It ends with the process, however that ends; the empty file stays and says nothing.</summary>
public sealed unsafe class FileLock : IDisposable
{
    // Who could open it could hold it.
    private const uint OwnerOnly = 0b110_000_000;

    private readonly DescriptorHandle file;

    private FileLock(DescriptorHandle file) => this.file = file;

    /// <summary>Takes it, without waiting.</summary>
    /// <param name="path">Its file, which is made where it is missing. No link is followed.</param>
    /// <returns>Null where another process has it.</returns>
    /// <exception cref="IOException">There is no such directory, or the file cannot be made, opened or locked.</exception>
    public static FileLock? TryTake(string path)
    {
        int descriptor;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            descriptor = LibC.OpenAt(
                LibC.AtFdCwd, name, LibC.OpenReadWrite | LibC.OpenCreate | LibC.OpenNonBlock | LibC.NoFollowFlag | LibC.OpenCloseOnExec, OwnerOnly);
        }

        if (descriptor < 0)
        {
            throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var opened = new DescriptorHandle(descriptor);
        if (LibC.Lock(descriptor, LibC.LockExclusive | LibC.LockNonBlock) == 0)
        {
            return new FileLock(opened);
        }

        int errno = Marshal.GetLastPInvokeError();
        opened.Dispose();
        return errno == Errno.TryAgain ? null : throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(errno)}");
    }

    /// <summary>Gives it back.</summary>
    public void Dispose() => file.Dispose();
}
