using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>The sockets that a process holds, by inode: <c>/proc/PID/fd</c> (proc(5)). Nothing is allocated for a descriptor. For one thread at a time.</summary>
/// <remarks>
/// About 4 µs a descriptor (kernel-facts §6), so each call is bounded by the room it is given. The links of other users' processes take
/// CAP_DAC_READ_SEARCH to open the directory and CAP_SYS_PTRACE to read them (fs/proc/base.c:proc_fd_access_allowed).
/// </remarks>
public sealed unsafe class ProcessSockets : IDisposable
{
    /// <summary>The position after the last descriptor.</summary>
    public const long End = -1;

    private const int ListBuffer = 8 * 1024;

    // A process has one or two for each of its threads.
    private const int RingBound = 256;

    // Two or three entries of a directory: what a sample needs.
    private const int SampleRoom = 96;

    // fs/proc/fd.c:proc_readfd_common: the position in the directory is the descriptor and two for "." and "..".
    private const int ProcOffset = 2;
    private static readonly string[] ToRead = ["CAP_SYS_PTRACE"];
    private static readonly string[] ToOpenAndRead = ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"];
    private readonly string root;
    private readonly byte[] rootBytes;
    private readonly DirectoryEntries entries = new(ListBuffer);
    private readonly List<int> rings = new(RingBound);
    private DescriptorHandle? directory;
    private bool isProc;

    /// <summary>The processes below a root; nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    public ProcessSockets(ProcFs proc)
    {
        ArgumentNullException.ThrowIfNull(proc);
        root = proc.Root;
        rootBytes = Encoding.UTF8.GetBytes(root + '\0');
    }

    /// <summary>Links looked at so far: the measure of what this costs.</summary>
    public long LinksRead { get; private set; }

    /// <summary>Descriptors of io_uring instances that the last call of <see cref="Read"/> came by; 256 at most.</summary>
    public IReadOnlyList<int> Rings => rings;

    /// <summary>Those of them for which there was no room.</summary>
    public int RingsLeftOut { get; private set; }

    /// <summary>What the last call with <see cref="ProcessAccess.Denied"/> was missing. Who may not open the directory may not read the links either.</summary>
    public IReadOnlyList<string> MissingCapabilities { get; private set; } = [];

    /// <summary>Reads the sockets among the next descriptors of a process.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="position">
    /// Where to go on: 0 for the first descriptor, then what the call before left here; <see cref="End"/> after the last. Descriptors that are
    /// opened or closed meanwhile may be missed, none is given twice.
    /// </param>
    /// <param name="inodes">Takes the inode numbers; at most as many descriptors are looked at as fit.</param>
    /// <param name="sockets">How many are in <paramref name="inodes"/>.</param>
    /// <param name="descriptors">How many descriptors were looked at.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess Read(int pid, ref long position, Span<uint> inodes, out int sockets, out int descriptors)
    {
        sockets = descriptors = 0;
        using DescriptorHandle? list = Open(pid, out ProcessAccess access);
        if (list is null)
        {
            return access;
        }

        entries.Clear();
        rings.Clear();
        RingsLeftOut = 0;
        if (position > 0 && LibC.LSeek(list.Value, position, LibC.SeekSet) < 0)
        {
            return Failed(pid, "lseek", []);
        }

        try
        {
            while (descriptors < inodes.Length)
            {
                if (!entries.TryNext(list.Value, out DirectoryEntry entry))
                {
                    position = End;
                    return ProcessAccess.Ok;
                }

                position = entry.Next;
                descriptors++;
                access = ReadLink(pid, list.Value, entry, out uint inode);
                if (access != ProcessAccess.Ok)
                {
                    return access;
                }

                if (inode != 0)
                {
                    inodes[sockets++] = inode;
                }
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return ProcessAccess.Gone;
        }

        return ProcessAccess.Ok;
    }

    /// <summary>
    /// Reads the sockets in the table of an io_uring instance (IORING_REGISTER_FILES, direct descriptors): these have no descriptor. Linux 6.x lists them in
    /// <c>/proc/PID/fdinfo/FD</c> (io_uring/fdinfo.c), older kernels without their inodes.
    /// </summary>
    /// <param name="pid">The process.</param>
    /// <param name="ring">Of <see cref="Rings"/>.</param>
    /// <param name="inodes">Takes the inode numbers.</param>
    /// <param name="count">How many are in <paramref name="inodes"/>.</param>
    /// <returns>False where that may not be all: there is no room for more, or the kernel does not show the table, as while the instance is at work (it only tries for its lock).</returns>
    /// <exception cref="KernelReadException">Denied; Broken for any other errno.</exception>
    public bool ReadRegistered(int pid, int ring, Span<uint> inodes, out int count)
    {
        count = 0;
        bool isShown = false;
        bool isInTable = false;
        using var file = new LineFile($"{root}/{pid}/fdinfo/{ring}");
        try
        {
            file.Rewind();
            while (file.TryNextLine(out ReadOnlySpan<byte> line))
            {
                // Each line costs as much as a link, whatever it is of.
                LinksRead++;
                if (line.StartsWith("UserFiles:"u8))
                {
                    // Slots; those that are empty have no line. Where there are slots and no line at all, older kernels did not get the lock.
                    isInTable = true;
                    isShown = line.EndsWith("\t0"u8);
                    continue;
                }

                isInTable &= TargetOf(line).Length > 0;
                isShown |= isInTable;
                uint inode = isInTable ? ParseRegistered(line) : 0;
                if (inode != 0 && count == inodes.Length)
                {
                    return false;
                }

                if (inode != 0)
                {
                    inodes[count++] = inode;
                }
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return true;
        }

        return isShown;
    }

    /// <summary>The inode number in a line of an io_uring instance's table, <c>    1: socket:[4711]</c>; 0 where it is none.</summary>
    /// <param name="line">The line without its end.</param>
    public static uint ParseRegistered(ReadOnlySpan<byte> line) => ParseTarget(TargetOf(line));

    // What stands behind the number of a slot; empty where the line is none of the table.
    private static ReadOnlySpan<byte> TargetOf(ReadOnlySpan<byte> line)
    {
        int colon = line.IndexOf((byte)':');
        return colon > 0 && colon + 2 < line.Length && line[colon + 1] == (byte)' ' && Fields.TryNumber(line[..colon].TrimStart((byte)' '), out _) ? line[(colon + 2)..] : [];
    }

    /// <summary>Looks at a few descriptors spread over all that a process has, to guess what it holds.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="count">How many descriptors it has.</param>
    /// <param name="seed">Another number, other descriptors.</param>
    /// <param name="inodes">Takes the inode numbers; its length is how many descriptors to look at.</param>
    /// <param name="sockets">How many are in <paramref name="inodes"/>.</param>
    /// <param name="descriptors">How many descriptors were looked at.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess Sample(int pid, ulong count, uint seed, Span<uint> inodes, out int sockets, out int descriptors)
    {
        sockets = descriptors = 0;
        using DescriptorHandle? list = Open(pid, out ProcessAccess access);
        if (list is null)
        {
            return access;
        }

        try
        {
            // Numbers are handed out from the lowest free one, so they are as good as dense. On other file systems positions mean nothing: there
            // the first entries must do.
            ulong stride = count / (ulong)inodes.Length;
            bool spread = isProc && stride > 1;
            entries.Clear();
            for (int i = 0; i < inodes.Length; i++)
            {
                if (spread)
                {
                    entries.Clear();
                    long descriptor = (long)(((ulong)i * stride) + (seed % stride));
                    if (LibC.LSeek(list.Value, descriptor + ProcOffset, LibC.SeekSet) < 0)
                    {
                        return Failed(pid, "lseek", []);
                    }
                }

                if (!entries.TryNext(list.Value, out DirectoryEntry entry, spread ? SampleRoom : int.MaxValue))
                {
                    break;
                }

                descriptors++;
                access = ReadLink(pid, list.Value, entry, out uint inode);
                if (access != ProcessAccess.Ok)
                {
                    return access;
                }

                if (inode != 0)
                {
                    inodes[sockets++] = inode;
                }
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return ProcessAccess.Gone;
        }

        return ProcessAccess.Ok;
    }

    /// <summary>The inode number in the target of a descriptor's link, <c>socket:[4711]</c>; 0 where it is no socket.</summary>
    /// <param name="target">What readlink gave.</param>
    public static uint ParseTarget(ReadOnlySpan<byte> target)
    {
        ReadOnlySpan<byte> start = "socket:["u8;
        if (!target.StartsWith(start) || target[^1] != (byte)']')
        {
            return 0;
        }

        // sock_diag has the low 32 bits of the number (struct inet_diag_msg).
        return Fields.TryNumber(target[start.Length..^1], out ulong inode) ? (uint)inode : 0;
    }

    /// <summary>Closes the directory.</summary>
    public void Dispose()
    {
        directory?.Dispose();
        directory = null;
    }

    private ProcessAccess ReadLink(int pid, int list, DirectoryEntry entry, out uint inode)
    {
        const int Enough = 32;
        byte* target = stackalloc byte[Enough];
        inode = 0;
        LinksRead++;
        fixed (byte* name = entry.NameAndNul)
        {
            nint length = LibC.ReadLinkAt(list, name, target, Enough);
            if (length >= 0)
            {
                var text = new ReadOnlySpan<byte>(target, (int)length);
                inode = ParseTarget(text);
                if (inode == 0 && text.SequenceEqual("anon_inode:[io_uring]"u8) && Utf8Parser.TryParse(entry.Name, out int descriptor, out _))
                {
                    if (rings.Count < RingBound)
                    {
                        rings.Add(descriptor);
                    }
                    else
                    {
                        RingsLeftOut++;
                    }
                }

                return ProcessAccess.Ok;
            }
        }

        // Closed meanwhile; or, in a copy of the tree, no link at all.
        return Marshal.GetLastPInvokeError() is Errno.NoEntry or Errno.Invalid
            ? ProcessAccess.Ok
            : Failed(pid, "readlink", ToRead);
    }

    private DescriptorHandle? Open(int pid, out ProcessAccess access)
    {
        if (directory is null)
        {
            fixed (byte* path = rootBytes)
            {
                int descriptor = LibC.OpenAt(LibC.AtFdCwd, path, LibC.OpenReadOnly | LibC.DirectoryFlag | LibC.OpenCloseOnExec);
                directory = descriptor >= 0 ? new DescriptorHandle(descriptor) : throw KernelReadException.FromErrno(root, Marshal.GetLastPInvokeError());
            }

            isProc = LibC.FStatFs(directory.Value, out LibC.StatFsBuffer fileSystem) == 0 && fileSystem.Type == LibC.ProcSuperMagic;
        }

        Span<byte> name = stackalloc byte[32];
        Utf8Formatter.TryFormat(pid, name, out int written);
        "/fd\0"u8.CopyTo(name[written..]);
        fixed (byte* path = name)
        {
            int descriptor = LibC.OpenAt(directory.Value, path, LibC.OpenReadOnly | LibC.DirectoryFlag | LibC.OpenCloseOnExec);
            access = descriptor >= 0 ? ProcessAccess.Ok : Failed(pid, "open", ToOpenAndRead);
            return descriptor >= 0 ? new DescriptorHandle(descriptor) : null;
        }
    }

    private ProcessAccess Failed(int pid, string call, string[] capabilities)
    {
        int errno = Marshal.GetLastPInvokeError();
        switch (errno)
        {
            case Errno.NoEntry or Errno.NoProcess:
                return ProcessAccess.Gone;
            case Errno.NotPermitted or Errno.AccessDenied:
                MissingCapabilities = capabilities;
                return ProcessAccess.Denied;
            default:
                throw KernelReadException.FromErrno($"{root}/{pid}/fd: {call}", errno);
        }
    }
}
