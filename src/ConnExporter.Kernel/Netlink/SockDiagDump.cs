using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>A dump in progress: the sockets one by one, streamed through the socket's buffer, nothing kept and nothing allocated.</summary>
/// <remarks>
/// The kernel gives no snapshot: a socket that changes state meanwhile may appear twice or not at all (kernel-facts §1). After a failure
/// the socket is in the middle of an answer and must be closed.
/// </remarks>
public ref struct SockDiagDump
{
    private readonly NetlinkSocket socket;
    private readonly uint sequence;
    private NetlinkMessageReader datagram;
    private bool ended;

    /// <summary>Sends the request.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="request">What to dump.</param>
    /// <exception cref="KernelReadException">The kernel did not take the request.</exception>
    public SockDiagDump(NetlinkSocket socket, scoped in SockDiagRequest request)
    {
        ArgumentNullException.ThrowIfNull(socket);
        this.socket = socket;
        sequence = socket.NextSequence();
        Span<byte> bytes = stackalloc byte[SockDiagRequest.MaxSize];
        socket.Send(bytes[..request.Write(bytes, sequence)]);
    }

    /// <summary>Reads the next socket.</summary>
    /// <param name="record">The socket; it holds until the next call.</param>
    /// <returns>False when the kernel has said that the dump is complete.</returns>
    /// <exception cref="KernelReadException">
    /// Absent where inet_diag or tcp_diag is missing; Denied; Broken for anything that breaks the protocol: what was read so far is then
    /// to be thrown away.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryRead(out SocketRecord record)
    {
        while (!ended)
        {
            while (datagram.TryRead(out NetlinkMessage message))
            {
                if (message.Sequence != sequence)
                {
                    throw KernelReadException.Protocol($"sock_diag: an answer to request {message.Sequence} in the dump {sequence}");
                }

                switch (message.Type)
                {
                    case SockDiagRequest.MessageType:
                        record = new SocketRecord(message.Payload);
                        return true;
                    case NetlinkMessage.Done when message.Payload.Length >= sizeof(int) && message.Errno == 0:
                        if (datagram.TryRead(out NetlinkMessage further))
                        {
                            throw KernelReadException.Protocol($"sock_diag: a message of type {further.Type} after NLMSG_DONE");
                        }

                        ended = true;
                        record = default;
                        return false;
                    case NetlinkMessage.Done when message.Payload.Length >= sizeof(int):
                    case NetlinkMessage.Error when message.Payload.Length >= sizeof(int):
                        throw Refused(message.Errno);
                    default:
                        throw KernelReadException.Protocol($"sock_diag: a message of type {message.Type} with {message.Payload.Length} bytes");
                }
            }

            ReadOnlySpan<byte> received = socket.Receive();
            if (received.IsEmpty)
            {
                throw KernelReadException.Protocol("sock_diag: the answer ended without NLMSG_DONE");
            }

            datagram = new NetlinkMessageReader(received);
        }

        record = default;
        return false;
    }

    // inet_diag missing answers a type 18 request with EOPNOTSUPP, tcp_diag missing ends the dump with ENOENT (kernel-facts §1).
    private static KernelReadException Refused(int errno) => errno is Errno.NoEntry or Errno.OperationNotSupported
        ? new KernelReadException(FailureKind.Absent, "absent", $"sock_diag: the module inet_diag or tcp_diag is missing (errno {errno}: {Marshal.GetPInvokeErrorMessage(errno)})")
        : KernelReadException.FromErrno("sock_diag dump", errno);
}
