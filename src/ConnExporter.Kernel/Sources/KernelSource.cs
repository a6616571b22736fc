using ConnExporter.Kernel.Bpf;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Sources;

/// <summary>Where the kernel is read from. A test gives a tree of files and a socket with a recorded answer.</summary>
/// <param name="Proc">The proc file system.</param>
/// <param name="SysRoot">Where sysfs is mounted.</param>
/// <param name="OpenSockDiag">Opens a sock_diag socket in the calling thread's network namespace.</param>
public sealed record KernelSource(ProcFs Proc, string SysRoot, Func<NetlinkSocket> OpenSockDiag)
{
    /// <summary>The name of the network namespace the process is in.</summary>
    public const string OwnNamespace = "self";

    /// <summary>Whether the network namespace that is read is the one the process is in. Readings of others leave out what is the whole host's.</summary>
    public bool IsOwnNamespace { get; init; } = true;

    /// <summary>Gets ready to ask the kernel for an ephemeral port, with a port that nobody listens on; null where the kernel is not to be asked, as of a recorded one.</summary>
    public Func<ushort, PortProbe?>? OpenPortProbe { get; init; }

    /// <summary>Loads the programs that count symptoms; null where nothing may be loaded, as into a recorded kernel.</summary>
    public Func<SymptomCounters>? OpenSymptoms { get; init; }

    /// <summary>The names of pods, one memory for all who read: null where pods are named by their uid.</summary>
    public PodNames? Pods { get; init; }

    /// <summary>The kernel of this host.</summary>
    /// <param name="procRoot">Where proc is mounted.</param>
    /// <param name="sysRoot">Where sysfs is mounted.</param>
    /// <param name="root">Where the host's file system is mounted, for what container runtimes tell of pods.</param>
    public static KernelSource Host(string procRoot = "/proc", string sysRoot = "/sys", string root = "/")
    {
        var proc = new ProcFs(procRoot, isShared: true);
        return new(proc, sysRoot, NetlinkSocket.OpenSockDiag) { OpenPortProbe = PortProbe.Open, Pods = new PodNames(root), OpenSymptoms = () => SymptomCounters.Open(proc, sysRoot, SymptomBounds.Default) };
    }
}
