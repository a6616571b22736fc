namespace ConnExporter.Kernel.Netlink;

/// <summary>States of a TCP socket as the kernel numbers them (include/net/tcp_states.h). A mask has bit <c>1 &lt;&lt; state</c>.</summary>
public enum TcpState : byte
{
    /// <summary>No such state; counted, never thrown away.</summary>
    Unknown = 0,

    /// <summary>Open both ways.</summary>
    Established = 1,

    /// <summary>A connect() without an answer yet.</summary>
    SynSent = 2,

    /// <summary>A SYN was answered; the request sockets of a listener's SYN queue are shown in this state.</summary>
    SynRecv = 3,

    /// <summary>Closed here first; the FIN is not acknowledged.</summary>
    FinWait1 = 4,

    /// <summary>Closed here first; waiting for the peer's FIN.</summary>
    FinWait2 = 5,

    /// <summary>Closed both ways, kept for 60 s by the side that closed first.</summary>
    TimeWait = 6,

    /// <summary>Not connected.</summary>
    Close = 7,

    /// <summary>The peer has closed; the application here has not.</summary>
    CloseWait = 8,

    /// <summary>Closed after the peer; the last acknowledgement is missing.</summary>
    LastAck = 9,

    /// <summary>A listener.</summary>
    Listen = 10,

    /// <summary>Both closed at once.</summary>
    Closing = 11,
}
