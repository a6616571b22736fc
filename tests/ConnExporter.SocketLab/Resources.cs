namespace ConnExporter.SocketLab;

/// <summary>What the kernel lets this process have.</summary>
internal static unsafe class Resources
{
    /// <summary>Room beside the sockets: the runtime's own descriptors, and raw sockets.</summary>
    private const int Spare = 256;

    /// <summary>Raises RLIMIT_NOFILE as far as permitted.</summary>
    /// <returns>How many sockets this process can hold, at most <paramref name="wanted"/>.</returns>
    public static int AllowSockets(int wanted)
    {
        ulong needed = (ulong)wanted + Spare;
        LibC.Limit had;
        LibC.Check(LibC.ResourceLimit(0, LibC.ResourceFiles, null, &had), "prlimit(RLIMIT_NOFILE)");
        if (had.Soft >= needed)
        {
            return wanted;
        }

        // The hard limit first: raising it takes CAP_SYS_RESOURCE and stops at fs.nr_open.
        ulong ceiling = ulong.Parse(File.ReadAllText("/proc/sys/fs/nr_open"));
        var limit = new LibC.Limit { Soft = Math.Min(needed, ceiling), Hard = Math.Max(had.Hard, Math.Min(needed, ceiling)) };
        if (LibC.ResourceLimit(0, LibC.ResourceFiles, &limit, null) == 0)
        {
            return (int)Math.Min((ulong)wanted, limit.Soft - Spare);
        }

        limit = new LibC.Limit { Soft = had.Hard, Hard = had.Hard };
        LibC.Check(LibC.ResourceLimit(0, LibC.ResourceFiles, &limit, null), "prlimit(RLIMIT_NOFILE)");
        return (int)Math.Min((ulong)wanted, had.Hard - Spare);
    }

    /// <summary>A sysctl of one number, of this network namespace or of the host.</summary>
    public static long Sysctl(string name, long fallback)
    {
        string path = "/proc/sys/" + name;
        return File.Exists(path) ? long.Parse(File.ReadAllText(path).AsSpan().Trim()) : fallback;
    }
}
