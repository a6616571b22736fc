using System.Net;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>
/// One line of <c>/proc/net/nf_conntrack</c> (net/netfilter/nf_conntrack_standalone.c:ct_seq_show): the original direction, before any translation, and how the
/// answer comes back.
/// </summary>
/// <param name="Protocol">Its name, such as <c>tcp</c>; <c>unknown</c> for one that the kernel has no name for.</param>
/// <param name="State">The state of a TCP, SCTP or DCCP connection; null where there is none, as for UDP and for entries that hardware has taken over.</param>
/// <param name="Source">Who began.</param>
/// <param name="Destination">Whom it went to.</param>
/// <param name="DestinationPort">The port there; null for protocols without one.</param>
public readonly record struct ConntrackEntry(string Protocol, string? State, InetAddress Source, InetAddress Destination, ushort? DestinationPort)
{
    /// <summary>The port it came from; null for protocols without one.</summary>
    public ushort? SourcePort { get; init; }

    /// <summary>Who answers: the destination, after any translation of it; null where the line does not tell.</summary>
    public InetAddress? Answering { get; init; }

    /// <summary>The port there.</summary>
    public ushort? AnsweringPort { get; init; }

    /// <summary>Whom it answers to: the source, after any translation of it.</summary>
    public InetAddress? TranslatedSource { get; init; }

    /// <summary>The port there.</summary>
    public ushort? TranslatedSourcePort { get; init; }

    /// <summary>Whether its source is translated.</summary>
    public bool HasTranslatedSource => TranslatedSource is { } address && (address != Source || TranslatedSourcePort != SourcePort);

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
                (ushort? fromPort, ushort? toPort) = Ports(ref fields, out ReadOnlySpan<byte> next);
                var entry = new ConntrackEntry(Text(protocol), state.IsEmpty ? null : Text(state), from, to, toPort) { SourcePort = fromPort };
                if (next.IsEmpty || Address(next[4..]) is not { } answering || !fields.TryNext(out ReadOnlySpan<byte> back) || !back.StartsWith("dst="u8) || Address(back[4..]) is not { } translated)
                {
                    return entry;
                }

                (ushort? answeringPort, ushort? translatedPort) = Ports(ref fields, out _);
                return entry with { Answering = answering, AnsweringPort = answeringPort, TranslatedSource = translated, TranslatedSourcePort = translatedPort };
            }
            else if (source is null && !Fields.TryNumber(word, out _))
            {
                state = word;
            }
        }

        throw Unlike(path, line);
    }

    // What is before the next address still belongs to this direction.
    private static (ushort? Source, ushort? Destination) Ports(ref Fields fields, out ReadOnlySpan<byte> next)
    {
        ushort? source = null;
        ushort? destination = null;
        while (fields.TryNext(out next))
        {
            if (next.StartsWith("src="u8))
            {
                return (source, destination);
            }

            source = next.StartsWith("sport="u8) ? Port(next[6..]) : source;
            destination = next.StartsWith("dport="u8) ? Port(next[6..]) : destination;
        }

        return (source, destination);
    }

    private static ushort? Port(ReadOnlySpan<byte> text) => Fields.TryNumber(text, out ulong port) && port <= ushort.MaxValue ? (ushort)port : null;

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
