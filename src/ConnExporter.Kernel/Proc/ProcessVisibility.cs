namespace ConnExporter.Kernel.Proc;

/// <summary>Whose processes a proc file system shows: mount options (<c>hidepid</c>), and the process namespace that it was mounted in.</summary>
public static class ProcessVisibility
{
    private const int PtraceCapability = 19;
    private const uint KernelThread = 0x0020_0000;

    /// <summary>Whether the options of a mount hide the processes of others from whoever has no right to trace them.</summary>
    /// <param name="options">Such as <c>rw,gid=4,hidepid=invisible</c>; before Linux 5.8 <c>hidepid=2</c> (fs/proc/root.c:proc_show_options).</param>
    /// <param name="status">The content of <c>/proc/self/status</c> of whoever looks.</param>
    /// <returns>
    /// False too for <c>hidepid=1</c> (<c>noaccess</c>): those are seen and refused. An exempted group counts only where the kernel lets it, which is not with
    /// <c>ptraceable</c> (fs/proc/base.c:has_pid_permissions).
    /// </returns>
    public static bool Hides(ReadOnlySpan<byte> options, ReadOnlySpan<byte> status)
    {
        bool hides = false;
        bool exempts = true;
        ReadOnlySpan<byte> group = "0"u8;
        foreach (Range part in options.Split((byte)','))
        {
            ReadOnlySpan<byte> option = options[part];
            if (option.StartsWith("hidepid="u8))
            {
                ReadOnlySpan<byte> mode = option["hidepid="u8.Length..];
                exempts = !(mode.SequenceEqual("ptraceable"u8) || mode.SequenceEqual("4"u8));
                hides = !exempts || mode.SequenceEqual("invisible"u8) || mode.SequenceEqual("2"u8);
            }
            else if (option.StartsWith("gid="u8))
            {
                group = option["gid="u8.Length..];
            }
        }

        return hides && !HasCapability(status, PtraceCapability) && !(exempts && IsInGroup(status, group));
    }

    /// <summary>Whether process 2 is a kernel thread: then what is shown is the host's first process namespace, in which alone they are.</summary>
    /// <param name="stat">The content of <c>/proc/2/stat</c>.</param>
    public static bool IsKernelThread(ReadOnlySpan<byte> stat)
    {
        // "2 (kthreadd) S 0 0 0 0 -1 2129984 ...": the name may hold anything.
        var fields = new Fields(stat[(stat.LastIndexOf((byte)')') + 1)..]);
        for (int skipped = 0; skipped < 6; skipped++)
        {
            if (!fields.TryNext(out _))
            {
                return false;
            }
        }

        return fields.TryNextNumber(out ulong flags) && (flags & KernelThread) != 0;
    }

    private static bool HasCapability(ReadOnlySpan<byte> status, int number) =>
        Find(status, "CapEff:"u8) is { IsEmpty: false } value && Fields.TryHexNumber(value.Trim("\t "u8), out ulong effective) && ((effective >> number) & 1) != 0;

    private static bool IsInGroup(ReadOnlySpan<byte> status, ReadOnlySpan<byte> group)
    {
        // Of the four of Gid the last is that of the file system's checks.
        var own = new Fields(Find(status, "Gid:"u8));
        for (int i = 0; own.TryNext(out ReadOnlySpan<byte> one); i++)
        {
            if (i == 3 && one.SequenceEqual(group))
            {
                return true;
            }
        }

        var others = new Fields(Find(status, "Groups:"u8));
        while (others.TryNext(out ReadOnlySpan<byte> one))
        {
            if (one.SequenceEqual(group))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> status, ReadOnlySpan<byte> name)
    {
        foreach (Range line in status.Split((byte)'\n'))
        {
            if (status[line].StartsWith(name))
            {
                return status[line][name.Length..];
            }
        }

        return default;
    }
}
