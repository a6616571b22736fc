using System.Collections;

namespace ConnExporter.Kernel.Proc;

/// <summary>A set of ports, as <c>net.ipv4.ip_local_reserved_ports</c> writes one: <c>8080,9000-9099</c>.</summary>
public sealed class PortSet
{
    private static readonly PortSet Empty = new();
    private readonly BitArray bits;

    private PortSet()
        : this(new BitArray(ushort.MaxValue + 1))
    {
    }

    private PortSet(BitArray bits) => this.bits = bits;

    /// <summary>Reads a comma-separated list of ports and ranges; an empty line is the empty set.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where the text is anything else.</exception>
    public static PortSet Parse(string path, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            throw KernelReadException.Parse(path, "ports and ranges of ports, or an empty line", text);
        }

        Lines.RefuseCut(path, text);
        ReadOnlySpan<byte> list = text[..^1];
        if (list.IsEmpty)
        {
            return Empty;
        }

        var set = new PortSet();

        foreach (Range part in list.Split((byte)','))
        {
            ReadOnlySpan<byte> item = list[part];
            int dash = item.IndexOf((byte)'-');
            ReadOnlySpan<byte> first = dash < 0 ? item : item[..dash];
            ReadOnlySpan<byte> last = dash < 0 ? item : item[(dash + 1)..];
            if (!Fields.TryNumber(first, out ulong low) || !Fields.TryNumber(last, out ulong high) || low > high || high > ushort.MaxValue)
            {
                throw KernelReadException.Parse(path, "ports and ranges of ports", item);
            }

            for (int port = (int)low; port <= (int)high; port++)
            {
                set.bits[port] = true;
            }
        }

        return set;
    }

    /// <summary>Whether a port is in the set.</summary>
    /// <param name="port">The port.</param>
    public bool Contains(ushort port) => bits[port];

    /// <summary>This set and more ports besides.</summary>
    /// <param name="ports">The ports to add.</param>
    public PortSet With(IEnumerable<ushort> ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        var set = new PortSet();
        set.bits.Or(bits);
        foreach (ushort port in ports)
        {
            set.bits[port] = true;
        }

        return set;
    }

    /// <summary>The ports, lowest first.</summary>
    public IEnumerable<ushort> Ports
    {
        get
        {
            for (int port = 0; port <= ushort.MaxValue; port++)
            {
                if (bits[port])
                {
                    yield return (ushort)port;
                }
            }
        }
    }

    /// <summary>The set as the sysctl takes it: <c>8080,9000-9099</c>.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        for (int first = 0; first <= ushort.MaxValue; first++)
        {
            if (bits[first])
            {
                int last = first;
                while (last < ushort.MaxValue && bits[last + 1])
                {
                    last++;
                }

                parts.Add(first == last ? $"{first}" : $"{first}-{last}");
                first = last;
            }
        }

        return string.Join(',', parts);
    }

    /// <summary>How many ports of a range are in the set.</summary>
    /// <param name="first">The first port.</param>
    /// <param name="last">The last port, included.</param>
    public int CountIn(ushort first, ushort last)
    {
        int count = 0;
        for (int port = first; port <= last; port++)
        {
            count += bits[port] ? 1 : 0;
        }

        return count;
    }

    /// <summary>Collects ports, one by one, without a thought of how often each comes.</summary>
    public sealed class Builder
    {
        private readonly BitArray bits = new(ushort.MaxValue + 1);

        /// <summary>Adds a port.</summary>
        /// <param name="port">The port.</param>
        public void Add(ushort port) => bits[port] = true;

        /// <summary>The set; nothing is added any more.</summary>
        public PortSet ToSet() => new(bits);
    }
}
