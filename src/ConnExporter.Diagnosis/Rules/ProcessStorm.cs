using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>One program runs hundreds of times at once, and each instance makes connections of its own: a process a request, a cron job that never ends, a fork loop.</summary>
/// <remarks>Only connections made from here count: a server with a process for each client is meant to be like that.</remarks>
internal sealed class ProcessStorm() : Rule("process_storm", Severity.Warning)
{
    private const double Hysteresis = 0.8;

    public override ImmutableArray<Input> Inputs => [Input.Connecting, Input.VisibleProcesses];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        double threshold = seen.Thresholds.ProcessStorm * (held is null ? 1 : Hysteresis);
        if (seen.Census?.Connecting.FirstOrDefault() is not { } most || most.Processes < threshold)
        {
            return null;
        }

        Holder holder = Holder.Of(most.Process, most.Unit) with { ProcessId = most.First.Pid, StartedAt = seen.StartOf(most.First.StartTicks), Count = most.Sockets };
        return new Verdict(Severity.Warning, ResourceInstance.NameOf(most.Process, most.Unit is Labels.None ? null : most.Unit))
        {
            Evidence = [new Fact("connecting_processes", ("process", new OutsideName(most.Process)), ("processes", most.Processes), ("count", most.Sockets), ("pid", $"{most.First.Pid}"))],
            Holders = [holder],
            Remedies =
            [
                new Remedy("see_who_forks", RemedyKind.Grace, ShellCommand.Of("ps", "-o", "pid,ppid,user,lstart,comm", "-p", $"{most.First.Pid}")),
                new Remedy("one_client_for_all", RemedyKind.Application),
            ],
            Settings = [],
        };
    }
}
