using ConnExporter.Kernel.Bpf;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>What programs in the kernel have counted.</summary>
internal static class SymptomMetrics
{
    private static readonly MetricFamily ConnectFailures = MetricFamily.Counter(
        "conn_connect_failures_total", "connect() of TCP that failed: for want of an ephemeral port (no_port), refused, timed_out, unreachable, closed before there was an answer (abandoned), within this host though it had a port (local), other.", "process", "unit", "reason");

    private static readonly MetricFamily ConnectPortFailures = MetricFamily.Counter("conn_connect_port_failures_total", "The same by the port that was asked for.", "port", "reason");

    private static readonly MetricFamily ClosesFirst = MetricFamily.Counter(
        "conn_closes_first_total", "Connections that this side closed before the peer did, so that TIME_WAIT is on this side; port is the one that was connected to.", "process", "unit", "port");

    private static readonly MetricFamily HandshakesAccepted = MetricFamily.Counter("conn_handshakes_accepted_total", "Connections that came in, counted when their handshake was completed; unit is the listening socket's.", "unit", "port");

    private static readonly MetricFamily AcceptFailures = MetricFamily.Counter(
        "conn_accept_failures_total", "accept() that failed: the process had no descriptor left (process_descriptors), the host had none (system_descriptors), aborted, other. That nothing waits is none. Where this kernel lets it be counted.", "process", "unit", "reason");

    private static readonly MetricFamily DescriptorFailures = MetricFamily.Counter("conn_descriptor_failures_total", "Descriptors that a process did not get because it had as many as it may (EMFILE), whatever it asked for. Where this kernel lets it be counted.", "process", "unit");

    private static readonly MetricFamily BindFailures = MetricFamily.Counter("conn_bind_failures_total", "bind() and listen() of TCP that found the port taken; with port 0 no port was free. Where this kernel lets it be counted.", "process", "unit", "port");

    private static readonly MetricFamily HooksActive = MetricFamily.Gauge("conn_symptom_hook_active", "1 where the kernel lets be counted: states (connects, closes, handshakes), accept, descriptors, bind; 0 where it does not, and the log says why.", "hook");

    private static readonly MetricFamily LostUpdates = MetricFamily.Counter("conn_symptom_updates_lost_total", "Of all these those that found no room in the kernel's table, which are in the rows other or have no process, and those that no program was called for.");

    public static void Write(ExpositionWriter page, SymptomsReading reading)
    {
        foreach ((SymptomLabels labels, ulong count) in reading.Connects)
        {
            page.Write(ConnectFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.ConnectPorts)
        {
            page.Write(ConnectPortFailures, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.Closes)
        {
            page.Write(ClosesFirst, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.Accepted)
        {
            page.Write(HandshakesAccepted, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.Accepts)
        {
            page.Write(AcceptFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.Descriptors)
        {
            page.Write(DescriptorFailures, count, labels.First, labels.Second);
        }

        foreach ((SymptomLabels labels, ulong count) in reading.Binds)
        {
            page.Write(BindFailures, count, labels.First, labels.Second, labels.Third);
        }

        foreach (SymptomHook hook in reading.Hooks)
        {
            page.Write(HooksActive, hook.Failure is null ? 1u : 0u, hook.Name);
        }

        page.Write(LostUpdates, reading.Lost);
    }
}
