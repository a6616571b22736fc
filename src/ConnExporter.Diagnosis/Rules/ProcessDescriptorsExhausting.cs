using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A process is near its soft limit of open files: accept(), connect() and open() fail with EMFILE.</summary>
internal sealed class ProcessDescriptorsExhausting() : ExhaustingRule("process_descriptors_exhausting", ResourceKind.ProcessFileDescriptors)
{
    // Connections that cannot be made or that nobody closes are what fills descriptors.
    public override bool IsOfOneProcess => true;

    public override ImmutableArray<Input> Inputs => [Input.Processes, Input.ReadableProcesses, Input.VisibleProcesses, Input.ProcessesOfTheNetwork];

    public override ImmutableArray<string> Causes => ["close_wait_leak", "established_leak", "ephemeral_ports_exhausting", "slow_peer"];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        // A process may call itself "java of shop.service": by its name alone another might be meant.
        ProcessesReading.Row? row = RowOf(seen, instance);
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("descriptors_of_process", instance), .. SymptomProof.OfDescriptors(seen, row), .. Group(row), .. HostUnits.WhatElse(seen, row?.Unit)],
            Holders = instance.Holder is { } holder ? [holder] : [],
            Remedies = [.. DescriptorRemedies.Of(seen, instance, row)],
            Settings = ["fs.nr_open"],
        };
    }

    // Counted as it happened: the process that is nearest to its limit was at it.
    protected override Severity? SeverityOf(Observation seen, ResourceInstance instance, Severity? held) =>
        instance.UsedRatio >= seen.Thresholds.WarningRatio && RowOf(seen, instance) is { } row && SymptomProof.WithoutDescriptor(seen, row.Process, row.Unit) is not null
            ? Severity.Critical
            : base.SeverityOf(seen, instance, held);

    private static ProcessesReading.Row? RowOf(Observation seen, ResourceInstance instance) =>
        seen.Processes?.Rows.FirstOrDefault(row => ResourceReadings.NameOf(row) == instance.Name && row.WorstProcessId == instance.Holder?.ProcessId);

    private static IEnumerable<Fact> Group(ProcessesReading.Row? row)
    {
        if (row is { Processes: > 1 })
        {
            yield return new Fact("descriptors_of_group", ("processes", row.Processes), ("descriptors", row.Descriptors));
        }
    }
}
