using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>
/// Asks sock_diag for single TCP sockets by their two ends: a look into the kernel's hash table, however many sockets there are (type 20 without <c>NLM_F_DUMP</c>,
/// net/ipv4/inet_diag.c:inet_diag_dump_one_icsk). Needs no privilege.
/// </summary>
public static class SocketLookup
{
    /// <summary>Questions that go to the kernel at once: their answers fit into the receive buffer of a socket.</summary>
    public const int Batch = 64;

    // struct inet_diag_req_v2 (linux/inet_diag.h): family 0, protocol 1, ext 2, states 4, id 8: ports 8 and 10, addresses 12 and 28, interface 44, cookie 48.
    private const int Size = NetlinkMessageReader.HeaderSize + 56;
    private const ushort MessageType = 20;
    private const byte FamilyV4 = 2;
    private const byte FamilyV6 = 10;
    private const byte Tcp = 6;

    /// <summary>What is told of a socket that was asked for.</summary>
    /// <param name="localPort">Its local port.</param>
    /// <param name="socket">The socket; it holds until the visitor returns.</param>
    public delegate void Visitor(ushort localPort, in SocketRecord socket);

    /// <summary>Asks for the sockets between one local address with each of the ports, and one remote end. A socket of IPv6 with an IPv4 peer is found by its IPv4 addresses.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress; after a failure it must be closed.</param>
    /// <param name="local">The local address.</param>
    /// <param name="remote">The remote address.</param>
    /// <param name="remotePort">The remote port.</param>
    /// <param name="networkInterface">The interface that the sockets are bound to; 0 for none. Those that are bound to none are found with any.</param>
    /// <param name="localPorts">The local ports.</param>
    /// <param name="found">Is told of each that is there. Where there is none, but a listener on that port would take a connection to it, the kernel answers with the listener.</param>
    /// <param name="answered">Called after each batch; null where nobody waits.</param>
    /// <exception cref="KernelReadException">As of a dump.</exception>
    public static void Ask(NetlinkSocket socket, InetAddress local, InetAddress remote, ushort remotePort, uint networkInterface, ReadOnlySpan<ushort> localPorts, Visitor found, Action? answered = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(found);
        Span<byte> requests = stackalloc byte[Batch * Size];
        while (!localPorts.IsEmpty)
        {
            ReadOnlySpan<ushort> batch = localPorts[..Math.Min(Batch, localPorts.Length)];
            localPorts = localPorts[batch.Length..];
            uint first = 0;
            for (int i = 0; i < batch.Length; i++)
            {
                uint sequence = socket.NextSequence();
                first = i == 0 ? sequence : first;
                Write(requests.Slice(i * Size, Size), sequence, local, remote, batch[i], remotePort, networkInterface);
            }

            socket.Send(requests[..(batch.Length * Size)]);
            Receive(socket, batch, first, found);
            answered?.Invoke();
        }
    }

    private static void Write(Span<byte> buffer, uint sequence, InetAddress local, InetAddress remote, ushort localPort, ushort remotePort, uint networkInterface)
    {
        Span<byte> request = NetlinkRequest.BeginSingle(buffer, Size, MessageType, sequence);
        request[0] = local.IsV4 && remote.IsV4 ? FamilyV4 : FamilyV6;
        request[1] = Tcp;
        MemoryMarshal.Write(request[4..], SockDiagRequest.AllStates);
        BinaryPrimitives.WriteUInt16BigEndian(request[8..], localPort);
        BinaryPrimitives.WriteUInt16BigEndian(request[10..], remotePort);
        WriteAddress(request[12..28], local, request[0] == FamilyV4);
        WriteAddress(request[28..44], remote, request[0] == FamilyV4);
        MemoryMarshal.Write(request[44..], networkInterface);

        // INET_DIAG_NOCOOKIE: whichever socket it is.
        MemoryMarshal.Write(request[48..], ulong.MaxValue);
    }

    private static void WriteAddress(Span<byte> bytes, InetAddress address, bool isV4)
    {
        if (isV4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)address.Low);
            return;
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.Low);
    }

    // One answer for each question, in their order.
    private static void Receive(NetlinkSocket socket, ReadOnlySpan<ushort> ports, uint first, Visitor found)
    {
        for (int answers = 0; answers < ports.Length;)
        {
            var datagram = new NetlinkMessageReader(socket.Receive());
            int before = answers;
            while (datagram.TryRead(out NetlinkMessage message))
            {
                uint index = message.Sequence - first;
                if (index >= ports.Length)
                {
                    throw KernelReadException.Protocol($"sock_diag: an answer to request {message.Sequence} of {first} to {first + (uint)ports.Length - 1}");
                }

                switch (message.Type)
                {
                    case MessageType:
                        found(ports[(int)index], new SocketRecord(message.Payload));
                        break;
                    case NetlinkMessage.Error when message.Payload.Length >= sizeof(int) && message.Errno == Errno.NoEntry:
                        break;
                    case NetlinkMessage.Error when message.Payload.Length >= sizeof(int):
                        throw KernelReadException.FromErrno("sock_diag lookup", message.Errno);
                    default:
                        throw KernelReadException.Protocol($"sock_diag: a message of type {message.Type} with {message.Payload.Length} bytes");
                }

                answers++;
            }

            if (answers == before)
            {
                throw KernelReadException.Protocol("sock_diag: the answer ended before the last socket");
            }
        }
    }
}
