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
    private readonly string modules;
    private readonly ushort answers;
    private readonly uint sequence;
    private NetlinkMessageReader datagram;
    private bool ended;

    /// <summary>Asks for TCP sockets.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="request">What to dump.</param>
    /// <exception cref="KernelReadException">The kernel did not take the request.</exception>
    public SockDiagDump(NetlinkSocket socket, scoped in SockDiagRequest request)
        : this(socket, SockDiagRequest.MessageType, "inet_diag or tcp_diag")
    {
        Span<byte> bytes = request.Length <= 1024 ? stackalloc byte[1024] : new byte[request.Length];
        socket.Send(bytes[..request.Write(bytes, sequence)]);
    }

    /// <summary>Asks for UDP sockets of one family.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="request">What to dump.</param>
    /// <exception cref="KernelReadException">The kernel did not take the request.</exception>
    public SockDiagDump(NetlinkSocket socket, scoped in UdpDiagRequest request)
        : this(socket, UdpDiagRequest.MessageType, "inet_diag or udp_diag")
    {
        Span<byte> bytes = stackalloc byte[UdpDiagRequest.Size];
        request.Write(bytes, sequence);
        socket.Send(bytes);
    }

    /// <summary>Asks for Unix sockets.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="request">What to dump.</param>
    /// <exception cref="KernelReadException">The kernel did not take the request.</exception>
    public SockDiagDump(NetlinkSocket socket, scoped in UnixDiagRequest request)
        : this(socket, UnixDiagRequest.MessageType, "unix_diag")
    {
        Span<byte> bytes = stackalloc byte[UnixDiagRequest.Size];
        request.Write(bytes, sequence);
        socket.Send(bytes);
    }

    private SockDiagDump(NetlinkSocket socket, ushort answers, string modules)
    {
        ArgumentNullException.ThrowIfNull(socket);
        this.socket = socket;
        this.answers = answers;
        this.modules = modules;
        sequence = socket.NextSequence();
    }

    /// <summary>Reads the next TCP or UDP socket.</summary>
    /// <param name="record">The socket; it holds until the next call.</param>
    /// <returns>False when the kernel has said that the dump is complete.</returns>
    /// <exception cref="KernelReadException">
    /// Absent where a module is missing; Denied; Broken for anything that breaks the protocol: what was read so far is then
    /// to be thrown away.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryRead(out SocketRecord record)
    {
        bool found = TryReadPayload(out ReadOnlySpan<byte> payload);
        record = found ? new SocketRecord(payload) : default;
        return found;
    }

    /// <summary>Reads the next Unix socket.</summary>
    /// <param name="record">The socket; it holds until the next call.</param>
    /// <returns>False when the kernel has said that the dump is complete.</returns>
    /// <exception cref="KernelReadException">As <see cref="TryRead"/>.</exception>
    public bool TryReadUnix(out UnixSocketRecord record)
    {
        bool found = TryReadPayload(out ReadOnlySpan<byte> payload);
        record = found ? new UnixSocketRecord(payload) : default;
        return found;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryReadPayload(out ReadOnlySpan<byte> payload)
    {
        while (!ended)
        {
            while (datagram.TryRead(out NetlinkMessage message))
            {
                if (message.Sequence != sequence)
                {
                    throw KernelReadException.Protocol($"sock_diag: an answer to request {message.Sequence} in the dump {sequence}");
                }

                if (message.Type == answers)
                {
                    payload = message.Payload;
                    return true;
                }

                switch (message.Type)
                {
                    case NetlinkMessage.Done when message.Payload.Length >= sizeof(int) && message.Errno == 0:
                        if (datagram.TryRead(out NetlinkMessage further))
                        {
                            throw KernelReadException.Protocol($"sock_diag: a message of type {further.Type} after NLMSG_DONE");
                        }

                        ended = true;
                        payload = default;
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

        payload = default;
        return false;
    }

    // inet_diag missing answers a type 18 request with EOPNOTSUPP, tcp_diag missing ends the dump with ENOENT (kernel-facts §1), as do the others.
    private readonly KernelReadException Refused(int errno) => errno is Errno.NoEntry or Errno.OperationNotSupported
        ? new KernelReadException(FailureKind.Absent, "absent", $"sock_diag: the module {modules} is missing (errno {errno}: {Marshal.GetPInvokeErrorMessage(errno)})")
        : KernelReadException.FromErrno("sock_diag dump", errno);
}
