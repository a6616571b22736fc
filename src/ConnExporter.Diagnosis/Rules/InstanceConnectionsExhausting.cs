using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The connections that an instance type, a network or a contract permits: beyond them packets are dropped outside this host. Only where the limit was given: none is presumed.</summary>
internal sealed class InstanceConnectionsExhausting() : ExhaustingRule("instance_connections_exhausting", ResourceKind.InstanceConnections)
{
    public override ImmutableArray<Input> Inputs => [Input.States, Input.Udp];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence =
        [
            .. UsedAndForecast("instance_connections", instance),
            new Fact(ResourceReadings.ConnectionsOf(seen) is { IsTracked: true } ? "instance_connections_tracked" : "instance_connections_sockets"),
        ],
        Remedies = InOrder([new Remedy("reuse_connections", RemedyKind.Application), new Remedy("larger_instance", RemedyKind.Platform)]),
    };
}
