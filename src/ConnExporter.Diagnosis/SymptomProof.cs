using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis;

/// <summary>
/// What programs in the kernel have counted of late (collector <c>symptoms</c>), as proof of what rules infer. Where they are off, or nothing has failed, there is none, and rules
/// go by what they infer. The counts are the whole host's: a port of a destination may be that of another network namespace, so that they prove a finding and never make one alone.
/// </summary>
internal static class SymptomProof
{
    private const string Port = "no_port port ";
    private const string Process = "no_port process ";
    private const string Descriptor = "emfile process ";
    private const string NoPort = "no_port";

    /// <summary>Feeds what rose. Each count begins with its first event.</summary>
    public static void Remember(Memory memory, SymptomsReading? symptoms)
    {
        foreach ((SymptomLabels labels, ulong count) in symptoms?.ConnectPorts ?? [])
        {
            if (labels.Second == NoPort)
            {
                memory.CountFromFirst(Port + labels.First, count);
            }
        }

        foreach ((SymptomLabels labels, ulong count) in symptoms?.Connects ?? [])
        {
            if (labels.Third == NoPort)
            {
                memory.CountFromFirst(NameOf(Process, labels), count);
            }
        }

        foreach ((SymptomLabels labels, ulong count) in symptoms?.Descriptors ?? [])
        {
            memory.CountFromFirst(NameOf(Descriptor, labels), count);
        }
    }

    /// <summary>How many connects to a port failed for want of an ephemeral port in the window; null where none is known to.</summary>
    public static Rise? WithoutPort(Observation seen, string port) => RiseOf(seen, Port + port);

    /// <summary>How many descriptors the processes of a name and unit did not get in the window; null where none is known to.</summary>
    public static Rise? WithoutDescriptor(Observation seen, string process, string unit) => RiseOf(seen, NameOf(Descriptor, new SymptomLabels(process, unit)));

    /// <summary>Says how many connects to a port failed, and of whom most of those that failed for that reason, to whichever port, were.</summary>
    public static IEnumerable<Fact> OfPort(Observation seen, string port)
    {
        if (WithoutPort(seen, port) is not { } rise)
        {
            yield break;
        }

        yield return new Fact("connects_without_port", ("count", (ulong)rise.Count), ("port", port), ("over", rise.Over));
        (SymptomLabels Labels, Rise Rise)[] processes =
        [
            .. (seen.Host.Symptoms?.Connects ?? [])
                .Where(row => row.Labels.Third == NoPort && row.Labels.First is not (Labels.Other or Labels.Unknown))
                .Select(row => (row.Labels, Rise: RiseOf(seen, NameOf(Process, row.Labels))))
                .Where(row => row.Rise is not null)
                .Select(row => (row.Labels, row.Rise!.Value))
                .OrderByDescending(row => row.Value.Count),
        ];
        if (processes.Length > 0)
        {
            (SymptomLabels labels, Rise most) = processes[0];
            yield return new Fact("connects_without_port_of", ("count", (ulong)most.Count), ("holder", ResourceInstance.NameOf(labels.First, labels.Second == Labels.None ? null : labels.Second)));
        }
    }

    /// <summary>Says how many descriptors were not given.</summary>
    public static IEnumerable<Fact> OfDescriptors(Observation seen, ProcessesReading.Row? row)
    {
        if (row is not null && WithoutDescriptor(seen, row.Process, row.Unit) is { } rise)
        {
            yield return new Fact("descriptors_refused", ("count", (ulong)rise.Count), ("instance", ResourceReadings.NameOf(row)), ("over", rise.Over));
        }
    }

    private static string NameOf(string prefix, SymptomLabels labels) => $"{prefix}{labels.First} of {labels.Second}";

    private static Rise? RiseOf(Observation seen, string name) => seen.Host.Symptoms is not null && seen.Host.Memory.RiseOf(name, seen.Thresholds.DropWindow) is { Count: > 0 } rise ? rise : null;
}
