using System.Buffers.Binary;

namespace ConnExporter.SocketLab;

/// <summary>TCP segments made by hand and sent through raw sockets, with a source that is not this host's.</summary>
/// <remarks>
/// A packet to a local address goes out through lo with its route attached, so the reverse path of its source is never checked; the answer
/// is routed to the dummy device, which swallows it.
/// </remarks>
internal sealed unsafe class Segment : IDisposable
{
    public const byte Fin = 0x01;
    public const byte Syn = 0x02;
    public const byte Ack = 0x10;
    private const int HeaderV4 = 20;
    private const int HeaderV6 = 40;
    private const int HeaderTcp = 20;
    private int raw4 = -1;
    private int raw6 = -1;

    public void Send(Endpoint source, Endpoint destination, uint sequence, uint acknowledgement, byte flags)
    {
        byte* packet = stackalloc byte[HeaderV6 + HeaderTcp];
        int header = source.IsV6 ? HeaderV6 : HeaderV4;
        var bytes = new Span<byte>(packet, header + HeaderTcp);
        Write(bytes, header, source, destination, sequence, acknowledgement, flags);

        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = destination.WithPort(0).Write(new Span<byte>(address, Endpoint.MaxSize));
        nint sent = LibC.SendTo(RawSocket(source.IsV6), packet, bytes.Length, 0, address, length);
        if (sent != bytes.Length)
        {
            throw LibC.Failure("sendto(raw)");
        }
    }

    public void Dispose()
    {
        foreach (int socket in (ReadOnlySpan<int>)[raw4, raw6])
        {
            if (socket >= 0)
            {
                Tcp.Close(socket);
            }
        }

        raw4 = raw6 = -1;
    }

    private static void Write(Span<byte> bytes, int header, Endpoint source, Endpoint destination, uint sequence, uint acknowledgement, byte flags)
    {
        bytes.Clear();
        Span<byte> tcp = bytes[header..];
        if (source.IsV6)
        {
            bytes[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], HeaderTcp);
            bytes[6] = LibC.ProtocolTcp;
            bytes[7] = 64;
            BinaryPrimitives.WriteUInt128BigEndian(bytes[8..], source.Address);
            BinaryPrimitives.WriteUInt128BigEndian(bytes[24..], destination.Address);
        }
        else
        {
            // Length, identification and checksum of the IPv4 header are filled in by the kernel (man 7 raw).
            bytes[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)bytes.Length);
            bytes[8] = 64;
            bytes[9] = LibC.ProtocolTcp;
            BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], (uint)source.Address);
            BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], (uint)destination.Address);
        }

        BinaryPrimitives.WriteUInt16BigEndian(tcp, source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], destination.Port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        tcp[12] = HeaderTcp / 4 << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], ushort.MaxValue);

        // The pseudo header: both addresses, the protocol and the length. Zeros in between do not change the sum.
        Span<byte> addresses = source.IsV6 ? bytes[8..40] : bytes[12..20];
        uint sum = Sum(addresses) + Sum(tcp) + LibC.ProtocolTcp + HeaderTcp;
        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], (ushort)~sum);
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        return sum;
    }

    private int RawSocket(bool v6)
    {
        ref int raw = ref v6 ? ref raw6 : ref raw4;
        if (raw < 0)
        {
            raw = LibC.Check(LibC.Socket(v6 ? LibC.AfInet6 : LibC.AfInet, LibC.SockRaw | LibC.SockCloseOnExec, LibC.ProtocolRaw), "socket(SOCK_RAW)");
            if (v6)
            {
                Tcp.Set(raw, LibC.SolIPv6, LibC.IPv6HeaderIncluded, 1, "IPV6_HDRINCL");
            }
        }

        return raw;
    }
}
