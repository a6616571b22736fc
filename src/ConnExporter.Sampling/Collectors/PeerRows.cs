using System.Collections.Immutable;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The sockets of a walk by what is at their other end: peers, ports, and those that answer no SYN.</summary>
internal sealed class PeerRows
{
    private readonly SocketCensus census;
    private readonly TopRows<Remote> remotes;
    private readonly TopRows<RemotePort> ports;

    /// <summary>Nothing is chosen yet.</summary>
    /// <param name="shown">Rows of each kind.</param>
    /// <param name="census">What a walk saw.</param>
    public PeerRows(int shown, SocketCensus census)
    {
        this.census = census;
        remotes = new TopRows<Remote>(shown, SocketCensus.Directions);
        ports = new TopRows<RemotePort>(shown, TcpTable.StateCount);
    }

    /// <summary>Chooses what has a row, after a walk.</summary>
    public void Choose()
    {
        remotes.Choose(census.Remotes);
        ports.Choose(census.RemotePorts);
    }

    /// <summary>Counts what has none.</summary>
    public void Drop(CollectContext context)
    {
        context.Drop("conn_remote_sockets", remotes.LeftOut);
        context.Drop("conn_remote_port_sockets", ports.LeftOut);
    }

    /// <summary>By peer.</summary>
    public ImmutableArray<CensusReading.RemoteRow> Remotes()
    {
        ImmutableArray<CensusReading.RemoteRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.RemoteRow>(remotes.Count + 1);
        for (int i = 0; i < remotes.Count; i++)
        {
            BoundedCounts<Remote>.Row row = remotes[i];
            rows.Add(new(census.Name(row.Key), (ulong)row.Counts[SocketCensus.Inbound], (ulong)row.Counts[SocketCensus.Outbound]));
        }

        if (remotes.Other > 0)
        {
            rows.Add(new(Labels.Other, (ulong)remotes.OtherOf(SocketCensus.Inbound), (ulong)remotes.OtherOf(SocketCensus.Outbound)));
        }

        return rows.ToImmutable();
    }

    /// <summary>By destination port.</summary>
    public ImmutableArray<CensusReading.StateRow> Ports()
    {
        ImmutableArray<CensusReading.StateRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.StateRow>(ports.Count + 1);
        for (int i = 0; i < ports.Count; i++)
        {
            BoundedCounts<RemotePort>.Row row = ports[i];
            rows.Add(new(row.Key.Number.ToString(), ToStates(row.Counts)));
        }

        if (ports.Other > 0)
        {
            ulong[] states = new ulong[TcpTable.StateCount];
            for (int state = 0; state < states.Length; state++)
            {
                states[state] = (ulong)ports.OtherOf(state);
            }

            rows.Add(new(Labels.Other, states));
        }

        return rows.ToImmutable();
    }

    /// <summary>Connections that nobody answers. A few rows out of many keys that come and go: not worth a table of their own.</summary>
    /// <param name="most">Rows at most.</param>
    public CensusReading.UnansweredConnects Unanswered(int most)
    {
        var biggest = new PriorityQueue<Target, long>();
        foreach (BoundedCounts<Target>.Row row in census.Unanswered)
        {
            if (biggest.Count < most)
            {
                biggest.Enqueue(row.Key, row.Guaranteed);
            }
            else
            {
                biggest.EnqueueDequeue(row.Key, row.Guaranteed);
            }
        }

        return new(
            (ulong)census.Unanswered.Total,
            census.Unanswered.Count,
            [
                .. biggest.UnorderedItems.OrderByDescending(item => item.Priority).ThenBy(item => item.Element.Address.ToString(), StringComparer.Ordinal).ThenBy(item => item.Element.Port)
                    .Select(item => new CensusReading.UnansweredRow(item.Element.Address.ToString(), item.Element.Port.ToString(), (ulong)item.Priority)),
            ]);
    }

    private static ulong[] ToStates(ReadOnlySpan<long> counts)
    {
        ulong[] states = new ulong[counts.Length];
        for (int state = 0; state < states.Length; state++)
        {
            states[state] = (ulong)counts[state];
        }

        return states;
    }
}
