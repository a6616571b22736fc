using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A process runs out of descriptors although it may raise its limit by itself: the hard limit is far away.</summary>
internal sealed class SoftFileLimitLow() : TuningRule("tuning_nofile_soft_low", Severity.Info)
{
    private const double Busy = 0.8;
    private const ulong Far = 2;

    // Descriptors come and go, other than settings.
    public override ImmutableArray<Input> Inputs => [Input.Settings, Input.Processes, Input.ReadableProcesses, Input.VisibleProcesses];

    public override bool MustLast => true;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        ProcessesReading.Row? row = (seen.Processes?.Rows ?? [])
            .Where(row => row.WorstProcessId is not null && row.WorstLimit > 0 && row.Worst >= Busy * row.WorstLimit && row.WorstHardLimit / Far >= row.WorstLimit)
            .MaxBy(row => row.Worst / (double)row.WorstLimit);
        if (row is not { WorstProcessId: { } pid, WorstHardLimit: { } hard })
        {
            return null;
        }

        Holder holder = Holder.Of(row.Process, row.Unit) with { ProcessId = pid, StartedAt = seen.StartOf(row.WorstStartTicks), Count = row.Worst };
        return Tell(
            Severity.Info, settings, [], new Fact("tuning_descriptors_and_limits", ("process", new OutsideName(row.Process)), ("used", row.Worst), ("soft", row.WorstLimit), ("hard", hard == ulong.MaxValue ? "∞" : hard))) with
        {
            Instance = ResourceInstance.NameOf(row.Process, holder.Unit),
            Holders = [holder],

            // Without an end, or above fs.nr_open, no process can be given it.
            Remedies = hard <= (seen.NumberOf(SettingCatalogue.NrOpen) ?? ulong.MaxValue - 1)
                ? [.. HostCommand.Change(new Remedy("tuning_soft_to_hard", RemedyKind.Grace), DescriptorRemedies.Prlimit(pid, hard, ""))]
                : [],
        };
    }
}
