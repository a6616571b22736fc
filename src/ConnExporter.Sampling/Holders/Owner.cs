namespace ConnExporter.Sampling.Holders;

/// <summary>A process that holds sockets. The pid is for a diagnosis, not for the page.</summary>
/// <param name="Name">Its name, as the kernel has it.</param>
/// <param name="Unit">Its systemd unit or container.</param>
/// <param name="Pid">Its process id; with <paramref name="StartTicks"/> it names one process for good.</param>
/// <param name="StartTicks">When it started, clock ticks after boot.</param>
internal sealed record Owner(string Name, string Unit, int Pid, ulong StartTicks);

/// <summary>How much of the sockets and of the processes the attribution covers.</summary>
/// <param name="Sockets">Sockets with an inode that were looked up since the last improvement.</param>
/// <param name="Covered">Those of them whose owner is known.</param>
/// <param name="LeftOut">What the last improvement left out: inodes for which there was no room, and tables of io_uring that were not shown or too many.</param>
/// <param name="Processes">Processes with descriptors.</param>
/// <param name="Unread">Those of them whose descriptors were not all read yet, or have changed since.</param>
/// <param name="Denied">Those of them that may not be read.</param>
/// <param name="MissingCapabilities">What reading the denied ones takes; empty where none was denied.</param>
internal sealed record OwnerCoverage(ulong Sockets, ulong Covered, ulong LeftOut, int Processes, int Unread, int Denied, string MissingCapabilities)
{
    /// <summary>Those of the denied ones that are in our own network namespace, or may be.</summary>
    public int DeniedNear { get; init; }
}

/// <summary>What one improvement cost.</summary>
/// <param name="Links">Descriptor links read.</param>
/// <param name="Read">Processes that were read to their end.</param>
/// <param name="Found">Sockets seen without owner that have one now; exact for CLOSE_WAIT up to a chance of collision, see <see cref="Wanted"/>.</param>
internal readonly record struct Improvement(long Links, int Read, int Found);
