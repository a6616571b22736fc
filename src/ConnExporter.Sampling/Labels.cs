using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling;

/// <summary>Label values that several collectors share.</summary>
internal static class Labels
{
    /// <summary>The row that holds what a bound left out, so that sums hold.</summary>
    public const string Other = "other";

    /// <summary>The unit of what is in none.</summary>
    public const string None = Kernel.Cgroups.UnitName.None;

    /// <summary>The process of what nobody is known to hold.</summary>
    public const string Unknown = "unknown";

    /// <summary>The states of a TCP socket under the names they have on the page.</summary>
    public static readonly (TcpState State, string Label)[] States =
    [
        (TcpState.Established, "established"), (TcpState.SynSent, "syn_sent"), (TcpState.SynRecv, "syn_recv"), (TcpState.FinWait1, "fin_wait1"),
        (TcpState.FinWait2, "fin_wait2"), (TcpState.TimeWait, "time_wait"), (TcpState.Close, "close"), (TcpState.CloseWait, "close_wait"),
        (TcpState.LastAck, "last_ack"), (TcpState.Listen, "listen"), (TcpState.Closing, "closing"), (TcpState.Unknown, "unknown"),
    ];
}
