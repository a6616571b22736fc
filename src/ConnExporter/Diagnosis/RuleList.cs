using System.Collections.Immutable;
using ConnExporter.Diagnosis.Rules;

namespace ConnExporter.Diagnosis;

/// <summary>THE list of rules; where several findings are equally bad and old, the earlier is shown first.</summary>
internal static class RuleList
{
    public static ImmutableArray<Rule> All { get; } =
    [
        new EphemeralPortsBlockedByBind(),
        new TimeWaitStorm(),
        new EphemeralPortsExhausting(),
        new ProcessDescriptorsExhausting(),
        new SystemDescriptorsExhausting(),
        new ConntrackExhausting(),
        new ConntrackDropping(),
        new NatPortsExhausting(),
        new TcpMemoryPressure(),
        new OrphansExhausting(),
        new TimeWaitBucketOverflow(),
    ];
}
