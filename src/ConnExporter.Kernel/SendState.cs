using System.Buffers.Binary;
using System.Net.Sockets;

namespace ConnExporter.Kernel;

/// <summary>How far the peer of a TCP connection has read what was sent to it (struct tcp_info of linux/tcp.h).</summary>
/// <param name="Acknowledged">Bytes that the peer has acknowledged since the connection began.</param>
/// <param name="IsOutstanding">Whether bytes wait to be sent or acknowledged.</param>
public readonly record struct SendState(ulong Acknowledged, bool IsOutstanding)
{
    private const int LevelTcp = 6;
    private const int OptionInfo = 11;
    private const int UnacknowledgedSegments = 24;
    private const int AcknowledgedBytes = 120;
    private const int NotSentBytes = 144;
    private const int Length = 148;

    /// <summary>Asks the kernel about one connection.</summary>
    /// <returns>False for a socket that is not TCP, or is closed.</returns>
    public static bool TryRead(Socket socket, out SendState state)
    {
        Span<byte> info = stackalloc byte[Length];
        state = default;
        try
        {
            if (socket.GetRawSocketOption(LevelTcp, OptionInfo, info) < Length)
            {
                return false;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }

        state = new SendState(
            BinaryPrimitives.ReadUInt64LittleEndian(info[AcknowledgedBytes..]),
            BinaryPrimitives.ReadUInt32LittleEndian(info[UnacknowledgedSegments..]) > 0 || BinaryPrimitives.ReadUInt32LittleEndian(info[NotSentBytes..]) > 0);
        return true;
    }
}
