using System.Buffers.Binary;
using System.Net.Sockets;

namespace ConnExporter.Kernel;

/// <summary>The user at the other end of a Unix socket (SO_PEERCRED of unix(7)): as it was when the other end called <c>connect()</c> or <c>listen()</c>.</summary>
public static class PeerUser
{
    private const int Option = 17;
    private const int UserOffset = 4;

    // struct ucred: pid, uid, gid.
    private const int Length = 12;

    /// <summary>Asks the kernel.</summary>
    /// <returns>The effective uid; null where the kernel does not say.</returns>
    public static uint? Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[Length];
        try
        {
            return socket.GetRawSocketOption(LibC.SolSocket, Option, credentials) == Length ? BinaryPrimitives.ReadUInt32LittleEndian(credentials[UserOffset..]) : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }
}
