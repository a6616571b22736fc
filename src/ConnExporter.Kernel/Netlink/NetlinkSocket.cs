using System.Buffers;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>A netlink socket with its kept receive buffer. Not safe for use by two threads at once.</summary>
/// <remarks>It belongs to the network namespace of the thread that opened it, for as long as it lives (kernel-facts §7).</remarks>
public sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>What the kernel fills at most for one receive (<c>SKB_WITH_OVERHEAD(32768)</c>, kernel-facts §1).</summary>
    private const int KernelChunk = 32 * 1024;

    /// <summary>An answer that has not come by then will not come: the kernel answers a dump from within the receive call.</summary>
    private static readonly TimeSpan ReceiveTimeout = TimeSpan.FromSeconds(5);

    private readonly SafeHandle handle;
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(KernelChunk);
    private uint sequence;

    /// <summary>Speaks netlink over an open socket. A test gives one end of a datagram pair and plays the kernel at the other.</summary>
    /// <param name="handle">The socket; this object closes it.</param>
    public NetlinkSocket(SafeHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        this.handle = handle;
    }

    /// <summary>Opens a socket for <c>NETLINK_SOCK_DIAG</c>. Needs no privilege.</summary>
    /// <exception cref="KernelReadException">Absent where the kernel has no sock_diag; Denied where a sandbox forbids AF_NETLINK.</exception>
    public static NetlinkSocket OpenSockDiag()
    {
        int descriptor = LibC.Socket(LibC.AfNetlink, LibC.SockRaw | LibC.SockCloseOnExec, LibC.NetlinkSockDiag);
        if (descriptor < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw errno switch
            {
                Errno.ProtocolNotSupported =>
                    new KernelReadException(FailureKind.Absent, "absent", "socket(AF_NETLINK, NETLINK_SOCK_DIAG): this kernel has no sock_diag"),
                Errno.AddressFamilyNotSupported =>
                    new KernelReadException(FailureKind.Denied, "denied", "socket(AF_NETLINK): the address family is not permitted (RestrictAddressFamilies= must list AF_NETLINK)"),
                _ => KernelReadException.FromErrno("socket(AF_NETLINK, NETLINK_SOCK_DIAG)", errno),
            };
        }

        var socket = new NetlinkSocket(new DescriptorHandle(descriptor));
        long* timeout = stackalloc long[2] { (long)ReceiveTimeout.TotalSeconds, 0 };
        if (LibC.SetSocketOption(descriptor, LibC.SolSocket, LibC.SoReceiveTimeout, timeout, 2 * sizeof(long)) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            socket.Dispose();
            throw KernelReadException.FromErrno("setsockopt(SO_RCVTIMEO)", errno);
        }

        return socket;
    }

    /// <summary>The sequence number for the next request.</summary>
    public uint NextSequence() => ++sequence;

    /// <summary>Sends one request.</summary>
    /// <param name="request">A whole netlink message.</param>
    /// <exception cref="KernelReadException">The kernel did not take it.</exception>
    public void Send(ReadOnlySpan<byte> request)
    {
        fixed (byte* bytes = request)
        {
            while (true)
            {
                nint sent = LibC.Send(Descriptor, bytes, request.Length, 0);
                if (sent == request.Length)
                {
                    return;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (sent >= 0)
                {
                    throw KernelReadException.Protocol($"netlink send: {sent} of {request.Length} bytes were taken");
                }

                if (errno != Errno.Interrupted)
                {
                    throw KernelReadException.FromErrno("netlink send", errno);
                }
            }
        }
    }

    /// <summary>Receives one datagram into the kept buffer; the span holds until the next call.</summary>
    /// <exception cref="KernelReadException">
    /// The receive failed, or the datagram was larger than the buffer; the buffer has then grown to that size for the next dump.
    /// </exception>
    public ReadOnlySpan<byte> Receive()
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                nint length = LibC.Receive(Descriptor, bytes, buffer.Length, LibC.MsgTrunc);
                if (length > buffer.Length)
                {
                    int had = buffer.Length;
                    if (length <= 64 * KernelChunk)
                    {
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = ArrayPool<byte>.Shared.Rent((int)length);
                    }

                    throw new KernelReadException(FailureKind.Broken, "too_large", $"netlink receive: a datagram of {length} bytes did not fit in {had}");
                }

                if (length >= 0)
                {
                    return buffer.AsSpan(0, (int)length);
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.Interrupted)
                {
                    throw KernelReadException.FromErrno("netlink receive", errno);
                }
            }
        }
    }

    /// <summary>Closes the socket and ends every span that was received.</summary>
    public void Dispose()
    {
        handle.Dispose();
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }

    private int Descriptor => (int)handle.DangerousGetHandle();
}
