using System.Globalization;
using ConnExporter.Collectors;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A process runs out of descriptors although it may raise its limit by itself: the hard limit is far away.</summary>
internal sealed class SoftFileLimitLow() : TuningRule("tuning_nofile_soft_low", Severity.Info)
{
    private const double Busy = 0.8;
    private const ulong Far = 2;

    // Descriptors come and go, other than settings.
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
        string limit = hard == ulong.MaxValue ? "unlimited" : hard.ToString(CultureInfo.InvariantCulture);
        return Tell(
            Severity.Info, settings, [], new Fact("tuning_descriptors_and_limits", ("process", row.Process), ("used", row.Worst), ("soft", row.WorstLimit), ("hard", hard == ulong.MaxValue ? "∞" : hard))) with
        {
            Instance = holder.Unit is { } unit ? $"{row.Process} of {unit}" : row.Process,
            Holders = [holder],
            Remedies = [new Remedy("tuning_soft_to_hard", RemedyKind.Grace, $"prlimit --pid {pid} --nofile={limit}:")],
        };
    }
}
