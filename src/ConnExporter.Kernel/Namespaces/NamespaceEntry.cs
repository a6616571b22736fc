namespace ConnExporter.Kernel.Namespaces;

/// <summary>A network namespace other than our own.</summary>
/// <param name="Id">
/// Its inode number, as <c>lsns</c> shows it. Where the kernel does not tell it (<see cref="Path"/> is null) that of its
/// <c>net/sockstat</c>; the kernel draws both from one pool, so that they never meet. Numbers of dead namespaces are used again.
/// </param>
/// <param name="Name">
/// Unique and never <c>self</c>: the name that <c>ip netns</c> knows, else the container or unit of its process, else <c>netns-INODE</c>
/// (<c>proc-net-INODE</c> where the inode is the other one).
/// </param>
/// <param name="ProcessId">A process in it, the same one for as long as it stays; 0 where none is known.</param>
/// <param name="Path">What can be opened to enter it; null where there is only a process whose namespace we may not see.</param>
public sealed record NamespaceEntry(ulong Id, string Name, int ProcessId, string? Path)
{
    /// <summary>The bytes of a path that are no UTF-8, by which alone it can be opened; null for all others.</summary>
    public byte[]? RawPath { get; init; }
}

/// <summary>The processes of a network namespace.</summary>
/// <param name="Count">How many were seen.</param>
/// <param name="Name">The name of one of them, the lowest number.</param>
/// <param name="Unit">Its unit or container, <see cref="Cgroups.UnitName.None"/> where it has none.</param>
/// <param name="ProcessId">Its number.</param>
/// <param name="StartTicks">When it started, in ticks after boot.</param>
public sealed record NamespaceInhabitants(int Count, string Name, string Unit, int ProcessId, ulong StartTicks)
{
    /// <summary>Whether all have that name.</summary>
    public bool IsOneName { get; init; }

    /// <summary>Whether all are of that unit.</summary>
    public bool IsOneUnit { get; init; }
}
