using System.Net;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>
/// One line of <c>/proc/net/nf_conntrack</c> (net/netfilter/nf_conntrack_standalone.c:ct_seq_show), in the original direction: before any translation of
/// its destination.
/// </summary>
/// <param name="Protocol">Its name, such as <c>tcp</c>; <c>unknown</c> for one that the kernel has no name for.</param>
/// <param name="State">The state of a TCP, SCTP or DCCP connection; null where there is none, as for UDP and for entries that hardware has taken over.</param>
/// <param name="Source">Who began.</param>
/// <param name="Destination">Whom it went to.</param>
/// <param name="DestinationPort">The port there; null for protocols without one.</param>
public readonly record struct ConntrackEntry(string Protocol, string? State, InetAddress Source, InetAddress Destination, ushort? DestinationPort)
{
    // The same few words a hundred thousand times over.
    private static readonly string[] Known =
    [
        "tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "dccp", "udplite", "unknown",
        "ESTABLISHED", "TIME_WAIT", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "CLOSE", "SYN_SENT2", "NONE",
    ];

    /// <summary>Reads a line.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="line">The line, without its end.</param>
    /// <exception cref="KernelReadException">Broken where it is anything else.</exception>
    public static ConntrackEntry Parse(string path, ReadOnlySpan<byte> line)
    {
        // ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.9 sport=40000 dport=443 src=10.0.0.9 ...
        var fields = new Fields(line);
        if (!fields.TryNext(out _) || !fields.TryNextNumber(out _) || !fields.TryNext(out ReadOnlySpan<byte> protocol) || !fields.TryNextNumber(out _))
        {
            throw Unlike(path, line);
        }

        ReadOnlySpan<byte> state = default;
        InetAddress? source = null;
        while (fields.TryNext(out ReadOnlySpan<byte> word))
        {
            if (source is null && word.StartsWith("src="u8))
            {
                source = Address(word[4..]) ?? throw Unlike(path, line);
            }
            else if (word.StartsWith("dst="u8) && source is { } from)
            {
                InetAddress to = Address(word[4..]) ?? throw Unlike(path, line);
                return new ConntrackEntry(Text(protocol), state.IsEmpty ? null : Text(state), from, to, Port(fields));
            }
            else if (source is null && !Fields.TryNumber(word, out _))
            {
                state = word;
            }
        }

        throw Unlike(path, line);
    }

    // What is before the next address still belongs to this direction.
    private static ushort? Port(Fields fields)
    {
        while (fields.TryNext(out ReadOnlySpan<byte> word) && !word.StartsWith("src="u8))
        {
            if (word.StartsWith("dport="u8))
            {
                return Fields.TryNumber(word[6..], out ulong port) && port <= ushort.MaxValue ? (ushort)port : null;
            }
        }

        return null;
    }

    private static InetAddress? Address(ReadOnlySpan<byte> text)
    {
        Span<char> characters = stackalloc char[64];
        if (text.Length > characters.Length || !IPAddress.TryParse(characters[..Encoding.ASCII.GetChars(text, characters)], out IPAddress? address))
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int length);
        return length == 4 ? InetAddress.ReadV4(bytes) : InetAddress.ReadV6(bytes);
    }

    private static string Text(ReadOnlySpan<byte> word)
    {
        foreach (string known in Known)
        {
            if (Ascii.Equals(word, known))
            {
                return known;
            }
        }

        return Encoding.ASCII.GetString(word);
    }

    private static KernelReadException Unlike(string path, ReadOnlySpan<byte> line) => KernelReadException.Parse(path, "protocols, src= and dst=", line);
}
