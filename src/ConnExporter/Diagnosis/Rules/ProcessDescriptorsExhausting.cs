using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A process is near its soft limit of open files: accept(), connect() and open() fail with EMFILE.</summary>
internal sealed class ProcessDescriptorsExhausting() : ExhaustingRule("process_descriptors_exhausting", ResourceKind.ProcessFileDescriptors)
{
    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence = UsedAndForecast("descriptors_of_process", instance),
        Holders = instance.Holder is { } holder ? [holder] : [],
        Remedies = instance.Holder?.ProcessId is { } pid ? [new Remedy("raise_nofile_now", RemedyKind.Grace, $"prlimit --pid {pid} --nofile={instance.Limit * 2}:")] : [],
        Settings = ["fs.nr_open"],
    };
}
