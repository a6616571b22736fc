using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// UDP sockets find no free port: connect() and sendto() fail with EAGAIN, bind() with EADDRINUSE, whatever the destination. Each socket has its port for itself, connected or
/// not; no counter of the kernel moves (docs/kernel-facts.md §13).
/// </summary>
internal sealed class UdpPortsExhausting() : ExhaustingRule("udp_ports_exhausting", ResourceKind.UdpPorts)
{
    private const int AddressesShown = 3;

    public override ImmutableArray<Input> Inputs => [Input.Udp, Input.UdpUsable];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        UdpReading udp = seen.Udp!;
        ImmutableArray<Holder> holders = UdpHolding.Of(seen);
        UdpReading.DestinationRow? destination = udp.Destinations.FirstOrDefault(row => row.Port != Labels.Other);
        string[] fullest = [.. udp.Ports.Where(row => !row.IsAny).Take(AddressesShown).Select(row => $"{row.Address}: {row.InUse}")];
        return new Verdict(severity, instance.Name)
        {
            Evidence =
            [
                .. UsedAndForecast("udp_ports_of_address", instance),
                new Fact("udp_ports_effect"),
                .. fullest.Length == 0 ? Array.Empty<Fact>() : [new Fact("udp_ports_by_address", ("addresses", string.Join(", ", fullest)))],
                .. destination is null ? Array.Empty<Fact>() : [new Fact("udp_sockets_to_destination", ("count", destination.Sockets), ("destination", InetAddress.WithPort(destination.Address, destination.Port)))],
                .. SocketHolding.Facts("udp_ports_of_process", holders),
                .. HostUnits.WhatElse(seen, holders.FirstOrDefault()?.Unit),
            ],
            Holders = holders,
            Remedies = InOrder(
            [
                .. PortRoom.Wider(seen)?.Remedy(instance, KindOfRoom(seen, severity, instance)).Select(remedy => remedy with { Key = "widen_udp_port_range" }) ?? [],
                new Remedy("see_udp_sockets", RemedyKind.Grace, seen.Inside(ShellCommand.Of("ss", "-uanp"))),
                new Remedy("reuse_udp_sockets", RemedyKind.Application),
            ]),
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"],
        };
    }
}
