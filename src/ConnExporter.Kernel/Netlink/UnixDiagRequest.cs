using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>What to ask of <c>unix_diag</c>: a dump of the Unix sockets in the given states.</summary>
/// <param name="States">Mask of <c>1 &lt;&lt; state</c>, in TCP's numbers: 10 listens, 1 is connected, 7 neither.</param>
/// <param name="Show">Mask of what each record shall carry.</param>
public readonly record struct UnixDiagRequest(uint States, UnixDiagShow Show)
{
    /// <summary>The bytes of a request.</summary>
    public const int Size = NetlinkMessageReader.HeaderSize + 24;

    internal const ushort MessageType = 20;
    private const byte Family = LibC.AfUnix;

    /// <summary>Writes the request as it goes to the kernel.</summary>
    /// <param name="buffer"><see cref="Size"/> bytes.</param>
    /// <param name="sequence">The sequence number that the answers will carry.</param>
    public void Write(Span<byte> buffer, uint sequence)
    {
        // struct unix_diag_req (linux/unix_diag.h): family 0, protocol 1, states 4, inode 8, show 12, cookie 16..24.
        Span<byte> request = NetlinkRequest.Begin(buffer, Size, MessageType, sequence);
        request[0] = Family;
        MemoryMarshal.Write(request[4..], States);
        MemoryMarshal.Write(request[12..], (uint)Show);
    }
}

/// <summary>What a record of <c>unix_diag</c> shall carry (<c>UDIAG_SHOW_*</c>).</summary>
[Flags]
public enum UnixDiagShow
{
    /// <summary>Nothing but what every record has.</summary>
    None = 0,

    /// <summary>The name that it is bound to.</summary>
    Name = 1,

    /// <summary>The file that it is bound to, by inode and device.</summary>
    File = 2,

    /// <summary>The inode of its peer.</summary>
    Peer = 4,

    /// <summary>Its queues.</summary>
    Queues = 16,

    /// <summary>The user that made it; since Linux 5.3.</summary>
    User = 64,
}
