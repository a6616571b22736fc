using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>How a look at one process ended. A process can be gone at any time: that is no error.</summary>
public enum ProcessAccess
{
    /// <summary>Read.</summary>
    Ok,

    /// <summary>It has ended.</summary>
    Gone,

    /// <summary>The kernel refused: another user's process, and a capability is missing; or it is hidden.</summary>
    Denied,
}

/// <summary>The processes of a proc file system, read through one kept directory and one kept buffer. For one thread at a time.</summary>
public sealed unsafe class ProcessTable : IDisposable
{
    private const int BufferSize = 32 * 1024;
    private const uint StatxUserInodeAndSize = 0x008 | 0x100 | 0x200;

    private readonly string root;
    private readonly byte[] rootBytes;
    private readonly DirectoryEntries entries = new(BufferSize);
    private readonly DirectoryEntries descriptors = new(BufferSize);
    private readonly byte[] nested = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
    private DescriptorHandle? directory;
    private bool? sizeIsCount;

    /// <summary>The processes below a root; nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    public ProcessTable(ProcFs proc)
    {
        ArgumentNullException.ThrowIfNull(proc);
        root = proc.Root;
        rootBytes = Encoding.UTF8.GetBytes(root + '\0');
    }

    /// <summary>
    /// Whether this kernel tells the number of descriptors as the size of <c>/proc/PID/fd</c> (Linux 6.2 and newer,
    /// fs/proc/fd.c:proc_fd_getattr). Found out by looking, not by version: distributions port changes back. Null until the first round.
    /// </summary>
    public bool? SizeIsDescriptorCount => sizeIsCount;

    /// <summary>
    /// Whether processes are hidden from this program: process 1 always is there, and where it is not shown, or the mount says so, others may not be either. Null where
    /// the root is no proc file system. Call after <see cref="Rewind"/>.
    /// </summary>
    /// <exception cref="KernelReadException">The options of the mount cannot be read.</exception>
    public bool? HidesProcesses()
    {
        if (!IsProc(directory!))
        {
            return null;
        }

        if (Stat("1\0"u8, out _) == ProcessAccess.Gone)
        {
            return true;
        }

        using var mounts = new ProcFile($"{root}/self/mountinfo");
        using var status = new ProcFile($"{root}/self/status");
        return MountInfo.FindOptions(mounts.Path, mounts.Read(), root.Length > 1 ? root.TrimEnd('/') : root) is { } options && ProcessVisibility.Hides(Encoding.UTF8.GetBytes(options), status.Read());
    }

    /// <summary>Whether the processes are those of the whole host, not of a process namespace within it. Null where the root is no proc file system, or that is hidden.</summary>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public bool? IsOfHost() => !IsProc(directory!) ? null
        : ReadFile(2, "stat"u8, out ReadOnlySpan<byte> content) switch
        {
            ProcessAccess.Ok => ProcessVisibility.IsKernelThread(content),
            ProcessAccess.Denied => null,
            _ => Stat("1\0"u8, out _) == ProcessAccess.Gone ? null : false,
        };

    /// <summary>Starts over at the first process.</summary>
    /// <exception cref="KernelReadException">The directory cannot be opened or read.</exception>
    public void Rewind()
    {
        entries.Clear();
        if (directory is null)
        {
            fixed (byte* path = rootBytes)
            {
                int descriptor = LibC.OpenAt(LibC.AtFdCwd, path, LibC.OpenReadOnly | LibC.DirectoryFlag | LibC.OpenCloseOnExec);
                directory = descriptor >= 0 ? new DescriptorHandle(descriptor) : throw KernelReadException.FromErrno(root, Marshal.GetLastPInvokeError());
            }
        }
        else if (LibC.LSeek(directory.Value, 0, LibC.SeekSet) < 0)
        {
            throw KernelReadException.FromErrno(root, Marshal.GetLastPInvokeError());
        }

        // Our own descriptors are never none, and older kernels say 0. Not to be compared with a listing, which leaves out the descriptors that a
        // thread blocked in open() or accept() has reserved: the runtime's debugger transport keeps such a thread in this very process.
        if (sizeIsCount is null && Stat("self/fd\0"u8, out LibC.StatxBuffer own) == ProcessAccess.Ok)
        {
            sizeIsCount = own.Size > 0 && IsProc(directory);
        }
    }

    /// <summary>Finds the next process.</summary>
    /// <param name="pid">Its process id (thread group id).</param>
    /// <returns>False after the last.</returns>
    /// <exception cref="KernelReadException">The directory cannot be read.</exception>
    public bool TryNext(out int pid)
    {
        while (entries.TryNext(directory!.Value, out DirectoryEntry entry))
        {
            ReadOnlySpan<byte> name = entry.Name;
            if (name[0] is >= (byte)'1' and <= (byte)'9' && Utf8Parser.TryParse(name, out pid, out int used) && used == name.Length)
            {
                return true;
            }
        }

        pid = 0;
        return false;
    }

    /// <summary>Looks at a process without listing anything: one system call on every kernel.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="identity">As in <see cref="CountDescriptors"/>.</param>
    /// <param name="user">The user it runs as; 0 also for a process that may not be dumped (proc(5)).</param>
    /// <param name="count">Its descriptors where <see cref="SizeIsDescriptorCount"/> holds, else null.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess Identify(int pid, out ulong identity, out uint user, out ulong? count)
    {
        Span<byte> path = stackalloc byte[32];
        PathOf(pid, "fd"u8, path);
        ProcessAccess access = Stat(path, out LibC.StatxBuffer status);
        identity = status.Inode;
        user = status.User;
        count = sizeIsCount == true ? status.Size : null;
        return access;
    }

    /// <summary>Counts the descriptors a process has open.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="count">How many.</param>
    /// <param name="identity">
    /// The inode number of its directory: while it stays the same, the process is the same, so that what was read of it can be kept. (A new
    /// number does not mean a new process: the kernel may have dropped the entry from its cache.)
    /// </param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess CountDescriptors(int pid, out ulong count, out ulong identity)
    {
        Span<byte> path = stackalloc byte[32];
        PathOf(pid, "fd"u8, path);
        ProcessAccess access = Stat(path, out LibC.StatxBuffer status);
        count = status.Size;
        identity = status.Inode;
        if (access != ProcessAccess.Ok || sizeIsCount == true)
        {
            return access;
        }

        return List(path, out count);
    }

    /// <summary>Reads the inode number of a file of a process, links followed.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="name">The file below the process's directory, at most 18 bytes.</param>
    /// <param name="inode">The number.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess ReadInode(int pid, ReadOnlySpan<byte> name, out ulong inode)
    {
        Span<byte> path = stackalloc byte[32];
        PathOf(pid, name, path);
        return ReadInode(path, out inode);
    }

    /// <summary>Reads the inode number of a file below the root.</summary>
    /// <param name="path">The path below the root, ended by NUL.</param>
    /// <param name="inode">The number.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess ReadInode(ReadOnlySpan<byte> path, out ulong inode)
    {
        ProcessAccess access = Stat(path, out LibC.StatxBuffer status);
        inode = status.Inode;
        return access;
    }

    /// <summary>Reads a small file of a process; the span holds until the next call on this object.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="name">The file below the process's directory.</param>
    /// <param name="content">The content, cut at 32 KiB.</param>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess ReadFile(int pid, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> content)
    {
        content = default;
        Span<byte> path = stackalloc byte[32];
        PathOf(pid, name, path);
        int file = Open(path, 0);
        if (file < 0)
        {
            return Failed(path);
        }

        try
        {
            int length = 0;
            fixed (byte* bytes = nested)
            {
                while (length < nested.Length)
                {
                    nint got = LibC.Read(file, bytes + length, nested.Length - length);
                    if (got < 0)
                    {
                        return Failed(path);
                    }

                    if (got == 0)
                    {
                        break;
                    }

                    length += (int)got;
                }
            }

            content = nested.AsSpan(0, length);
            return ProcessAccess.Ok;
        }
        finally
        {
            _ = LibC.Close(file);
        }
    }

    /// <summary>Closes the directory.</summary>
    public void Dispose()
    {
        directory?.Dispose();
        directory = null;
    }

    private static void PathOf(int pid, ReadOnlySpan<byte> name, Span<byte> path)
    {
        Utf8Formatter.TryFormat(pid, path, out int written);
        path[written++] = (byte)'/';
        name.CopyTo(path[written..]);
        path[written + name.Length] = 0;
    }

    private ProcessAccess List(ReadOnlySpan<byte> path, out ulong count)
    {
        count = 0;
        int list = Open(path, LibC.DirectoryFlag);
        if (list < 0)
        {
            return Failed(path);
        }

        try
        {
            descriptors.Clear();
            while (descriptors.TryNext(list, out DirectoryEntry entry))
            {
                count += entry.Name[0] is >= (byte)'0' and <= (byte)'9' ? 1u : 0u;
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return ProcessAccess.Gone;
        }
        finally
        {
            _ = LibC.Close(list);
        }

        return ProcessAccess.Ok;
    }

    // A copy of the tree on another file system has sizes of its own.
    private static bool IsProc(DescriptorHandle directory) =>
        LibC.FStatFs(directory.Value, out LibC.StatFsBuffer fileSystem) == 0 && fileSystem.Type == LibC.ProcSuperMagic;

    private ProcessAccess Stat(ReadOnlySpan<byte> path, out LibC.StatxBuffer status)
    {
        status = default;
        fixed (byte* bytes = path)
        fixed (LibC.StatxBuffer* buffer = &status)
        {
            return LibC.Statx(directory!.Value, bytes, 0, StatxUserInodeAndSize, buffer) == 0 ? ProcessAccess.Ok : Failed(path);
        }
    }

    // A plain number, not a handle to be collected: thousands are opened in a round, each closed before the next. Below 0 where it failed.
    private int Open(ReadOnlySpan<byte> path, int flags)
    {
        fixed (byte* bytes = path)
        {
            return LibC.OpenAt(directory!.Value, bytes, LibC.OpenReadOnly | LibC.OpenCloseOnExec | flags);
        }
    }

    private ProcessAccess Failed(ReadOnlySpan<byte> path)
    {
        int errno = Marshal.GetLastPInvokeError();
        return errno switch
        {
            Errno.NoEntry or Errno.NoProcess => ProcessAccess.Gone,
            Errno.NotPermitted or Errno.AccessDenied => ProcessAccess.Denied,
            _ => throw KernelReadException.FromErrno($"{root}/{Encoding.ASCII.GetString(path[..path.IndexOf((byte)0)])}", errno),
        };
    }
}
