using static ConnExporter.Kernel.Bpf.Register;

namespace ConnExporter.Kernel.Bpf;

/// <summary>What all programs have: who it was, and the addition to the map of counts.</summary>
/// <param name="program">The program.</param>
/// <param name="maps">The maps.</param>
/// <param name="key">Where on the stack the key is.</param>
/// <param name="number">Where on the stack there is room for a number.</param>
internal sealed class SymptomCounting(BpfAssembler program, SymptomMaps maps, int key, int number)
{
    private const int NameLength = SymptomKey.NameLength;
    private const int OnlyIfNew = 1;

    /// <summary>Counts what the key says, and ends.</summary>
    public Label Count { get; } = program.NewLabel();

    /// <summary>Ends.</summary>
    public Label End { get; } = program.NewLabel();

    /// <summary>Writes whose the calling context is: cgroup and name of the process (current->group_leader->comm; threads have names of their own).</summary>
    public void Owner(KernelLayout kernel, int at)
    {
        NoOwner(at);
        program.Call(Helper.GetCurrentCgroup);
        program.Store(Width.Double, Stack, at, R0);
        program.Call(Helper.GetCurrentTask);
        program.Move(R3, R0);
        program.Add(R3, kernel.GroupLeader);
        program.StackAddress(R1, number);
        program.MoveNumber(R2, 8);
        program.Call(Helper.ReadKernel);
        program.Load(Width.Double, R3, Stack, number);
        program.Add(R3, kernel.TaskName);
        program.StackAddress(R1, at + SymptomKey.NameOffset);
        program.MoveNumber(R2, NameLength);
        program.Call(Helper.ReadKernel);
    }

    /// <summary>Writes that nobody is known.</summary>
    public void NoOwner(int at)
    {
        for (int offset = 0; offset < SymptomMaps.OwnerLength; offset += 8)
        {
            program.StoreNumber(Width.Double, Stack, at + offset, 0);
        }
    }

    /// <summary>Writes what is counted; no error, no port.</summary>
    public void Kind(SymptomKind kind)
    {
        program.StoreNumber(Width.Double, Stack, key + SymptomKey.KindOffset, 0);
        program.StoreNumber(Width.Half, Stack, key + SymptomKey.KindOffset, (int)kind);
    }

    /// <summary>Counts an update that found no room, and ends.</summary>
    public void Lose(SymptomKind kind)
    {
        program.StoreNumber(Width.Word, Stack, number, (int)kind);
        AddLost();
    }

    /// <summary>Writes <see cref="Count"/> and <see cref="End"/>; the end of the program.</summary>
    public void Write()
    {
        Label found = program.NewLabel();
        program.Place(Count);
        Lookup();
        program.Jump(When.NotEqual, R0, 0, found);
        program.StoreNumber(Width.Double, Stack, number, 1);
        program.LoadMap(R1, maps.Counts.Value);
        program.StackAddress(R2, key);
        program.StackAddress(R3, number);
        program.MoveNumber(R4, OnlyIfNew);
        program.Call(Helper.MapUpdate);
        program.Jump(When.Equal, R0, 0, End);

        // Another processor was faster, or the map is full.
        Lookup();
        program.Jump(When.NotEqual, R0, 0, found);
        program.Load(Width.Half, R1, Stack, key + SymptomKey.KindOffset);
        program.Store(Width.Word, Stack, number, R1);
        AddLost();

        program.Place(found);
        program.MoveNumber(R1, 1);
        program.AtomicAdd(R0, 0, R1);
        program.Place(End);
        program.Exit();
    }

    private void Lookup()
    {
        program.LoadMap(R1, maps.Counts.Value);
        program.StackAddress(R2, key);
        program.Call(Helper.MapLookup);
    }

    private void AddLost()
    {
        program.LoadMap(R1, maps.Lost.Value);
        program.StackAddress(R2, number);
        program.Call(Helper.MapLookup);
        program.Jump(When.Equal, R0, 0, End);
        program.MoveNumber(R1, 1);
        program.AtomicAdd(R0, 0, R1);
        program.Jump(End);
    }
}
