using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>connect() to one destination finds no free port: EADDRNOTAVAIL. No counter of the kernel moves; only the census shows it (docs/kernel-facts.md §3).</summary>
internal sealed class EphemeralPortsExhausting() : ExhaustingRule("ephemeral_ports_exhausting", ResourceKind.EphemeralPorts)
{
    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence = UsedAndForecast("ports_of_destination", instance),
        Holders = instance.Holder is { } holder ? [holder] : [],
        Remedies = [new Remedy("reuse_connections", RemedyKind.Application)],
        Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"],
    };
}
