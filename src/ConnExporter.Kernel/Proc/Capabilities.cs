namespace ConnExporter.Kernel.Proc;

/// <summary>The capabilities that this process has in effect, so that one that is there is not called missing. Bits: linux/capability.h.</summary>
public static unsafe class Capabilities
{
    /// <summary>Bypass file read permission checks and directory read and execute permission checks.</summary>
    public const string DacReadSearch = "CAP_DAC_READ_SEARCH";

    /// <summary>Bind a port below net.ipv4.ip_unprivileged_port_start.</summary>
    public const string NetBindService = "CAP_NET_BIND_SERVICE";

    /// <summary>Load programs into the kernel and make their maps (Linux 5.8 and newer; before, CAP_SYS_ADMIN).</summary>
    public const string Bpf = "CAP_BPF";

    /// <summary>Watch what the kernel does: tracepoints, and what its memory holds for the programs that hang there (as above).</summary>
    public const string PerfMon = "CAP_PERFMON";

    /// <summary>Look into processes of others.</summary>
    public const string SysPtrace = "CAP_SYS_PTRACE";

    /// <summary>setns() and much else.</summary>
    public const string SysAdmin = "CAP_SYS_ADMIN";

    private static readonly (string Name, int Bit)[] Bits = [(DacReadSearch, 2), (NetBindService, 10), (SysPtrace, 19), (SysAdmin, 21), (PerfMon, 38), (Bpf, 39)];

    /// <summary>The mask of those in effect (CapEff).</summary>
    /// <param name="proc">The proc file system; its <c>self/status</c> tells.</param>
    /// <returns>Null where it does not tell.</returns>
    public static ulong? Effective(ProcFs proc)
    {
        ArgumentNullException.ThrowIfNull(proc);
        using ProcFile status = proc.File("self/status");
        try
        {
            return Parse(status.Read());
        }
        catch (KernelReadException)
        {
            // It is only asked for to say what is missing; then that stays unknown, and is said to be.
            return null;
        }
    }

    /// <summary>
    /// Takes CAP_NET_ADMIN out of effect for the calling thread: sock_diag then leaves the mark out of each record (<c>INET_DIAG_MARK</c>), which makes a dump 6 % cheaper. The thread may
    /// take it back; nothing here does.
    /// </summary>
    /// <returns>Whether it is out of effect; false where the kernel does not let it go, which costs nothing but time.</returns>
    public static bool DropNetAdminFromThread()
    {
        const uint Version = 0x20080522;
        const uint NetAdmin = 1 << 12;
        const uint Ptrace = 1 << 19;
        const int Words = 6;
        uint* header = stackalloc uint[2] { Version, 0 };

        // Two of struct __user_cap_data_struct: effective, permitted, inheritable.
        uint* data = stackalloc uint[Words];
        // Without the right to look into any process, those that have more than the thread has in effect would be closed to it.
        if (LibC.CapGet(header, data) != 0 || (data[0] & Ptrace) == 0)
        {
            return false;
        }

        data[0] &= ~NetAdmin;
        return LibC.CapSet(header, data) == 0;
    }

    /// <summary>Why something was refused that takes capabilities, as far as that is known.</summary>
    /// <param name="effective">The capabilities in effect; null where that is not known.</param>
    /// <param name="needed">Those that it takes.</param>
    /// <returns>Such as <c>takes CAP_SYS_PTRACE and CAP_SYS_ADMIN; this process lacks CAP_SYS_ADMIN</c>.</returns>
    public static string Explain(ulong? effective, params IReadOnlyCollection<string> needed) => $"takes {string.Join(" and ", needed)}{Known(effective, needed)}";

    /// <summary>Which of them are missing: the end of a sentence that says what something takes.</summary>
    /// <param name="effective">The capabilities in effect; null where that is not known.</param>
    /// <param name="needed">Those that it takes.</param>
    /// <returns>Such as <c>; this process lacks CAP_SYS_ADMIN</c>; nothing where it is not known.</returns>
    public static string Known(ulong? effective, params IReadOnlyCollection<string> needed)
    {
        if (effective is not { } mask)
        {
            return "";
        }

        string[] missing = [.. needed.Where(name => !Has(mask, name))];
        return missing.Length > 0
            ? $"; this process lacks {string.Join(" and ", missing)}"
            : $"; this process has {(needed.Count > 1 ? "them" : "it")}, and what refused it all the same is not known (another user namespace, a security module or a sandbox can)";
    }

    /// <summary>Whether a capability is in a mask.</summary>
    /// <param name="effective">The mask.</param>
    /// <param name="name">One of the names above.</param>
    public static bool Has(ulong effective, string name) => (effective >> Array.Find(Bits, known => known.Name == name).Bit & 1) != 0;

    /// <summary>Finds CapEff in the content of <c>/proc/PID/status</c>.</summary>
    internal static ulong? Parse(ReadOnlySpan<byte> content)
    {
        var lines = new Lines(content);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            if (line.StartsWith("CapEff:"u8))
            {
                return System.Buffers.Text.Utf8Parser.TryParse(line["CapEff:"u8.Length..].Trim(" \t"u8), out ulong mask, out int used, 'x') && used > 0 ? mask : null;
            }
        }

        return null;
    }
}
