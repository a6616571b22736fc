using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis;

/// <summary>The instances of every resource that the readings of one network namespace show.</summary>
internal static class ResourceReadings
{
    /// <summary>All instances, in no order. What was not read has none.</summary>
    public static IEnumerable<ResourceInstance> Of(Observation seen) =>
        [.. EphemeralPorts(seen), .. Conntrack(seen), .. HostDescriptors(seen), .. ProcessDescriptors(seen), .. Queues(seen), .. Orphans(seen), .. TimeWaits(seen), .. Memory(seen), .. UdpPorts(seen), .. UnixQueues(seen), .. InstanceConnections(seen)];

    private static IEnumerable<ResourceInstance> EphemeralPorts(Observation seen)
    {
        if (seen.Census is not { } census || seen.Ports is not { } ports)
        {
            yield break;
        }

        foreach (CensusReading.DestinationRow row in seen.Destinations.Where(row => row.Port != Labels.Other))
        {
            var use = PortUse.Of(seen, census, row, ports);
            yield return new(ResourceKind.EphemeralPorts, seen.Netns, NameOf(row), use.Taken, ports.UsableCount)
            {
                Possible = use.Possible,
                Likely = use.Likely,
                Holder = seen.HolderOfDestination(row.Address, row.Port),
                Timestamp = seen.TimestampOf(seen.PortLookup?.Destinations.Contains(row) == true ? seen.PortLookup : census),
            };
        }
    }

    private static IEnumerable<ResourceInstance> Conntrack(Observation seen)
    {
        if (seen.Conntrack is { } table && (table.Max ?? seen.Host.Conntrack?.Max) is > 0 and { } limit)
        {
            yield return new(ResourceKind.ConntrackEntries, seen.Netns, ResourceInstance.Host, table.Count, limit) { Timestamp = seen.TimestampOf(table) };
        }
    }

    private static IEnumerable<ResourceInstance> HostDescriptors(Observation seen)
    {
        if (seen.Descriptors is { } host)
        {
            yield return new(ResourceKind.FileDescriptors, seen.Netns, ResourceInstance.Host, host.Counts.Allocated, host.Counts.Limit) { Timestamp = seen.TimestampOf(host) };
        }
    }

    private static IEnumerable<ResourceInstance> ProcessDescriptors(Observation seen)
    {
        if (seen.Processes is not { } processes)
        {
            yield break;
        }

        foreach (ProcessesReading.Row row in processes.Rows.Where(row => row.Process != Labels.Other))
        {
            yield return new(ResourceKind.ProcessFileDescriptors, seen.Netns, NameOf(row), row.Worst, row.WorstLimit)
            {
                Holder = Holder.Of(row.Process, row.Unit) with { ProcessId = row.WorstProcessId, StartedAt = seen.StartOf(row.WorstStartTicks), Count = row.Worst },
                Timestamp = seen.TimestampOf(processes),
            };
        }
    }

    private static IEnumerable<ResourceInstance> Queues(Observation seen)
    {
        if (seen.Listeners is not { } listeners)
        {
            yield break;
        }

        foreach (ListenersReading.Row row in listeners.Rows)
        {
            // The queue takes one more than its limit (net/core/sock.c, sk_acceptq_is_full).
            string name = InetAddress.WithPort(row.Address, row.Port);
            CensusReading.ListenerRow? counted = seen.ListenerOf(row.Address, row.Port);
            Holder? holder = seen.HolderOfListener(row.Address, row.Port);
            if (row.Limit is not { } limit)
            {
                continue;
            }

            yield return new(ResourceKind.AcceptQueue, seen.Netns, name, row.Queue, limit + 1.0) { Peak = row.Peak, Holder = holder, Timestamp = seen.TimestampOf(listeners) };
            if (counted is not null && limit > 0)
            {
                // The SYN queue is full at the limit of the accept queue (net/ipv4/tcp_input.c:tcp_conn_request).
                yield return new(ResourceKind.SynQueue, seen.Netns, name, counted.SynQueue, limit) { Holder = holder, Timestamp = seen.TimestampOf(seen.Census!) };
            }
        }
    }

    private static IEnumerable<ResourceInstance> Orphans(Observation seen)
    {
        if (seen.SockStat is { Counts: { } counts, MaxOrphans: { } limit })
        {
            yield return new(ResourceKind.OrphanedSockets, seen.Netns, ResourceInstance.Host, counts.Orphans, limit) { Timestamp = seen.TimestampOf(seen.SockStat) };
        }
    }

    private static IEnumerable<ResourceInstance> TimeWaits(Observation seen)
    {
        if (seen.States is { } states && seen.SockStat is { MaxTimeWait: { } limit })
        {
            yield return new(ResourceKind.TimeWaitBuckets, seen.Netns, ResourceInstance.Host, states[TcpState.TimeWait], limit) { Timestamp = seen.TimestampOf(states) };
        }
    }

    private static IEnumerable<ResourceInstance> Memory(Observation seen)
    {
        if (seen.SockStat is { Counts: { } counts, Limits: { } limits })
        {
            double pageSize = SystemClock.PageSize;
            yield return new(ResourceKind.TcpMemory, seen.Netns, ResourceInstance.Host, counts.MemoryPages * pageSize, limits.LimitPages * pageSize) { Timestamp = seen.TimestampOf(seen.SockStat) };
        }
    }

    // What is taken on one address is taken from those that choose none as well; both families' row adds nothing where IPv6 has none.
    private static IEnumerable<ResourceInstance> UdpPorts(Observation seen)
    {
        // A range of which every port is reserved is a finding of its own.
        if (seen.Udp is not { Usable: > 0 and { } usable } udp)
        {
            yield break;
        }

        Holder? holder = UdpHolding.Of(seen).FirstOrDefault();
        for (int i = 0; i < udp.Ports.Length; i++)
        {
            UdpPortUse row = udp.Ports[i];
            if (i == 0 || row.InUse > (row.Address == "::" ? udp.Ports[0].InUse : 0))
            {
                yield return new(ResourceKind.UdpPorts, seen.Netns, row.Address, row.InUse, usable) { Possible = row.Possible, Likely = row.Possible == row.InUse ? row.InUse : null, Holder = holder, Timestamp = seen.TimestampOf(udp) };
            }
        }
    }

    /// <summary>
    /// What counts against the limit of an instance type: the flows that are tracked, those that are only forwarded among them, or the sockets with a peer, of which tracking need not
    /// know; whichever are more. Null where neither was read.
    /// </summary>
    public static (ulong Count, bool IsTracked, Reading From)? ConnectionsOf(Observation seen)
    {
        ulong? sockets = seen.States is { } states && seen.Udp is { } udp
            ? states.Total - states[TcpState.Listen] - states[TcpState.Close] + udp[0, UdpReading.Connected] + udp[1, UdpReading.Connected]
            : null;
        return seen.Conntrack is { Count: > 0 } table && !(sockets > table.Count) ? (table.Count, true, table)
            : sockets is { } count ? (count, false, seen.States!)
            : null;
    }

    private static IEnumerable<ResourceInstance> InstanceConnections(Observation seen)
    {
        if (seen.IsOwn && seen.Thresholds.ConnectionLimit is { } limit && ConnectionsOf(seen) is { } connections)
        {
            yield return new(ResourceKind.InstanceConnections, seen.Netns, ResourceInstance.Host, connections.Count, limit) { Timestamp = seen.TimestampOf(connections.From) };
        }
    }

    // The queue takes one more than its limit (net/unix/af_unix.c:unix_recvq_full).
    private static IEnumerable<ResourceInstance> UnixQueues(Observation seen) =>
        (seen.Unix?.Listeners ?? []).Select(row => new ResourceInstance(ResourceKind.UnixAcceptQueue, seen.Netns, Visible.Name(row.Name), row.Queue, row.Limit + 1.0)
        {
            Peak = row.Peak,
            Holder = row.Holding is { } holding ? Holder.Of(holding.Server, seen.StartOf(holding.Server.StartTicks)) : null,
            Timestamp = seen.TimestampOf(seen.Unix!),
        });

    /// <summary>The name of the instance that is the ports towards a destination.</summary>
    public static string NameOf(CensusReading.DestinationRow row) => $"{InetAddress.WithPort(row.Address, row.Port)} from {row.Source}";

    /// <summary>The name of the instance that is the descriptors of a group's worst process.</summary>
    public static string NameOf(ProcessesReading.Row row) => ResourceInstance.NameOf(row.Process, row.Unit is Labels.None ? null : row.Unit);
}
