namespace ConnExporter.SocketLab;

/// <summary>States as the kernel numbers them (include/net/tcp_states.h). The lab states its own, so that the daemon is not measured by itself.</summary>
public enum SocketState
{
    None = 0,
    Established = 1,
    SynSent = 2,
    SynRecv = 3,
    FinWait1 = 4,
    FinWait2 = 5,
    TimeWait = 6,
    Close = 7,
    CloseWait = 8,
    LastAck = 9,
    Listen = 10,
    Closing = 11,
}
