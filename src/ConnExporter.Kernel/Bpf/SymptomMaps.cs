namespace ConnExporter.Kernel.Bpf;

/// <summary>The maps that programs and daemon share. They are the kernel's for as long as somebody has them open: the programs, and this.</summary>
internal sealed class SymptomMaps : IDisposable
{
    /// <summary>Cgroup and name: the first part of a <see cref="SymptomKey"/>.</summary>
    public const int OwnerLength = SymptomKey.KindOffset;

    /// <summary>Where in what is remembered of a connect under way its error is.</summary>
    public const int PendingErrorOffset = OwnerLength;

    /// <summary>Cgroup, name, error.</summary>
    public const int PendingLength = OwnerLength + sizeof(ulong);

    /// <summary>One count for each kind.</summary>
    public const int Kinds = 16;

    private SymptomMaps(DescriptorHandle counts, DescriptorHandle pending, DescriptorHandle lost) => (Counts, Pending, Lost) = (counts, pending, lost);

    /// <summary>SymptomKey → u64.</summary>
    public DescriptorHandle Counts { get; }

    /// <summary>Sockets in SYN_SENT → cgroup and name of who called connect(), and the error that ended it once one program has seen that.</summary>
    public DescriptorHandle Pending { get; }

    /// <summary>What found no room in the others, by kind.</summary>
    public DescriptorHandle Lost { get; }

    /// <summary>Makes them.</summary>
    /// <param name="counts">Keys at most.</param>
    /// <param name="pending">Connects under way at most.</param>
    /// <exception cref="KernelReadException">They cannot be made.</exception>
    public static SymptomMaps Create(int counts, int pending)
    {
        var made = new List<DescriptorHandle>();
        try
        {
            made.Add(BpfSystem.CreateMap("conn_counts", BpfSystem.Hash, SymptomKey.Length, sizeof(ulong), counts));
            made.Add(BpfSystem.CreateMap("conn_pending", BpfSystem.Hash, sizeof(ulong), PendingLength, pending));
            made.Add(BpfSystem.CreateMap("conn_lost", BpfSystem.Array, sizeof(uint), sizeof(ulong), Kinds));
            return new SymptomMaps(made[0], made[1], made[2]);
        }
        catch
        {
            made.ForEach(map => map.Dispose());
            throw;
        }
    }

    /// <summary>Closes them.</summary>
    public void Dispose()
    {
        Counts.Dispose();
        Pending.Dispose();
        Lost.Dispose();
    }
}
