using System.Buffers;
using System.Text;
using System.Text.Json;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>How a container runtime writes down, in a file of JSON about a container, whose it is.</summary>
public sealed class ContainerFile
{
    private const int LongestLabel = 63;
    private const int LongestPod = 253;
    private static readonly SearchValues<byte> OfLabels = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-"u8);

    private readonly byte[][] way;
    private readonly byte[][] keys;

    private ContainerFile(string[] way, string space, string pod, string container)
    {
        this.way = [.. way.Select(Encoding.ASCII.GetBytes)];
        keys = [.. ((string[])[space, pod, container]).Select(Encoding.ASCII.GetBytes)];
    }

    /// <summary>containerd's <c>config.json</c> of the OCI (pkg/cri/annotations/annotations.go).</summary>
    public static ContainerFile Containerd { get; } = new(["annotations"], "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name");

    /// <summary>CRI-O's <c>config.json</c> of the OCI; the keys are the kubelet's (pkg/kubelet/types/labels.go).</summary>
    public static ContainerFile CriO { get; } = new(["annotations"], "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name");

    /// <summary>Docker's <c>config.v2.json</c> of a container that cri-dockerd made.</summary>
    public static ContainerFile Docker { get; } = new(["Config", "Labels"], "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name");

    /// <summary>Reads the names of pod and container.</summary>
    /// <param name="form">Whose file it is.</param>
    /// <param name="json">The whole file.</param>
    /// <returns>
    /// A name as of <see cref="Container.PodName"/>; null where the file is no JSON or deeper than 64, where a name is missing, or is none that Kubernetes would
    /// take (RFC 1123): it must neither look like anything else, nor be written in characters that do.
    /// </returns>
    public static string? PodName(ContainerFile form, ReadOnlySpan<byte> json)
    {
        ArgumentNullException.ThrowIfNull(form);
        Span<Range> found = stackalloc Range[form.keys.Length];
        try
        {
            form.Find(json, found);
        }
        catch (JsonException)
        {
            return null;
        }

        ReadOnlySpan<byte> space = json[found[0]];
        ReadOnlySpan<byte> pod = json[found[1]];
        ReadOnlySpan<byte> container = json[found[2]];

        // containerd gives the sandbox no name of a container, the kubelet calls it POD.
        bool isSandbox = container.IsEmpty || container.SequenceEqual("POD"u8);
        return IsLabel(space) && IsPod(pod) && (isSandbox || IsLabel(container))
            ? Container.PodName(Utf8Text.Of(space), Utf8Text.Of(pod), isSandbox ? null : Utf8Text.Of(container))
            : null;
    }

    private static bool IsPod(ReadOnlySpan<byte> name)
    {
        if (name.Length > LongestPod)
        {
            return false;
        }

        foreach (Range part in name.Split((byte)'.'))
        {
            if (!IsAlphanumericAtItsEnds(name[part]))
            {
                return false;
            }
        }

        return !name.IsEmpty;
    }

    private static bool IsLabel(ReadOnlySpan<byte> name) => name.Length <= LongestLabel && IsAlphanumericAtItsEnds(name);

    private static bool IsAlphanumericAtItsEnds(ReadOnlySpan<byte> label) => !label.IsEmpty && label[0] != (byte)'-' && label[^1] != (byte)'-' && !label.ContainsAnyExcept(OfLabels);

    // Where the values are, without their quotes; of a key that is there twice the last counts, as it does for who wrote it. Nothing with an escape in it is a name.
    private void Find(ReadOnlySpan<byte> json, Span<Range> found)
    {
        var reader = new Utf8JsonReader(json);
        int inside = 0;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                inside = Math.Max(0, inside - 1);
                continue;
            }

            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                // The outermost value: there is something to find in an object only.
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    reader.Skip();
                }

                continue;
            }

            int step = inside < way.Length && !reader.ValueIsEscaped && reader.ValueSpan.SequenceEqual(way[inside]) ? 1 : 0;
            int key = inside == way.Length && !reader.ValueIsEscaped ? IndexOf(reader.ValueSpan) : -1;
            reader.Read();
            if (key >= 0)
            {
                // What is no text is as bad as the brace that the file begins with.
                int start = reader.TokenType == JsonTokenType.String ? (int)reader.TokenStartIndex + 1 : 0;
                found[key] = start..(start == 0 ? 1 : start + reader.ValueSpan.Length);
            }

            if (step > 0 && reader.TokenType == JsonTokenType.StartObject)
            {
                inside++;
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private int IndexOf(ReadOnlySpan<byte> key)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            if (key.SequenceEqual(keys[i]))
            {
                return i;
            }
        }

        return -1;
    }
}
