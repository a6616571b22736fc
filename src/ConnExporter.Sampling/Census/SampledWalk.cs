using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Census;

/// <summary>
/// One walk over the sockets of one part in sixteen of the ephemeral ports: the kernel leaves the others out (<see cref="PortWindows"/>), so that it costs a third of a whole one. It finds
/// destinations that hold many ports; of those with few it says nothing.
/// </summary>
internal sealed class SampledWalk
{
    private const int Keys = 4096;
    private const uint Connections = SockDiagRequest.AllStates & ~(1u << (int)TcpState.Listen);
    private static readonly SockDiagRequest Listening = new(SockDiagRequest.Bit(TcpState.Listen));
    private readonly EphemeralPorts ports = new(Keys);
    private int turn;

    /// <summary>Makes one.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="usable">The range in force, and its ports that are not reserved.</param>
    /// <param name="reuse">When connect() may take over a TIME_WAIT socket.</param>
    /// <param name="pauses">Has others run in between.</param>
    /// <returns>Destinations with their ports by kind, as estimated for the whole range, those with the most first.</returns>
    /// <exception cref="ConnExporter.Kernel.KernelReadException">As of a dump.</exception>
    public IReadOnlyList<Estimate> Make(NetlinkSocket socket, UsablePorts usable, TimeWaitReuse reuse, Pauses pauses)
    {
        ports.Begin(usable.Range, usable.Reserved, reuse, withBound: true);
        var listeners = new SockDiagDump(socket, Listening);
        while (listeners.TryRead(out SocketRecord listener))
        {
            ports.AddBlocked(listener.LocalPort);
        }

        var windows = new PortWindows(usable.Range.First, usable.Range.Last, turn++ % PortWindows.Parts);
        int asked = CountIn(windows, usable);
        if (asked == 0)
        {
            return [];
        }

        var dump = new SockDiagDump(socket, new SockDiagRequest(Connections) { From = windows });
        while (dump.TryRead(out SocketRecord record))
        {
            pauses.Took(1);

            // A kernel that does not know the filter must not mislead.
            if (windows.Contains(record.LocalPort))
            {
                ports.AddOutbound(record);
            }
        }

        double scale = usable.Count / (double)asked;
        var estimates = new List<Estimate>();
        foreach (BoundedCounts<Destination>.Row row in ports.Destinations)
        {
            long[] counts = [.. row.Counts];
            long taken = counts.Sum();
            estimates.Add(new Estimate(row.Key, ports.InterfaceOf(row.Key), Array.ConvertAll(counts, count => (long)Math.Round(count * scale)), PortSample.ErrorOf(taken, asked, usable.Count)));
        }

        estimates.Sort((one, other) => other.Held.CompareTo(one.Held));
        return estimates;
    }

    private static int CountIn(PortWindows windows, UsablePorts usable)
    {
        int count = 0;
        for (int port = windows.First; port <= windows.Last; port++)
        {
            count += usable[(ushort)port] && windows.Contains((ushort)port) ? 1 : 0;
        }

        return count;
    }

    /// <summary>A destination and about how many ports it holds.</summary>
    /// <param name="Key">Its two ends.</param>
    /// <param name="Interface">The interface that its sockets are bound to; 0 for none.</param>
    /// <param name="Counts">Ports by kind.</param>
    /// <param name="Error">By how many the sum may be off.</param>
    internal sealed record Estimate(Destination Key, uint Interface, long[] Counts, ulong Error)
    {
        /// <summary>Ports that it holds, TIME_WAIT that may be taken over among them.</summary>
        public long Held => Counts.Sum();
    }
}
