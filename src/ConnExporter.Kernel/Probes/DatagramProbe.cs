using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Kernel.Probes;

/// <summary>
/// Asks whether the queue of a Unix datagram socket is full, which no record tells: a socket of our own that is connected to it can be written to unless it is
/// (net/unix/af_unix.c:unix_dgram_poll). Nothing is sent. Of the thread's network namespace, and of files in our own mount namespace.
/// </summary>
public static unsafe class DatagramProbe
{
    private const int SockDatagram = 2;
    private const int Family = 2;
    private const int LongestName = 108;
    private const short PollOut = 4;

    /// <summary>Asks once.</summary>
    /// <param name="name">Its name as the kernel tells it: a path, or a NUL and an abstract name.</param>
    /// <param name="file">Its file, as the kernel tells it; of no matter for an abstract name.</param>
    /// <returns>Null where it cannot be asked: the path is another file here, it may not be connected to, or it is connected to one peer itself.</returns>
    public static bool? IsFull(ReadOnlySpan<byte> name, UnixSocketFile? file)
    {
        if (name.IsEmpty || name.Length >= LongestName || (name[0] != 0 && !IsFile(name, file)))
        {
            return null;
        }

        int descriptor = LibC.Socket(LibC.AfUnix, SockDatagram | LibC.SockCloseOnExec | LibC.SockNonBlock, 0);
        if (descriptor < 0)
        {
            return null;
        }

        using var socket = new DescriptorHandle(descriptor);
        byte* address = stackalloc byte[Family + LongestName];
        *(ushort*)address = LibC.AfUnix;
        name.CopyTo(new Span<byte>(address + Family, LongestName));

        // A path ends with a NUL, an abstract name with its length.
        bool isPath = name[0] != 0;
        address[Family + name.Length] = 0;
        if (LibC.Connect(socket.Value, address, (uint)(Family + name.Length + (isPath ? 1 : 0))) != 0)
        {
            return null;
        }

        var wait = new LibC.PollDescriptor { Descriptor = socket.Value, Events = PollOut };
        int ready = LibC.Poll(&wait, 1, 0);
        return ready < 0 || (wait.Returned & ~PollOut) != 0 ? null : ready == 0;
    }

    private static bool IsFile(ReadOnlySpan<byte> name, UnixSocketFile? file)
    {
        byte* path = stackalloc byte[LongestName + 1];
        name.CopyTo(new Span<byte>(path, LongestName));
        path[name.Length] = 0;
        LibC.StatxBuffer found = default;
        return name[0] == (byte)'/' && file is { } bound && LibC.Statx(LibC.AtFdCwd, path, 0, LibC.StatxBasic, &found) == 0 && bound.Is(found.Inode, found.DeviceMajor, found.DeviceMinor);
    }
}
