using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Census;

/// <summary>What fills the connection tracking table, from one look at it. On demand only: a large table takes most of a second, and it takes root.</summary>
/// <remarks>
/// From <c>/proc/net/nf_conntrack</c>, which is only there once connection tracking is; asking over netlink could load it (docs/kernel-facts.md §4). The
/// kernel gives the entries in the order of its hash table, so that those before the bound are a fair sample of all.
/// </remarks>
/// <param name="Entries">Entries that were read.</param>
/// <param name="IsWhole">False where there were more than the bound.</param>
/// <param name="Sources">Those who began most of them.</param>
/// <param name="Destinations">Where most of them go, as address, port and protocol.</param>
/// <param name="Protocols">All protocols.</param>
/// <param name="States">All states of those that have one.</param>
internal sealed record ConntrackTop(
    ulong Entries,
    bool IsWhole,
    ImmutableArray<ConntrackTop.Row> Sources,
    ImmutableArray<ConntrackTop.Row> Destinations,
    ImmutableArray<ConntrackTop.Row> Protocols,
    ImmutableArray<ConntrackTop.Row> States)
{
    /// <summary>Rows of each kind.</summary>
    public const int Shown = 10;

    /// <summary>Entries that are read at most.</summary>
    public const int Bound = 300_000;

    // Names come from the kernel and are few; whatever is not is not to fill the memory.
    private const int MostNames = 64;

    /// <summary>Reads the table of the network namespace that the source shows.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="bound">Entries at most.</param>
    /// <exception cref="KernelReadException">Absent where there is no connection tracking, or no such file; Denied without root; Broken.</exception>
    public static ConntrackTop Read(KernelSource kernel, int bound = Bound)
    {
        var sources = new BoundedCounts<Remote>(BoundedCounts<Remote>.DefaultBound, 1);
        var destinations = new BoundedCounts<ConntrackDestination>(BoundedCounts<ConntrackDestination>.DefaultBound, 1);
        var protocols = new Dictionary<string, ulong>(StringComparer.Ordinal);
        var states = new Dictionary<string, ulong>(StringComparer.Ordinal);
        using var table = new LineFile(kernel.Proc.NetPathOf("nf_conntrack"));
        table.Rewind();
        ulong entries = 0;
        bool isWhole = true;
        while (table.TryNextLine(out ReadOnlySpan<byte> line))
        {
            if (entries == (ulong)bound)
            {
                isWhole = false;
                break;
            }

            var entry = ConntrackEntry.Parse(table.Path, line);
            entries++;
            sources.Add(new Remote(entry.Source), 0);
            Count(protocols, entry.Protocol);
            destinations.Add(new ConntrackDestination(entry.Destination, entry.DestinationPort, NumberOf(entry.Protocol)), 0);
            if (entry.State is { } state)
            {
                Count(states, state);
            }
        }

        return new ConntrackTop(
            entries,
            isWhole,
            Top(sources, key => key.Address.ToString()),
            Top(destinations, NameOf),
            Rows(protocols),
            Rows(states));
    }

    private static void Count(Dictionary<string, ulong> counts, string name)
    {
        name = counts.ContainsKey(name) || counts.Count < MostNames ? name : Labels.Other;
        counts[name] = counts.GetValueOrDefault(name) + 1;
    }

    private static ImmutableArray<Row> Rows(Dictionary<string, ulong> counts) =>
        [.. counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new Row(pair.Key, pair.Value))];

    private static ImmutableArray<Row> Top<TKey>(BoundedCounts<TKey> counts, Func<TKey, string> name)
        where TKey : struct, ICountKey<TKey>
    {
        var top = new TopRows<TKey>(Shown, 1);
        top.Choose(counts);
        ImmutableArray<Row>.Builder rows = ImmutableArray.CreateBuilder<Row>(top.Count);
        for (int i = 0; i < top.Count; i++)
        {
            BoundedCounts<TKey>.Row row = top[i];
            rows.Add(new Row(name(row.Key), (ulong)row.Guaranteed));
        }

        return rows.ToImmutable();
    }

    private static byte NumberOf(string protocol) => protocol switch { "tcp" => 6, "udp" => 17, "sctp" => 132, _ => 0 };

    private static string NameOf(ConntrackDestination key)
    {
        string endpoint = key.Port is { } port ? InetAddress.WithPort(key.Address.ToString(), $"{port}") : key.Address.ToString();
        return key.Protocol switch { 6 => $"{endpoint} tcp", 17 => $"{endpoint} udp", 132 => $"{endpoint} sctp", _ => endpoint };
    }

    /// <summary>One name and how many entries have it.</summary>
    internal sealed record Row(string Name, ulong Entries);

    private readonly record struct ConntrackDestination(InetAddress Address, ushort? Port, byte Protocol) : ICountKey<ConntrackDestination>
    {
        public ulong Hash(in HashSeed seed) => seed.Of(Address.High, Address.Low, Port ?? 0, Protocol, Port is null ? 1u : 0u);
    }
}
