using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Support;

/// <summary>Builds what the kernel sends, byte by byte from the layouts in linux/netlink.h and linux/inet_diag.h.</summary>
internal static class Netlink
{
    public const ushort Error = 2;
    public const ushort Done = 3;
    public const ushort SockDiag = 18;
    public const ushort SockDiagByFamily = 20;

    public static byte[] Message(ushort type, uint sequence, params ReadOnlySpan<byte> payload)
    {
        byte[] message = new byte[(16 + payload.Length + 3) & ~3];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)(16 + payload.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), 2);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), sequence);
        payload.CopyTo(message.AsSpan(16));
        return message;
    }

    /// <summary>A message whose payload is an errno, as those of NLMSG_DONE and NLMSG_ERROR are.</summary>
    public static byte[] Verdict(ushort type, uint sequence, int errno) => Message(type, sequence, Int32(-errno));

    public static byte[] Attribute(ushort type, params ReadOnlySpan<byte> value)
    {
        byte[] attribute = new byte[(4 + value.Length + 3) & ~3];
        BinaryPrimitives.WriteUInt16LittleEndian(attribute, (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(attribute.AsSpan(2), type);
        value.CopyTo(attribute.AsSpan(4));
        return attribute;
    }

    /// <summary>struct inet_diag_msg and attributes behind it.</summary>
    public static byte[] Record(
        byte state = (byte)TcpState.Established,
        string local = "192.0.2.1",
        ushort localPort = 0,
        string remote = "198.51.100.1",
        ushort remotePort = 0,
        byte timer = 0,
        ulong cookie = 0,
        uint receiveQueue = 0,
        uint sendQueue = 0,
        uint inode = 0,
        uint device = 0,
        params byte[][] attributes)
    {
        var address = IPAddress.Parse(local);
        byte[] record = new byte[72];
        record[0] = address.AddressFamily == AddressFamily.InterNetwork ? (byte)2 : (byte)10;
        record[1] = state;
        record[2] = timer;
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(4), localPort);
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(6), remotePort);
        address.GetAddressBytes().CopyTo(record, 8);
        IPAddress.Parse(remote).GetAddressBytes().CopyTo(record, 24);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(40), device);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(44), cookie);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(56), receiveQueue);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(60), sendQueue);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(68), inode);
        return [.. record, .. attributes.SelectMany(a => a)];
    }

    /// <summary>struct unix_diag_msg and attributes behind it (linux/unix_diag.h).</summary>
    public static byte[] UnixRecord(byte kind, byte state, ulong cookie, string? name = null, uint inode = 0, (uint Receive, uint Send)? queues = null)
    {
        byte[] record = new byte[16];
        (record[0], record[1], record[2]) = (1, kind, state);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), inode);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(8), cookie);
        return
        [
            .. record,
            .. name is null ? [] : Attribute(0, System.Text.Encoding.UTF8.GetBytes(name)),
            .. queues is { } two ? Attribute(4, Int32((int)two.Receive, (int)two.Send)) : [],
        ];
    }

    public static byte[] Int32(params ReadOnlySpan<int> values)
    {
        byte[] bytes = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), values[i]);
        }

        return bytes;
    }
}
