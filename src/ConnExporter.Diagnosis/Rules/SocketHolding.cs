using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Who holds the sockets that a rule is about.</summary>
internal static class SocketHolding
{
    private const int Shown = 3;

    /// <summary>The processes with the most sockets of a kind; their units where no process is known.</summary>
    /// <param name="seen">What was observed.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="state">The state that units are known by; null where there is none for that kind.</param>
    public static ImmutableArray<Holder> Of(Observation seen, HeldSockets kind, TcpState? state = null)
    {
        if (seen.Census is not { } census)
        {
            return [];
        }

        ImmutableArray<Holder> processes =
        [
            .. census.Holders.Where(row => row.Kind == kind).Take(Shown).Select(row => Holder.Of(row.Owner, seen.StartOf(row.Owner.StartTicks)) with { Count = row.Count }),
        ];
        return processes.Length > 0 || state is not { } known
            ? processes
            : [
                .. census.Units.Where(row => row.States[(int)known] > 0 && row.Key is not (Labels.None or Labels.Other))
                    .OrderByDescending(row => row.States[(int)known]).Take(Shown)
                    .Select(row => new Holder(row.Key) { Unit = row.Key, Count = row.States[(int)known] }),
            ];
    }

    /// <summary>That a listener has several holders, and which of them serves it; nothing where one is known.</summary>
    public static IEnumerable<Fact> OfListener(Observation seen, string address, string port)
    {
        if (seen.ListenerOf(address, port)?.Holding is { Maker: { } maker } holding)
        {
            yield return new Fact(
                holding.Evidence == ServerEvidence.HoldsConnections ? "listener_handed_on" : "listener_handed_on_unproven",
                ("instance", InetAddress.WithPort(address, port)),
                ("process", new OutsideName(holding.Server.Name)),
                ("pid", $"{holding.Server.Pid}"),
                ("maker", new OutsideName(maker.Name)),
                ("maker_pid", $"{maker.Pid}"),
                ("holders", (ulong)holding.Holders));
        }
    }

    /// <summary>A name for the biggest of them that is good for a label.</summary>
    public static string InstanceOf(ImmutableArray<Holder> holders) =>
        holders.IsEmpty ? ResourceInstance.Host : ResourceInstance.NameOf(holders[0].Name, holders[0].Unit == holders[0].Name ? null : holders[0].Unit);

    /// <summary>A fact for each process, <c>KEY_of_process</c> with {process}, {pid} and {count}.</summary>
    public static IEnumerable<Fact> Facts(string key, ImmutableArray<Holder> holders) => holders
        .Where(holder => holder.ProcessId is not null)
        .Select(holder => new Fact(key, ("process", new OutsideName(holder.Name)), ("pid", $"{holder.ProcessId}"), ("count", holder.Count ?? 0)));
}
