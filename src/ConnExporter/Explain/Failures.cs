namespace ConnExporter.Explain;

/// <summary>Which topic a failed call belongs to: by the call, the error and what it was about.</summary>
internal static class Failures
{
    /// <summary>The topic's id; null where nothing is known about it, so that no word of the line decides instead.</summary>
    /// <param name="line">With an error.</param>
    public static string? TopicOf(FailureLine line) => line.Errno switch
    {
        Errno.AddressNotAvailable => OfAddressNotAvailable(line),
        Errno.AddressInUse => OfAddressInUse(line),
        Errno.FamilyNotSupported => line.Place.HasFlag(Place.Address6) ? "ipv6_no_address" : null,
        Errno.TooManyFiles => line.Call == Call.Watch ? "inotify_limits" : "process_descriptors_exhausting",
        Errno.TooManyFilesInSystem => "system_descriptors_exhausting",
        Errno.NoSpace => line.Call == Call.Watch ? "inotify_limits" : null,
        Errno.Again => OfAgain(line),
        Errno.NoChild => line.Call == Call.Fork ? "thread_limit" : null,
        Errno.NoBuffers => OfNoBuffers(line),
        Errno.NotResolved => "name_resolution",
        Errno.NetworkUnreachable or Errno.HostUnreachable => IsResolution(line) ? "name_resolution" : "unreachable",
        Errno.Refused => IsResolution(line) ? "name_resolution" : "connection_refused",
        Errno.TimedOut => IsResolution(line) ? "name_resolution" : "connection_timed_out",
        Errno.Reset or Errno.BrokenPipe => "connection_reset",
        _ => null,
    };

    private static bool IsResolution(FailureLine line) => line.Call == Call.Resolve || line.Place.HasFlag(Place.NameServer);

    private static string? OfAddressNotAvailable(FailureLine line) => line.Call switch
    {
        // An address of an interface, or one of a group: nobody connects.
        Call.Netlink or Call.SetOption => null,
        _ when line.Place.HasFlag(Place.Loopback6) => "ipv6_no_address",
        Call.Bind => "bind_address_not_local",
        Call.Send or Call.Receive => null,
        _ => "ephemeral_ports_exhausting",
    };

    private static string OfAddressInUse(FailureLine line) =>
        line.Place.HasFlag(Place.ReservedPort) ? "reserved_ports"
        : line.Call == Call.Bind && (line.Place & (Place.PortZero | Place.BeforeConnect)) != Place.None && !line.Place.HasFlag(Place.Unix) ? "ephemeral_ports_blocked_by_bind"
        : "address_in_use";

    private static string OfAgain(FailureLine line) => line.Call switch
    {
        Call.Resolve => "name_resolution",
        Call.Fork => "thread_limit",
        Call.Connect or Call.None when line.Place.HasFlag(Place.Unix) => "unix_socket_backlog",
        _ => "eagain",
    };

    private static string? OfNoBuffers(FailureLine line) => line.Call switch
    {
        _ when line.Place.HasFlag(Place.Conntrack) => null,
        Call.Netlink => "neighbour_table_overflow",
        Call.SetOption or Call.Receive => null,
        _ => "no_buffer_space",
    };
}
