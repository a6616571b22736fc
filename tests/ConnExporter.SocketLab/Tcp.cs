using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ConnExporter.SocketLab;

/// <summary>Sockets by descriptor; every failure names the call.</summary>
internal static unsafe class Tcp
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static int Create(bool v6, bool blocking = true, bool closeOnExec = true)
    {
        int type = LibC.SockStream | (closeOnExec ? LibC.SockCloseOnExec : 0) | (blocking ? 0 : LibC.SockNonBlock);
        return LibC.Check(LibC.Socket(v6 ? LibC.AfInet6 : LibC.AfInet, type, 0), "socket");
    }

    public static void Set(int socket, int level, int option, int value, string name) =>
        LibC.Check(LibC.SetSocketOption(socket, level, option, &value, sizeof(int)), $"setsockopt({name})");

    public static void Bind(int socket, Endpoint endpoint)
    {
        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = endpoint.Write(new Span<byte>(address, Endpoint.MaxSize));
        LibC.Check(LibC.Bind(socket, address, length), "bind");
    }

    /// <summary>Connects.</summary>
    /// <returns>False where the handshake goes on.</returns>
    public static bool Connect(int socket, Endpoint endpoint)
    {
        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = endpoint.Write(new Span<byte>(address, Endpoint.MaxSize));
        if (LibC.Connect(socket, address, length) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == LibC.InProgress ? false : throw LibC.Failure("connect");
    }

    /// <summary>A listener on a port that the kernel picks, or on the endpoint's own.</summary>
    public static int Listen(Endpoint endpoint, int backlog, out ushort port, bool dualStack = false, bool reusePort = false, bool blocking = true)
    {
        int socket = Create(endpoint.IsV6, blocking);
        if (endpoint.IsV6)
        {
            Set(socket, LibC.SolIPv6, LibC.IPv6Only, dualStack ? 0 : 1, "IPV6_V6ONLY");
        }

        if (reusePort)
        {
            Set(socket, LibC.SolSocket, LibC.SoReusePort, 1, "SO_REUSEPORT");
        }

        Bind(socket, endpoint);
        LibC.Check(LibC.Listen(socket, backlog), "listen");
        port = LocalPort(socket);
        return socket;
    }

    public static int Accept(int listener) => LibC.Check(LibC.Accept(listener, null, null, LibC.SockCloseOnExec), "accept");

    /// <summary>Accepts from a non-blocking listener; false where nothing waits.</summary>
    public static bool TryAccept(int listener, out int socket)
    {
        socket = LibC.Accept(listener, null, null, LibC.SockCloseOnExec);
        if (socket >= 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == LibC.WouldBlock ? false : throw LibC.Failure("accept");
    }

    public static ushort LocalPort(int socket)
    {
        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = Endpoint.MaxSize;
        LibC.Check(LibC.GetSocketName(socket, address, &length), "getsockname");
        return BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(address + 2, 2));
    }

    /// <summary>Sends all of it, which the send buffer has room for.</summary>
    public static void Send(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            nint sent = LibC.SendTo(socket, first, bytes.Length, LibC.NoSignal, null, 0);
            if (LibC.Check((int)sent, "send") < bytes.Length)
            {
                throw new InvalidOperationException($"only {sent} of {bytes.Length} bytes were sent");
            }
        }
    }

    public static void ShutdownWrite(int socket) => LibC.Check(LibC.Shutdown(socket, LibC.ShutdownWrite), "shutdown");

    public static void Close(int socket) => LibC.Check(LibC.Close(socket), "close");

    /// <summary>The state, the first byte of struct tcp_info.</summary>
    public static SocketState State(int socket)
    {
        byte* info = stackalloc byte[8];
        uint length = 8;
        LibC.Check(LibC.GetSocketOption(socket, LibC.ProtocolTcp, LibC.TcpInfo, info, &length), "getsockopt(TCP_INFO)");
        return (SocketState)info[0];
    }

    public static void WaitFor(int socket, SocketState wanted)
    {
        if (State(socket) == wanted)
        {
            return;
        }

        long start = Stopwatch.GetTimestamp();
        while (State(socket) != wanted)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"a socket is still in {State(socket)}, not in {wanted}, after {Patience.TotalSeconds} s");
            }

            Thread.Sleep(1);
        }
    }

    /// <summary>An open connection without a peer and without a packet (TCP_REPAIR, needs CAP_NET_ADMIN).</summary>
    /// <param name="local">Its own end.</param>
    /// <param name="remote">An address that has a route.</param>
    /// <param name="sequence">The next sequence number of both directions.</param>
    /// <param name="stay">Stays in repair mode, where close() sends nothing and leaves nothing behind, and is inherited by processes started from now on.</param>
    public static int Repair(Endpoint local, Endpoint remote, uint sequence, bool stay = false)
    {
        // TCP_REPAIR_ON 1, TCP_RECV_QUEUE 1, TCP_SEND_QUEUE 2, TCP_REPAIR_OFF_NO_WP -1: leaving without a window probe sends nothing.
        int socket = Create(local.IsV6, closeOnExec: !stay);
        SetTcp(socket, LibC.TcpRepair, 1, "TCP_REPAIR");
        SetTcp(socket, LibC.TcpRepairQueue, 1, "TCP_REPAIR_QUEUE");
        SetTcp(socket, LibC.TcpQueueSequence, (int)sequence, "TCP_QUEUE_SEQ");
        SetTcp(socket, LibC.TcpRepairQueue, 2, "TCP_REPAIR_QUEUE");
        SetTcp(socket, LibC.TcpQueueSequence, (int)sequence, "TCP_QUEUE_SEQ");
        Bind(socket, local);
        Connect(socket, remote);
        if (!stay)
        {
            // struct tcp_repair_window: snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup. Without a window what is sent is a probe of it and no segment.
            const uint window = 65_535;
            uint* windows = stackalloc uint[] { sequence, window, window, window, sequence };
            LibC.Check(LibC.SetSocketOption(socket, LibC.ProtocolTcp, LibC.TcpRepairWindow, windows, 5 * sizeof(uint)), "setsockopt(TCP_REPAIR_WINDOW)");
            SetTcp(socket, LibC.TcpRepair, -1, "TCP_REPAIR");
        }

        return socket;
    }

    /// <summary>Closes without a packet, as if the host had vanished (TCP_REPAIR).</summary>
    public static void Vanish(int socket)
    {
        SetTcp(socket, LibC.TcpRepair, 1, "TCP_REPAIR");
        Close(socket);
    }

    public static void SetTcp(int socket, int option, int value, string name) => Set(socket, LibC.ProtocolTcp, option, value, name);
}
