using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>
/// The names of containers in Kubernetes pods, as the files of the container runtimes on this host tell. Each container is looked up once, and what was found
/// stays known while it is asked for: all who ask, from whatever thread, get the same name.
/// </summary>
/// <remarks>Only root, and CAP_DAC_READ_SEARCH, can read these files. A container that they do not tell of has the name that its cgroup gives it.</remarks>
public sealed class PodNames
{
    /// <summary>What is longer is not read, in bytes.</summary>
    public const int SizeLimit = 1024 * 1024;

    // Of each of two generations. The kubelet's own bound is 110 pods, some hosts have a thousand.
    private const int Bound = 4096;

    // What they are called in cgroups; a bare id tells nothing of its engine.
    private static readonly string[] Containerd = ["cri-containerd", "containerd", "kata", "kubepods"];
    private static readonly string[] CriO = ["crio", "kata", "kubepods"];
    private static readonly string[] Docker = ["docker", "cri-dockerd", "kubepods"];
    private static readonly ImmutableArray<Place> Places =
    [
        new(Containerd, "run/containerd/io.containerd.runtime.v2.task/k8s.io", "", "config.json", ContainerFile.Containerd),
        new(Containerd, "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io", "", "config.json", ContainerFile.Containerd),
        new(Containerd, "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io", "", "config.json", ContainerFile.Containerd),
        new(CriO, "run/containers/storage/overlay-containers", "userdata", "config.json", ContainerFile.CriO),
        new(CriO, "var/lib/containers/storage/overlay-containers", "userdata", "config.json", ContainerFile.CriO),
        new(Docker, "var/lib/docker/containers", "", "config.v2.json", ContainerFile.Docker),
    ];

    private readonly string root;
    private readonly Lock gate = new();
    private Dictionary<string, string?> known = new(StringComparer.Ordinal);
    private Dictionary<string, string?> before = new(StringComparer.Ordinal);
    private int lookups;

    /// <summary>Nothing is read yet.</summary>
    /// <param name="root">Where the host's file system is mounted; <c>/</c> outside of containers.</param>
    public PodNames(string root) => this.root = root ?? throw new ArgumentNullException(nameof(root));

    /// <summary>Containers looked up so far.</summary>
    public int Lookups => Volatile.Read(ref lookups);

    /// <summary>Names a container.</summary>
    /// <param name="container">The container.</param>
    /// <returns>As of <see cref="Container.PodName"/>; null where it is in no pod, where its cgroup may be anybody's, and where no runtime tells.</returns>
    public string? Of(Container container)
    {
        ArgumentNullException.ThrowIfNull(container);
        if (container.PodUid is null || !container.IsOfNode)
        {
            return null;
        }

        lock (gate)
        {
            if (known.TryGetValue(container.Id, out string? name))
            {
                return name;
            }

            if (before.TryGetValue(container.Id, out name))
            {
                Keep(container.Id, name);
                return name;
            }
        }

        // Not within the lock: a disk that hangs holds up nobody who does not ask it.
        string? found = Read(container);
        Interlocked.Increment(ref lookups);
        lock (gate)
        {
            if (!known.TryGetValue(container.Id, out string? first))
            {
                Keep(container.Id, found);
                return found;
            }

            return first;
        }
    }

    private void Keep(string id, string? name)
    {
        if (known.Count >= Bound)
        {
            (before, known) = (known, new(StringComparer.Ordinal));
        }

        known.Add(id, name);
    }

    private string? Read(Container container)
    {
        foreach (Place place in Places)
        {
            if (!place.Engines.Contains(container.Engine))
            {
                continue;
            }

            if (ReadFile(Path.Join(root, place.Directory, container.Id, place.Below), place.Name) is { } json && ContainerFile.PodName(place.Form, json) is { } name)
            {
                return name;
            }
        }

        return null;
    }

    // A link that leads out of the root leads to a file of ours, not of the host's.
    private byte[]? ReadFile(string path, string name)
    {
        try
        {
            var directory = TrustedDirectory.Of(path);
            string top = TrustedDirectory.Of(root).Path;
            if (directory.Doubt is not null || !directory.Path.StartsWith(top.EndsWith('/') ? top : top + "/", StringComparison.Ordinal))
            {
                return null;
            }

            using SafeFileHandle file = FileOwner.OpenRegular(Path.Join(directory.Path, name), out FileOwner owner);
            long length = RandomAccess.GetLength(file);
            if (!directory.Trusts(owner.User) || owner.OthersMayWrite || length is 0 or > SizeLimit)
            {
                return null;
            }

            byte[] content = new byte[length];
            int read = 0;
            while (read < content.Length && RandomAccess.Read(file, content.AsSpan(read), read) is > 0 and var got)
            {
                read += got;
            }

            return content[..read];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not this runtime's, gone, or not for us to read.
            return null;
        }
    }

    /// <summary>Where a runtime keeps its files.</summary>
    /// <param name="Engines">What it is called in cgroups.</param>
    /// <param name="Directory">What holds a directory for each container, below the root.</param>
    /// <param name="Below">Where in a container's directory the file is.</param>
    /// <param name="Name">What the file is called.</param>
    /// <param name="Form">How it is written.</param>
    private sealed record Place(string[] Engines, string Directory, string Below, string Name, ContainerFile Form);
}
