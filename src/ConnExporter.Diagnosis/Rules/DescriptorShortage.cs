using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>That accept() fails, because who listens can open nothing any more: EMFILE at its own limit, ENFILE at that of the host. Then the accept queue fills, however long it is.</summary>
/// <param name="Cause">The finding that this is.</param>
/// <param name="Evidence">What was seen.</param>
/// <param name="Remedies">What helps.</param>
internal sealed record DescriptorShortage(ProvenCause Cause, Fact Evidence, IEnumerable<Remedy> Remedies)
{
    // A connection that was closed between the two looks leaves a descriptor free, a few do on a busy server; more than that accept() can use.
    private const ulong Hundredth = 100;
    private const ulong Most = 8;

    /// <summary>Looks at who listens.</summary>
    /// <returns>Null where it has descriptors left, or that is not known.</returns>
    public static DescriptorShortage? Of(Observation seen, ListenersReading.Row listener)
    {
        if (seen.ListenerOf(listener.Address, listener.Port) is not { } counted)
        {
            return null;
        }

        if (seen.Host.Processes?.Rows.FirstOrDefault(row => row.WorstProcessId is not null && IsOut(row) && IsOf(row, counted)) is { WorstProcessId: { } pid } row)
        {
            ResourceInstance instance = seen.Host.Find(ResourceKind.ProcessFileDescriptors)?.Instances.FirstOrDefault(one => one.Name == ResourceReadings.NameOf(row) && one.Holder?.ProcessId == pid)
                ?? new ResourceInstance(ResourceKind.ProcessFileDescriptors, seen.Host.Netns, ResourceReadings.NameOf(row), row.Worst, row.WorstLimit);
            return new(
                new ProvenCause("process_descriptors_exhausting") { Holder = Holder.Of(row.Process, row.Unit).Label },
                new Fact("listener_out_of_descriptors", ("process", new OutsideName(row.Process)), ("pid", $"{pid}"), ("used", row.Worst), ("limit", row.WorstLimit)),
                DescriptorRemedies.Of(seen.Host, instance, row));
        }

        return seen.Host is { Descriptors.Counts: { } counts } host && counts.Allocated >= counts.Limit && host.Find(ResourceKind.FileDescriptors)?.Worst is { } all
            ? new(
                new ProvenCause("system_descriptors_exhausting"),
                new Fact("host_out_of_descriptors", ("used", counts.Allocated), ("limit", counts.Limit)),
                SystemDescriptorsExhausting.Remedies(host, Severity.Critical, all))
            : null;
    }

    private static bool IsOut(ProcessesReading.Row row) => row.Worst + Math.Clamp(row.WorstLimit / Hundredth, 1, Most) >= row.WorstLimit && row.Worst > 0;

    /// <summary>That another process of the same name and unit is out of descriptors: a worker that shares the listener, of which only one holder is named, or a program of its own.</summary>
    /// <returns>None where there is no such process.</returns>
    public static IEnumerable<Fact> OfAnother(Observation seen, ListenersReading.Row listener) =>
        seen.ListenerOf(listener.Address, listener.Port) is { Owner: { } owner } counted
            && seen.Host.Processes?.Rows.FirstOrDefault(row => row.WorstProcessId is not null && row.WorstProcessId != owner.Pid && IsOut(row) && row.Process == counted.Process && row.Unit == counted.Unit) is { } row
            ? [new Fact("another_out_of_descriptors", ("process", new OutsideName(row.Process)), ("pid", $"{row.WorstProcessId}"), ("owner", $"{owner.Pid}"), ("used", row.Worst), ("limit", row.WorstLimit))]
            : [];

    // The process itself: two of one name and unit may have nothing to do with each other.
    private static bool IsOf(ProcessesReading.Row row, CensusReading.ListenerRow listener) => listener.Owner is { } owner && owner.Pid == row.WorstProcessId;
}
