using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel;

/// <summary>Where the kernel is read from. A test gives a tree of files and a socket with a recorded answer.</summary>
/// <param name="Proc">The proc file system.</param>
/// <param name="SysRoot">Where sysfs is mounted.</param>
/// <param name="OpenSockDiag">Opens a sock_diag socket in the calling thread's network namespace.</param>
public sealed record KernelSource(ProcFs Proc, string SysRoot, Func<NetlinkSocket> OpenSockDiag)
{
    /// <summary>What <see cref="Namespace"/> is for the network namespace the process is in.</summary>
    public const string OwnNamespace = "self";

    /// <summary>The name of the network namespace that is read; <c>self</c> for the one the process is in.</summary>
    public string Namespace { get; init; } = OwnNamespace;

    /// <summary>Whether it is the one the process is in. Readings of others leave out what is the whole host's.</summary>
    public bool IsOwnNamespace => Namespace == OwnNamespace;

    /// <summary>The kernel of this host.</summary>
    /// <param name="procRoot">Where proc is mounted.</param>
    /// <param name="sysRoot">Where sysfs is mounted.</param>
    public static KernelSource Host(string procRoot = "/proc", string sysRoot = "/sys") => new(new ProcFs(procRoot), sysRoot, NetlinkSocket.OpenSockDiag);
}
