using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The ports that must be reserved before a range of ephemeral ports is in force, TCP and UDP alike: the kernel has one range and one list for both.</summary>
/// <param name="Ports">Those that are not reserved yet, lowest first.</param>
/// <param name="Notes">What of it is not known, or left out.</param>
internal sealed record PortNeeds(ImmutableArray<ushort> Ports, ImmutableArray<Fact> Notes)
{
    // kube-apiserver --service-node-port-range. kube-proxy does not listen on these ports any more: they are rules of netfilter alone.
    private const ushort FirstNodePort = 30_000;
    private const ushort LastNodePort = 32_767;

    // A resolver has thousands of UDP ports that the kernel chose: to reserve them would take them from everybody.
    private const int MostOfPresentRange = 64;
    private const string OwnName = "conn-exporter";
    private static readonly string[] Kubernetes = ["kubelet", "kube-proxy", "kubelite", "k3s", "k3s-server", "k3s-agent", "rke2", "k0s"];

    /// <summary>What a range takes.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="range">The range, with what lies near it and is reserved too; of conn-exporter's own ports only those within <paramref name="narrow"/>.</param>
    /// <param name="narrow">The range itself; null where that is all of it.</param>
    /// <returns>Null where it is not known what is reserved, or who listens.</returns>
    public static PortNeeds? Of(Observation seen, PortRange range, PortRange? narrow = null)
    {
        if (seen.Ports is not { } ports || (seen.Listeners is null && seen.Census is null))
        {
            return null;
        }

        ImmutableArray<Fact>.Builder notes = ImmutableArray.CreateBuilder<Fact>();
        IEnumerable<ushort> all = [.. seen.Listeners?.Ports ?? [], .. Listed(seen)];
        if (seen.Listeners is null)
        {
            notes.Add(new Fact("tcp_listeners_not_all_seen"));
        }

        if (ports.BoundUdp is { } udp)
        {
            ushort[] present = [.. Within(udp.Ports, ports.Range).Where(port => !ports.Reserved.Contains(port))];
            all = all.Concat(udp.Ports.Where(port => present.Length <= MostOfPresentRange || port < ports.Range.First || port > ports.Range.Last));
            if (present.Length > 0)
            {
                // Which of them the kernel chose for a client, and which a service asked for, no record tells.
                notes.Add(new Fact(present.Length > MostOfPresentRange ? "udp_of_present_range_left_out" : "udp_of_present_range_reserved", ("count", present.Length), ("range", $"{ports.Range.First}–{ports.Range.Last}")));
            }
        }
        else
        {
            notes.Add(new Fact("udp_ports_not_seen"));
        }

        if (IsKubernetes(seen) && range.First <= LastNodePort && range.Last >= FirstNodePort)
        {
            all = all.Concat(Enumerable.Range(FirstNodePort, LastNodePort - FirstNodePort + 1).Select(port => (ushort)port));
            notes.Add(new Fact("node_ports_reserved", ("range", $"{FirstNodePort}-{LastNodePort}")));
        }

        // Nobody who is in trouble wants to think about the port of what tells him so, unless it is in the way.
        ushort[] spared = narrow is { } within ? [.. Own(seen).Except(Within(Own(seen), within))] : [];
        return new([.. Within(all, range).Where(port => !ports.Reserved.Contains(port)).Except(spared).Distinct().Order()], notes.ToImmutable());
    }

    private static IEnumerable<ushort> Own(Observation seen) => (seen.Census?.Listeners ?? [])
        .Where(row => row.Port != Labels.Other && row.Process == OwnName).Select(row => ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture));

    private static IEnumerable<ushort> Within(IEnumerable<ushort> ports, PortRange range) => ports.Where(port => port >= range.First && port <= range.Last);

    private static IEnumerable<ushort> Listed(Observation seen) =>
        (seen.Census?.Listeners ?? []).Where(row => row.Port != Labels.Other).Select(row => ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture));

    // By its programs or by what pods' cgroups are called.
    private static bool IsKubernetes(Observation seen) =>
        new[] { seen, seen.Host }.Any(one =>
            (one.Processes?.Rows ?? []).Any(row => IsOfKubernetes(row.Process, row.Unit))
            || (one.Census?.Listeners ?? []).Any(row => IsOfKubernetes(row.Process, row.Unit))
            || (one.Census?.Units ?? []).Any(row => IsOfKubernetes("", row.Key)));

    private static bool IsOfKubernetes(string process, string unit) =>
        Kubernetes.Contains(process) || unit.Contains("kubepods", StringComparison.Ordinal) || unit.Contains("kubelet", StringComparison.Ordinal) || Container.IsOfPod(unit)
        || (unit.EndsWith(".service", StringComparison.Ordinal) && Kubernetes.Contains(unit[..^".service".Length]));
}
