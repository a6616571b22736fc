using System.Buffers;
using System.Text;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>An application container, as the path of its cgroup tells.</summary>
/// <param name="Engine">Who runs it, as far as its cgroup says: <c>docker</c>, <c>cri-containerd</c>, <c>crio</c>, <c>libpod</c>; <c>kubepods</c> or <c>container</c> where it does not.</param>
/// <param name="Id">Its id, 64 hexadecimal digits.</param>
/// <param name="PodUid">The uid of its Kubernetes pod; null where it is in none.</param>
public sealed record Container(string Engine, string Id, string? PodUid)
{
    private const int ShortLength = 12;
    /// <summary>How the name of a container in a pod begins. The blank is ours: what follows is one word.</summary>
    public const string PodPrefix = "pod ";
    private const int IdLength = 64;
    private const int LongestUid = 64;
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdef"u8);
    private static readonly SearchValues<byte> OfUids = SearchValues.Create("0123456789abcdef-_"u8);

    // Who puts his name before an id, in this spelling. A scope that somebody else called after a hash is a unit, not a container.
    private static readonly string[] Engines =
    [
        "docker", "cri-dockerd", "cri-containerd", "containerd", "nerdctl", "crio", "crio-conmon", "libpod", "libpod-conmon", "libpod-payload", "podman", "buildah", "isulad", "kata",
    ];

    // Whose own service or directory holds bare ids.
    private static readonly string[] Parents = ["docker", "containerd", "crio", "podman", "isulad"];

    // Services below which the pods of a node may lie.
    private static readonly string[] Nodes = [.. Parents, "kubelet", "k3s", "k3s-agent", "rke2-server", "rke2-agent", "k0sworker", "k0scontroller"];

    /// <summary>
    /// Whether its cgroup lies where a node's kubelet or engine makes them: in no other container or machine, and below no unit but theirs. A user, a service or
    /// a container that may make cgroups below its own can call them after anybody's container.
    /// </summary>
    public bool IsOfNode { get; init; }

    /// <summary>
    /// The name that people know: engine and the first 12 digits of the id; in a pod of the node after its uid, as <c>pod UID/cri-containerd-0123456789ab</c>.
    /// Who merely calls a cgroup after a pod is not said to be in it.
    /// </summary>
    public string Name => PodUid is null || !IsOfNode ? $"{Engine}-{Id[..ShortLength]}" : $"{PodPrefix}{PodUid}/{Engine}-{Id[..ShortLength]}";

    /// <summary>The name of a container of a pod whose names are known.</summary>
    /// <param name="space">The Kubernetes namespace.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="container">The container; null for the sandbox, which is the pod's own.</param>
    /// <returns>Such as <c>pod NAMESPACE/POD/CONTAINER</c>. systemd takes neither blank nor slash for part of a unit's name.</returns>
    public static string PodName(string space, string pod, string? container) => container is null ? $"{PodPrefix}{space}/{pod}" : $"{PodPrefix}{space}/{pod}/{container}";

    /// <summary>Whether a name that <see cref="UnitName"/> gave is that of a container in a pod.</summary>
    /// <param name="name">Such as <c>pod default/web-0/nginx</c>.</param>
    public static bool IsOfPod(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith(PodPrefix, StringComparison.Ordinal);
    }

    /// <summary>Finds the innermost container of a cgroup path.</summary>
    /// <param name="path">
    /// Such as <c>/system.slice/docker-ID.scope</c>, <c>/docker/ID</c>, <c>/kubepods/burstable/podUID/ID</c>, or, where an engine without systemd was
    /// given a path for one with it, <c>/kubepods-besteffort-podUID.slice:cri-containerd:ID</c>.
    /// </param>
    /// <returns>Null where no part of the path is a container's.</returns>
    public static Container? Of(ReadOnlySpan<byte> path)
    {
        // Most paths have no part that is long enough.
        if (path.Length <= IdLength)
        {
            return null;
        }

        Container? found = null;
        ReadOnlySpan<byte> parent = default;
        string? pod = null;
        bool isInUnit = false;
        bool isOfNode = true;
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (part.IsEmpty)
            {
                continue;
            }

            pod = PodOf(part, pod is not null) ?? pod;
            isOfNode &= pod is not null || part.EndsWith(".slice"u8) || part.SequenceEqual(".."u8) || IsOfNodes(part);
            string? engine = EngineOf(part, parent, pod is not null, isInUnit);
            found = engine is null ? found : new Container(engine, Utf8Text.Of(IdIn(part)), pod is "" ? null : pod) { IsOfNode = isOfNode };
            bool isUnit = part.EndsWith(".service"u8) || part.EndsWith(".scope"u8);
            isInUnit |= isUnit;
            isOfNode &= engine is null && (!isUnit || IsOfNodes(part));
            parent = part;
        }

        return found;
    }

    private static bool IsOfNodes(ReadOnlySpan<byte> unit) => unit.EndsWith(".service"u8) && Known(WithoutService(unit), Nodes) is not null;

    private static ReadOnlySpan<byte> WithoutService(ReadOnlySpan<byte> part) => part.EndsWith(".service"u8) ? part[..^".service".Length] : part;

    private static ReadOnlySpan<byte> IdIn(ReadOnlySpan<byte> part)
    {
        part = part.EndsWith(".scope"u8) ? part[..^".scope".Length] : part;
        ReadOnlySpan<byte> id = part.Length < IdLength ? default : part[^IdLength..];
        return id.ContainsAnyExcept(HexDigits) ? default : id;
    }

    // Null where the part is no container.
    private static string? EngineOf(ReadOnlySpan<byte> part, ReadOnlySpan<byte> parent, bool isInPod, bool isInUnit)
    {
        ReadOnlySpan<byte> id = IdIn(part);
        if (id.IsEmpty)
        {
            return null;
        }

        bool isScope = part.EndsWith(".scope"u8);
        ReadOnlySpan<byte> before = part[..^(IdLength + (isScope ? ".scope".Length : 0))];
        if (before.IsEmpty)
        {
            string? known = Known(WithoutService(parent), Parents);
            return isScope ? null : known ?? (isInPod ? "kubepods" : isInUnit ? null : "container");
        }

        byte separator = before[^1];
        ReadOnlySpan<byte> name = before[..^1];
        switch (separator)
        {
            case (byte)':' when !isScope && name.LastIndexOf((byte)':') is var colon and > 0:
                return Named(name[(colon + 1)..], isInPod || name[..colon].EndsWith(".slice"u8));
            case (byte)'-':
                return Named(name, isInPod);
            case (byte)'_' when !isScope && name.SequenceEqual("kata"u8):
                return "kata";
            default:
                return null;
        }
    }

    private static string? Named(ReadOnlySpan<byte> engine, bool isCertain) =>
        Known(engine, Engines) is { } known ? (known == "libpod-payload" ? "libpod" : known) : isCertain && !engine.IsEmpty ? Utf8Text.Of(engine) : null;

    private static string? Known(ReadOnlySpan<byte> name, string[] names)
    {
        foreach (string known in names)
        {
            if (Ascii.Equals(name, known))
            {
                return known;
            }
        }

        return null;
    }

    // "pod0d1c1f0a-52b1", "kubepods-burstable-pod0d1c1f0a_52b1.slice", and the latter before a colon. Empty for what is of Kubernetes and no pod.
    private static string? PodOf(ReadOnlySpan<byte> part, bool isInKubernetes)
    {
        int slice = part.IndexOf(".slice"u8);
        ReadOnlySpan<byte> name = slice < 0 ? part : part[..slice];
        bool isKubernetes = name.SequenceEqual("kubepods"u8) || name.StartsWith("kubepods-"u8) || name.EndsWith("-kubepods"u8) || name.IndexOf("-kubepods-"u8) >= 0;
        int at = isInKubernetes && slice < 0 && name.StartsWith("pod"u8) ? 0 : isKubernetes && name.LastIndexOf("-pod"u8) is >= 0 and var found ? found + 1 : -1;
        ReadOnlySpan<byte> uid = at < 0 ? default : name[(at + "pod".Length)..];
        return uid.Length is > 0 and <= LongestUid && !uid.ContainsAnyExcept(OfUids) ? Utf8Text.Of(uid).Replace('_', '-')
            : isKubernetes ? ""
            : null;
    }
}
