using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The host is near fs.file-max: open() and socket() fail with ENFILE for all but processes with CAP_SYS_ADMIN (docs/kernel-facts.md §12).</summary>
internal sealed class SystemDescriptorsExhausting() : ExhaustingRule("system_descriptors_exhausting", ResourceKind.FileDescriptors)
{
    private const int HoldersShown = 3;

    // A struct file with what hangs on it.
    private const double FileBytes = 1024;

    public override ImmutableArray<Input> Inputs => [Input.Descriptors];

    /// <summary>What helps.</summary>
    public static IEnumerable<Remedy> Remedies(Observation seen, Severity severity, ResourceInstance instance)
    {
        ulong larger = (ulong)instance.Roomy;
        return
        [
            new Remedy("find_descriptor_holders", RemedyKind.Application),
            .. HostCommand.Change(
                new Remedy("raise_file_max", KindOfRoom(seen, severity, instance))
                {
                    Values = [("limit", larger), ("memory", new Bytes(larger * FileBytes))],
                    Buys = instance.TimeWonBy(larger),
                },
                HostCommand.Raise(seen, SettingCatalogue.FileMax, larger)),
        ];
    }

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence = UsedAndForecast("descriptors_of_host", instance),
        Holders =
            [
                .. (seen.Processes?.Rows ?? []).Where(row => row.Process != Labels.Other).OrderByDescending(row => row.Descriptors).Take(HoldersShown)
                    .Select(row => Holder.Of(row.Process, row.Unit) with { Count = row.Descriptors, ProcessId = row.Processes == 1 ? row.WorstProcessId : null, StartedAt = row.Processes == 1 ? seen.StartOf(row.WorstStartTicks) : null }),
            ],
        Remedies = InOrder(Remedies(seen, severity, instance)),
        Settings = ["fs.file-max", "fs.nr_open"],
    };
}
