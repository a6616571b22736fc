using System.Collections;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Census;

/// <summary>How many source ports NAT has taken towards the destination that has the fewest left, from one look at the connection tracking table.</summary>
/// <remarks>
/// A port is taken once for each translated source, destination, destination port and protocol. The rule's range is not in the table; it shows as ports that lie close
/// together though the clients' own do not. Without a range NAT takes 1024 to 65535 (net/netfilter/nf_nat_core.c:nf_nat_l4proto_unique_tuple).
/// </remarks>
/// <param name="Entries">Entries that were read.</param>
/// <param name="IsWhole">False where there were more than the bound.</param>
/// <param name="Translated">Those of them whose source is translated.</param>
/// <param name="Worst">The destination with the fewest left; null where no source is translated.</param>
internal sealed record NatPorts(ulong Entries, bool IsWhole, ulong Translated, NatPorts.Use? Worst)
{
    /// <summary>Ports without a range in the rule.</summary>
    public const int Unrestricted = 65_536 - 1024;

    /// <summary>From this share on a free port is not found any more: the kernel tries some 240 at random of a large range.</summary>
    public const double UsedUp = 0.95;

    // A few ports in a row are chance: clients take theirs in a row too.
    private const int FewestPorts = 8;
    private const int MostDestinations = 8192;

    /// <summary>Whether the worst destination has no ports left to speak of.</summary>
    public bool IsExhausted => Worst is { } worst && worst.Share >= UsedUp;

    /// <summary>Reads the table of the network namespace that the source shows.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="bound">Entries at most.</param>
    /// <exception cref="KernelReadException">Absent where there is no connection tracking, or no such file; Denied without root; Broken.</exception>
    public static NatPorts Read(KernelSource kernel, int bound = ConntrackTop.Bound)
    {
        var taken = new Dictionary<Key, Ports>();
        ulong entries = 0;
        ulong translated = 0;
        bool isWhole = true;
        using var table = new LineFile(kernel.Proc.NetPathOf("nf_conntrack"));
        table.Rewind();
        while (table.TryNextLine(out ReadOnlySpan<byte> line))
        {
            if (entries == (ulong)bound)
            {
                isWhole = false;
                break;
            }

            var entry = ConntrackEntry.Parse(table.Path, line);
            entries++;
            if (!entry.HasTranslatedSource || entry is not { Answering: { } destination, AnsweringPort: { } port, TranslatedSource: { } source, TranslatedSourcePort: { } sourcePort })
            {
                continue;
            }

            translated++;
            var key = new Key(entry.Protocol, source, destination, port);
            if (!taken.TryGetValue(key, out Ports? ports))
            {
                // Beyond that many at once a new one is small, as the first that come are a fair sample.
                if (taken.Count == MostDestinations)
                {
                    continue;
                }

                taken.Add(key, ports = new Ports());
            }

            ports.Add(sourcePort, sourcePort != entry.SourcePort);
        }

        return new NatPorts(entries, isWhole, translated, taken.Select(pair => pair.Value.ToUse(pair.Key)).OrderByDescending(use => use.Share).ThenByDescending(use => use.Taken).FirstOrDefault());
    }

    private sealed class Ports
    {
        private readonly List<ushort> numbers = [];
        private int changed;

        public void Add(ushort port, bool isChanged)
        {
            numbers.Add(port);
            changed += isChanged ? 1 : 0;
        }

        public Use ToUse(Key key)
        {
            var distinct = new BitArray(ushort.MaxValue + 1);
            int count = 0;
            ushort first = ushort.MaxValue;
            ushort last = 0;
            foreach (ushort port in numbers)
            {
                count += distinct[port] ? 0 : 1;
                distinct[port] = true;
                first = Math.Min(first, port);
                last = Math.Max(last, port);
            }

            // A rule with a range changes nearly every port; NAT without one keeps the client's wherever it can.
            int span = last - first + 1;
            bool isRange = count >= FewestPorts && changed * 2 > numbers.Count && count >= span * UsedUp;
            return new Use(key.Protocol, key.Source, key.Destination, key.Port, count, isRange ? Math.Min(span, Unrestricted) : Unrestricted, first, last);
        }
    }

    private readonly record struct Key(string Protocol, InetAddress Source, InetAddress Destination, ushort Port);

    /// <summary>The ports towards one destination.</summary>
    /// <param name="Protocol">Such as <c>tcp</c>.</param>
    /// <param name="Source">The translated source.</param>
    /// <param name="Destination">The destination, after any translation of it.</param>
    /// <param name="Port">The port there.</param>
    /// <param name="Taken">Distinct source ports that are taken.</param>
    /// <param name="Limit">How many there are: of a range as far as it shows, else all that NAT takes.</param>
    /// <param name="First">The lowest that is taken.</param>
    /// <param name="Last">The highest.</param>
    internal sealed record Use(string Protocol, InetAddress Source, InetAddress Destination, ushort Port, int Taken, int Limit, ushort First, ushort Last)
    {
        /// <summary>1 is used up.</summary>
        public double Share => Taken / (double)Limit;
    }
}
