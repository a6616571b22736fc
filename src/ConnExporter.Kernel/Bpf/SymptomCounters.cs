using System.Collections.Immutable;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Bpf;

/// <summary>How many keys the maps of the programs have at most, and how much of it is the kernel's memory.</summary>
/// <param name="Counts">Of what is counted: 80 bytes each and as much again.</param>
/// <param name="Pending">Of connects under way.</param>
public sealed record SymptomBounds(int Counts, int Pending)
{
    /// <summary>Some two megabytes.</summary>
    public static SymptomBounds Default { get; } = new(4096, 16_384);
}

/// <summary>
/// The programs in the kernel and what they have counted since they were loaded. They are gone, with their maps, when this is closed or the process ends,
/// however it ends: nothing is pinned. For one thread at a time.
/// </summary>
public sealed class SymptomCounters : IDisposable
{
    // Nobody listens there, as a rule; should somebody, the connect shows all the same.
    private const ushort PortOfTest = 1;

    private readonly SymptomMaps maps;
    private readonly List<(DescriptorHandle Program, DescriptorHandle Link)> programs = [];
    private readonly SymptomKey[] keys;
    private readonly ulong[] values;
    private readonly ulong[] lost = new ulong[SymptomMaps.Kinds];
    private int count;

    private SymptomCounters(SymptomMaps maps, int bound)
    {
        this.maps = maps;
        keys = new SymptomKey[bound];
        values = new ulong[bound];
    }

    /// <summary>The keys that there are, as of the last <see cref="Read"/>.</summary>
    public ReadOnlySpan<SymptomKey> Keys => keys.AsSpan(0, count);

    /// <summary>Their counts, in the same order.</summary>
    public ReadOnlySpan<ulong> Values => values.AsSpan(0, count);

    /// <summary>How many keys there can be.</summary>
    public int Bound => keys.Length;

    /// <summary>Where in the kernel is counted, and where not.</summary>
    public ImmutableArray<SymptomHook> Hooks { get; private set; } = [new("states", null)];

    /// <summary>Under which cgroup and name this process counts, as it was seen at the start; null where it could not be tried.</summary>
    public (ulong Cgroup, string Process)? Own { get; private set; }

    /// <summary>Loads the programs and tries them.</summary>
    /// <param name="proc">The proc file system, whose <c>self/status</c> says what may be missing.</param>
    /// <param name="sysRoot">Where sysfs is mounted.</param>
    /// <param name="bounds">How large the maps are.</param>
    /// <exception cref="KernelReadException">
    /// Absent: no BTF, no tracepoint, no bpf(2). Denied: without the capabilities, or refused by something else. Broken: the verifier refuses, or what is provoked is not counted.
    /// </exception>
    public static SymptomCounters Open(ProcFs proc, string sysRoot, SymptomBounds bounds)
    {
        ArgumentNullException.ThrowIfNull(bounds);
        KernelLayout layout = KernelBtf.Read(sysRoot, KernelLayout.Of);
        try
        {
            var counters = new SymptomCounters(SymptomMaps.Create(bounds.Counts, bounds.Pending), bounds.Counts);
            try
            {
                counters.Attach("conn_calls", StateProgram.Write(layout, counters.maps, StateSide.Calls), BpfSystem.AtTracepoint, layout.StateTracepoint);
                counters.Attach("conn_answers", StateProgram.Write(layout, counters.maps, StateSide.Answers), BpfSystem.AtTracepoint, layout.StateTracepoint);
                counters.Try();
                for (int i = 0; i < CallHook.All.Length; i++)
                {
                    counters.AttachTo(CallHook.All[i], layout, layout.Functions[i]);
                }

                return counters;
            }
            catch
            {
                counters.Dispose();
                throw;
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Denied)
        {
            throw new KernelReadException(FailureKind.Denied, e.Reason, $"{e.Message}: loading programs {Capabilities.Explain(Capabilities.Effective(proc), Capabilities.Bpf, Capabilities.PerfMon)}; before Linux 5.8 CAP_SYS_ADMIN, before 5.11 LimitMEMLOCK=infinity too", e);
        }
    }

    /// <summary>Reads all counts.</summary>
    /// <exception cref="KernelReadException">They cannot be read any more.</exception>
    public void Read()
    {
        count = BpfSystem.ReadAll(maps.Counts, keys.AsSpan(), values.AsSpan());
        for (uint kind = 0; kind < lost.Length; kind++)
        {
            lost[kind] = BpfSystem.TryLookup(maps.Lost, kind, out ulong value) ? value : 0;
        }

        foreach ((DescriptorHandle program, _) in programs)
        {
            lost[(int)SymptomKind.Missed] += BpfSystem.MissesOf(program);
        }
    }

    /// <summary>How many of a kind found no room in the maps.</summary>
    public ulong LostOf(SymptomKind kind) => lost[(int)kind];

    /// <summary>Gives up a key that has not moved for long, to make room. What is counted in this very moment is lost.</summary>
    /// <exception cref="KernelReadException">It cannot be removed.</exception>
    public void Forget(SymptomKey key) => BpfSystem.Delete(maps.Counts, key);

    /// <summary>Takes the programs out of the kernel.</summary>
    public void Dispose()
    {
        programs.ForEach(program => program.Link.Dispose());
        programs.ForEach(program => program.Program.Dispose());
        programs.Clear();
        maps.Dispose();
    }

    private void Attach(string name, byte[] instructions, uint at, uint target)
    {
        DescriptorHandle program = BpfSystem.LoadProgram(name, instructions, at, target);
        try
        {
            programs.Add((program, BpfSystem.Attach(name, program)));
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    // Not every kernel lets programs hang at its functions; what is counted elsewhere does not depend on it.
    private void AttachTo(CallHook hook, KernelLayout layout, (string Name, uint Id, int Parameters)? function)
    {
        KernelReadException? failure = null;
        try
        {
            (string name, uint id, int parameters) = function ?? throw new KernelReadException(FailureKind.Absent, "absent", $"this kernel has no function {hook.Functions[0]} that programs can hang at");
            using (DescriptorHandle program = BpfSystem.LoadProgram("conn_trial", hook.Write(layout, maps, parameters, isTrial: true), BpfSystem.AtFunctionEnd, id))
            {
                using DescriptorHandle link = BpfSystem.Attach("conn_trial", program);
                SymptomTrial.Provoke(hook.Kind);
            }

            if (!TakeTrial())
            {
                throw new KernelReadException(FailureKind.Broken, "internal", $"a program at {name} is not called: this kernel has it in its callers");
            }

            Attach("conn_" + hook.Name, hook.Write(layout, maps, parameters, isTrial: false), BpfSystem.AtFunctionEnd, id);
        }
        catch (KernelReadException e)
        {
            failure = e;
        }

        Hooks = Hooks.Add(new SymptomHook(hook.Name, failure));
    }

    // Whether this process was seen, where it is known how it looks; else whether anybody was.
    private bool TakeTrial()
    {
        Read();
        bool seen = false;
        foreach (SymptomKey key in Keys.ToArray().Where(key => key.Kind == SymptomKind.None))
        {
            seen |= Own is null || Own == (key.Cgroup, key.Process);
            Forget(key);
        }

        return seen;
    }

    // A connect() of this process on loopback, which nobody answers; what it counted is then taken out again.
    private void Try()
    {
        bool attempted;
        using (var probe = PortProbe.Open(PortOfTest))
        {
            attempted = probe?.Ask() is PortAnswer.None or PortAnswer.Found || probe?.Attempted == true;
        }

        Read();
        int[] seen = [.. Enumerable.Range(0, count).Where(index => keys[index].Port == PortOfTest && keys[index].Process.Length > 0)];
        if (seen.Length == 1)
        {
            SymptomKey key = keys[seen[0]];
            Own = (key.Cgroup, key.Process);
            Forget(key);
        }
        else if (attempted && seen.Length == 0)
        {
            throw new KernelReadException(FailureKind.Broken, "internal", "the program at inet_sock_set_state does not count a connect() of this process");
        }
    }
}
