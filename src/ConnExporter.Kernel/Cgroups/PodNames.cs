using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>
/// The names of containers in Kubernetes pods, as the files of the container runtimes on this host tell. Each container is looked up once, and what was found
/// stays known while it is asked for: all who ask, from whatever thread, get the same name. Where a file could not be read, as for want of descriptors or for a
/// fault of the disk, it is tried again later, ever less often; whoever keeps names asks for <see cref="FoundLate"/>.
/// </summary>
/// <remarks>Only root, and CAP_DAC_READ_SEARCH, can read these files. A container that they do not tell of has the name that its cgroup gives it.</remarks>
public sealed class PodNames
{
    /// <summary>What is longer is not read, in bytes.</summary>
    public const int SizeLimit = 1024 * 1024;

    // Of each of two generations. The kubelet's own bound is 110 pods, some hosts have a thousand.
    private const int Bound = 4096;

    // Of those that are tried again, at once: a disk that fails slowly holds up who asks.
    private const int MostRetries = 16;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

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
    private readonly TimeProvider time;
    private readonly Func<string, string, byte[]?> reader;
    private readonly Lock gate = new();
    private Dictionary<string, string?> known = new(StringComparer.Ordinal);
    private Dictionary<string, string?> before = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Unread> unread = new(StringComparer.Ordinal);
    private int lookups;
    private int late;

    /// <summary>Nothing is read yet.</summary>
    /// <param name="root">Where the host's file system is mounted; <c>/</c> outside of containers.</param>
    public PodNames(string root)
        : this(root, TimeProvider.System, read: null)
    {
    }

    /// <summary>Reads what a test plays.</summary>
    /// <param name="root">As above.</param>
    /// <param name="time">The clock.</param>
    /// <param name="read">Reads a file of a directory: null where there is nothing to believe, an <see cref="IOException"/> where that cannot be told; null for the files themselves.</param>
    internal PodNames(string root, TimeProvider time, Func<string, string, byte[]?>? read)
    {
        this.root = root ?? throw new ArgumentNullException(nameof(root));
        this.time = time;
        reader = read ?? ReadFile;
    }

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

            if (unread.TryGetValue(container.Id, out Unread? failed) && time.GetElapsedTime(0) < failed.Due)
            {
                return null;
            }
        }

        return LookUp(container);
    }

    /// <summary>Tries again what could not be read and is due.</summary>
    /// <returns>How many names were found at a later try so far: where it has changed, names that were kept may have.</returns>
    public int FoundLate()
    {
        Container[] due;
        lock (gate)
        {
            due = unread.Count == 0 ? [] : [.. unread.Values.Where(failed => time.GetElapsedTime(0) >= failed.Due).OrderBy(failed => failed.Due).Take(MostRetries).Select(failed => failed.Container)];
        }

        foreach (Container container in due)
        {
            LookUp(container);
        }

        return Volatile.Read(ref late);
    }

    // Not within the lock: a disk that hangs holds up nobody who does not ask it.
    private string? LookUp(Container container)
    {
        string? found = Read(container, out bool failed);
        Interlocked.Increment(ref lookups);
        lock (gate)
        {
            if (known.TryGetValue(container.Id, out string? first))
            {
                return first;
            }

            if (failed && found is null)
            {
                PutOff(container);
                return null;
            }

            late += unread.Remove(container.Id) && found is not null ? 1 : 0;
            Keep(container.Id, found);
            return found;
        }
    }

    private void PutOff(Container container)
    {
        if (unread.TryGetValue(container.Id, out Unread? before))
        {
            TimeSpan pause = before.Pause * 2 < LongestPause ? before.Pause * 2 : LongestPause;
            unread[container.Id] = new Unread(container, pause, time.GetElapsedTime(0) + pause);
            return;
        }

        if (unread.Count >= Bound)
        {
            // Mostly containers that are gone. Who is asked for again is tried at once.
            unread.Clear();
        }

        unread.Add(container.Id, new Unread(container, FirstPause, time.GetElapsedTime(0) + FirstPause));
    }

    private void Keep(string id, string? name)
    {
        if (known.Count >= Bound)
        {
            (before, known) = (known, new(StringComparer.Ordinal));
        }

        known.Add(id, name);
    }

    private string? Read(Container container, out bool failed)
    {
        failed = false;
        foreach (Place place in Places)
        {
            if (!place.Engines.Contains(container.Engine))
            {
                continue;
            }

            try
            {
                if (reader(Path.Join(root, place.Directory, container.Id, place.Below), place.Name) is { } json && ContainerFile.PodName(place.Form, json) is { } name)
                {
                    return name;
                }
            }
            catch (IOException)
            {
                failed = true;
            }
        }

        return null;
    }

    // A link that leads out of the root leads to a file of ours, not of the host's.
    private byte[]? ReadFile(string path, string name)
    {
        var directory = TrustedDirectory.Of(path);
        if (!IsAnswer(directory.Error))
        {
            throw new IOException(directory.Doubt, directory.Error);
        }

        string top = TrustedDirectory.Of(root).Path;
        if (directory.Doubt is not null || !directory.Path.StartsWith(top.EndsWith('/') ? top : top + "/", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
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
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && IsAnswer(e.HResult)))
        {
            // Not this runtime's, gone, or not for us to read.
            return null;
        }
    }

    // What tells of the file, and will be no other in a minute. Anything else (EIO, EMFILE, ENFILE, ENOMEM…) tells of the moment. Below 0 it is no error number of the kernel's: something else than a file.
    private static bool IsAnswer(int error) => error is <= 0 or Errno.NotPermitted or Errno.NoEntry or Errno.AccessDenied or Errno.NotDirectory or Errno.NameTooLong or Errno.TooManyLinks;

    /// <summary>A container whose file could not be read.</summary>
    /// <param name="Container">The container.</param>
    /// <param name="Pause">The time from the last try to the next.</param>
    /// <param name="Due">When that is, on the monotonic clock.</param>
    private sealed record Unread(Container Container, TimeSpan Pause, TimeSpan Due);

    /// <summary>Where a runtime keeps its files.</summary>
    /// <param name="Engines">What it is called in cgroups.</param>
    /// <param name="Directory">What holds a directory for each container, below the root.</param>
    /// <param name="Below">Where in a container's directory the file is.</param>
    /// <param name="Name">What the file is called.</param>
    /// <param name="Form">How it is written.</param>
    private sealed record Place(string[] Engines, string Directory, string Below, string Name, ContainerFile Form);
}
