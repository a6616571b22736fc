using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Namespaces;

/// <summary>An OS thread that goes into other network namespaces and comes back (setns(2), which is per thread). For one caller at a time.</summary>
/// <remarks>
/// A thread that cannot come back is thrown away: nothing else must ever run on it. What the work opens (sockets, files of <c>/proc</c>)
/// keeps the namespace alive after the thread has left, until it is closed (kernel-facts §7). Threads inherit the namespace of the thread
/// that starts them, so the work must start none; the runtime's own start theirs from elsewhere, but for the one that compiles in tiers,
/// which ends by itself after seconds and is not there in the published file.
/// </remarks>
public sealed unsafe class NamespaceThread : IDisposable
{
    /// <summary>What it takes to enter, for messages.</summary>
    public const string Needs = "entering a network namespace takes CAP_SYS_ADMIN, and CAP_SYS_PTRACE where another user's process is in it";

    private const int StackSize = 256 * 1024;
    private const uint StatxInode = 0x100;

    private readonly string homePath;
    private DescriptorHandle? home;
    private Worker? worker;

    /// <summary>A thread that is started by the first work.</summary>
    /// <param name="homePath">Our own network namespace, such as <c>/proc/self/ns/net</c>.</param>
    public NamespaceThread(string homePath) => this.homePath = homePath;

    /// <summary>Threads that could not come back so far.</summary>
    public int Lost { get; private set; }

    /// <summary>Enters a namespace, works there and comes back.</summary>
    /// <param name="path">The namespace: <c>/proc/PID/ns/net</c> or where it is mounted.</param>
    /// <param name="inode">Its inode number: what is at the path may have changed since it was found.</param>
    /// <param name="work">What to do there. What it throws is thrown here.</param>
    /// <returns>CPU time that the thread took.</returns>
    /// <exception cref="KernelReadException">Absent where it is gone; Denied with the capabilities that are missing.</exception>
    public TimeSpan Run(string path, ulong inode, Action work)
    {
        home ??= Open(homePath);
        worker ??= new Worker(home);
        var job = new Job(path, inode, work);
        worker.Do(job);
        if (job.CannotReturn)
        {
            Lost++;
            worker = null;
        }

        job.Failure?.Throw();
        return job.CpuTime;
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        worker?.End();
        worker = null;
        home?.Dispose();
        home = null;
    }

    private static DescriptorHandle Open(string path)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, bytes, LibC.OpenReadOnly | LibC.OpenCloseOnExec);
            if (descriptor >= 0)
            {
                return new DescriptorHandle(descriptor);
            }

            // EACCES is also what a process that has just ended gives (fs/proc/namespaces.c:proc_ns_get_link); then the link itself is gone too.
            int errno = Marshal.GetLastPInvokeError();
            LibC.StatxBuffer status;
            throw Failed(path, errno == Errno.AccessDenied && LibC.Statx(LibC.AtFdCwd, bytes, LibC.AtSymlinkNoFollow, StatxInode, &status) != 0 ? Marshal.GetLastPInvokeError() : errno);
        }
    }

    private static void Enter(Job job)
    {
        // Closed at once: from then on it is the thread that keeps the namespace.
        using DescriptorHandle target = Open(job.Path);
        LibC.StatxBuffer status;
        fixed (byte* empty = "\0"u8)
        {
            if (LibC.Statx(target.Value, empty, LibC.AtEmptyPath, StatxInode, &status) != 0)
            {
                throw Failed(job.Path, Marshal.GetLastPInvokeError());
            }
        }

        if (status.Inode != job.Inode)
        {
            throw new KernelReadException(FailureKind.Absent, "absent", $"{job.Path}: the network namespace {job.Inode} is no longer there");
        }

        if (LibC.SetNamespace(target.Value, LibC.CloneNewNet) != 0)
        {
            throw Failed($"setns({job.Path})", Marshal.GetLastPInvokeError());
        }
    }

    private static KernelReadException Failed(string what, int errno) => errno switch
    {
        Errno.NotPermitted or Errno.AccessDenied => new KernelReadException(FailureKind.Denied, "denied", $"{what}: not permitted (errno {errno}): {Needs}"),
        Errno.NoProcess => new KernelReadException(FailureKind.Absent, "absent", $"{what}: the process has ended"),

        // What is left of a mount point when the mount is gone.
        Errno.Invalid => new KernelReadException(FailureKind.Absent, "absent", $"{what}: this is no network namespace"),
        _ => KernelReadException.FromErrno(what, errno),
    };

    private sealed class Job(string path, ulong inode, Action work)
    {
        public string Path { get; } = path;

        public ulong Inode { get; } = inode;

        public bool IsDone { get; set; }

        public bool CannotReturn { get; private set; }

        public TimeSpan CpuTime { get; private set; }

        public ExceptionDispatchInfo? Failure { get; private set; }

        public void Run(DescriptorHandle home)
        {
            TimeSpan before = ThreadClock.CpuTime();
            try
            {
                Enter(this);
                try
                {
                    work();
                }
                finally
                {
                    CannotReturn = LibC.SetNamespace(home.Value, LibC.CloneNewNet) != 0;
                }
            }
            catch (Exception e)
            {
                // Thrown again by the thread that waits for the work.
                Failure = ExceptionDispatchInfo.Capture(e);
            }

            CpuTime = ThreadClock.CpuTime() - before;
        }
    }

    private sealed class Worker
    {
        private readonly object gate = new();
        private readonly DescriptorHandle home;
        private Job? next;
        private bool ended;

        public Worker(DescriptorHandle home)
        {
            this.home = home;
            new Thread(Loop, StackSize) { Name = "netns", IsBackground = true }.Start();
        }

        public void Do(Job job)
        {
            lock (gate)
            {
                next = job;
                Monitor.PulseAll(gate);
                while (!job.IsDone)
                {
                    Monitor.Wait(gate);
                }
            }
        }

        public void End()
        {
            lock (gate)
            {
                ended = true;
                Monitor.PulseAll(gate);
            }
        }

        private void Loop()
        {
            bool lost = false;
            while (!lost && Next() is { } job)
            {
                job.Run(home);
                lost = job.CannotReturn;
                lock (gate)
                {
                    job.IsDone = true;
                    Monitor.PulseAll(gate);
                }
            }
        }

        private Job? Next()
        {
            lock (gate)
            {
                while (!ended && next is null)
                {
                    Monitor.Wait(gate);
                }

                (Job? job, next) = (next, null);
                return ended ? null : job;
            }
        }
    }
}
