using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>The series of what collectors read. What was not read is left out, never written as 0.</summary>
internal static class ReadingMetrics
{
    /// <summary>Writes the series of a reading; none where there is no reading.</summary>
    /// <param name="page">The page.</param>
    /// <param name="reading">What a collector read.</param>
    /// <exception cref="InvalidOperationException">A kind of reading that has no series here: a defect.</exception>
    public static void Write(ExpositionWriter page, Reading? reading)
    {
        switch (reading)
        {
            case null:
                break;
            case SelfReading self:
                ProcessMetrics.Write(page, self);
                break;
            case StatesReading states:
                StateMetrics.Write(page, states);
                break;
            case ListenersReading listeners:
                ListenerMetrics.Write(page, listeners);
                break;
            case CountersReading counters:
                TcpCounterMetrics.Write(page, counters);
                break;
            case SockStatReading sockStat:
                SockStatMetrics.Write(page, sockStat);
                break;
            case PortsReading ports:
                PortMetrics.Write(page, ports);
                break;
            case PortRangeAlone range:
                PortMetrics.Write(page, range);
                break;
            case CensusReading census:
                CensusMetrics.Write(page, census);
                break;
            case PortLookupReading lookup:
                PortLookupMetrics.Write(page, lookup);
                break;
            case UdpReading udp:
                UdpMetrics.Write(page, udp);
                break;
            case UnixReading unix:
                UnixMetrics.Write(page, unix);
                break;
            case ConntrackReading conntrack:
                ConntrackMetrics.Write(page, conntrack);
                break;
            case ConntrackWithoutCount conntrack:
                ConntrackMetrics.Write(page, conntrack);
                break;
            case NeighboursReading neighbours:
                NeighbourMetrics.Write(page, neighbours);
                break;
            case DescriptorsReading descriptors:
                DescriptorMetrics.Write(page, descriptors);
                break;
            case DescriptorsWithoutCounts descriptors:
                DescriptorMetrics.Write(page, descriptors);
                break;
            case ProcessesReading processes:
                ProcessGroupMetrics.Write(page, processes);
                break;
            case SettingsReading settings:
                SysctlMetrics.Write(page, settings);
                break;
            case SymptomsReading symptoms:
                SymptomMetrics.Write(page, symptoms);
                break;
            case NamespacesReading namespaces:
                NamespaceMetrics.Write(page, namespaces);
                break;
            default:
                throw new InvalidOperationException($"{reading.GetType().Name} has no series");
        }
    }
}
