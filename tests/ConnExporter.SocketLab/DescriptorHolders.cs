namespace ConnExporter.SocketLab;

/// <summary>Many small processes with many descriptors each.</summary>
public sealed unsafe class DescriptorHolders : IDisposable
{
    private readonly Leash leash;

    /// <summary>No process yet.</summary>
    /// <param name="program">A program that ends when its stdin does.</param>
    public DescriptorHolders(string program) => leash = new Leash(program);

    /// <summary>The processes.</summary>
    public IReadOnlyList<int> Processes => leash.Processes;

    /// <summary>Starts them.</summary>
    /// <param name="count">How many processes.</param>
    /// <param name="descriptors">Descriptors of each, the three standard ones included.</param>
    /// <param name="limit">Their RLIMIT_NOFILE; 0 leaves it as it is.</param>
    public void Start(int count, int descriptors, int limit)
    {
        const int Standard = 3;
        int inherited = Math.Max(0, descriptors - Standard);
        if (Resources.AllowSockets(inherited) < inherited)
        {
            throw new InvalidOperationException($"{descriptors} descriptors are more than RLIMIT_NOFILE permits");
        }

        int[] open = new int[inherited];
        for (int i = 0; i < inherited; i++)
        {
            open[i] = LibC.Check(LibC.Open("/dev/null", LibC.OpenReadOnly), "open(/dev/null)");
        }

        for (int i = 0; i < count; i++)
        {
            int process = leash.Spawn();
            if (limit > 0)
            {
                var wanted = new LibC.Limit { Soft = (ulong)limit, Hard = (ulong)limit };
                LibC.Check(LibC.ResourceLimit(process, LibC.ResourceFiles, &wanted, null), "prlimit(RLIMIT_NOFILE)");
            }
        }

        foreach (int descriptor in open)
        {
            Tcp.Close(descriptor);
        }
    }

    /// <summary>Lets them end and waits for each.</summary>
    public void Dispose() => leash.Dispose();
}
