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

    /// <summary>Enters one namespace, works there and comes back.</summary>
    /// <param name="path">The namespace: <c>/proc/PID/ns/net</c> or where it is mounted.</param>
    /// <param name="inode">Its inode number: what is at the path may have changed since it was found.</param>
    /// <param name="work">What to do there. What it throws is thrown here.</param>
    /// <returns>CPU time that the thread took.</returns>
    /// <exception cref="KernelReadException">Absent where it is gone; Denied with the capabilities that are missing.</exception>
    public TimeSpan Run(string path, ulong inode, Action work)
    {
        KernelReadException? refusal = null;
        NamespaceVisit? visit = new(path, inode, work, e => refusal = e);
        TimeSpan spent = Run(_ =>
        {
            NamespaceVisit? next = visit;
            visit = null;
            return next;
        });
        return refusal is null ? spent : throw refusal;
    }

    /// <summary>Goes from one namespace to the next, works in each and comes back from the last.</summary>
    /// <param name="next">
    /// Asked by the thread for the next visit, with the CPU time that the tour has taken so far; null ends it. What it or the work throws ends the tour and is
    /// thrown here.
    /// </param>
    /// <returns>CPU time that the thread took.</returns>
    /// <exception cref="KernelReadException">Our own namespace cannot be opened.</exception>
    public TimeSpan Run(Func<TimeSpan, NamespaceVisit?> next)
    {
        home ??= Open(homePath);
        worker ??= new Worker(home);
        var job = new Job(next);
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

    private static DescriptorHandle Open(string path, byte[]? raw = null)
    {
        fixed (byte* bytes = raw is null ? Encoding.UTF8.GetBytes(path + '\0') : [.. raw, 0])
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

    private static void Enter(NamespaceVisit visit)
    {
        if (visit.Path is not { } place)
        {
            throw new KernelReadException(FailureKind.Denied, "denied", $"the network namespace of a process: not permitted: {Needs}");
        }

        // Closed at once: from then on it is the thread that keeps the namespace.
        using DescriptorHandle target = Open(place, visit.RawPath);
        LibC.StatxBuffer status;
        fixed (byte* empty = "\0"u8)
        {
            if (LibC.Statx(target.Value, empty, LibC.AtEmptyPath, StatxInode, &status) != 0)
            {
                throw Failed(place, Marshal.GetLastPInvokeError());
            }
        }

        if (status.Inode != visit.Inode)
        {
            throw new KernelReadException(FailureKind.Absent, "absent", $"{place}: the network namespace {visit.Inode} is no longer there");
        }

        if (LibC.SetNamespace(target.Value, LibC.CloneNewNet) != 0)
        {
            throw Failed($"setns({place})", Marshal.GetLastPInvokeError());
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

    private sealed class Job(Func<TimeSpan, NamespaceVisit?> next)
    {
        public bool IsDone { get; set; }

        public bool CannotReturn { get; private set; }

        public TimeSpan CpuTime { get; private set; }

        public ExceptionDispatchInfo? Failure { get; private set; }

        public void Run(DescriptorHandle home)
        {
            TimeSpan before = ThreadClock.CpuTime();
            bool isAway = false;
            try
            {
                while (next(ThreadClock.CpuTime() - before) is { } visit)
                {
                    if (TryEnter(visit))
                    {
                        isAway = true;
                        visit.Work();
                    }
                }
            }
            catch (Exception e)
            {
                // Thrown again by the thread that waits for the work.
                Failure = ExceptionDispatchInfo.Capture(e);
            }
            finally
            {
                CannotReturn = isAway && LibC.SetNamespace(home.Value, LibC.CloneNewNet) != 0;
            }

            CpuTime = ThreadClock.CpuTime() - before;
        }

        private static bool TryEnter(NamespaceVisit visit)
        {
            try
            {
                Enter(visit);
                return true;
            }
            catch (KernelReadException e)
            {
                // The thread is where it was.
                visit.Refused(e);
                return false;
            }
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

/// <summary>One stop of a tour through network namespaces.</summary>
/// <param name="Path">The namespace: <c>/proc/PID/ns/net</c> or where it is mounted; null where that may not even be seen, which is a refusal.</param>
/// <param name="Inode">Its inode number: what is at the path may have changed since it was found.</param>
/// <param name="Work">What to do there.</param>
/// <param name="Refused">Told where it is gone (Absent) or may not be entered (Denied, with the capabilities that are missing).</param>
public sealed record NamespaceVisit(string? Path, ulong Inode, Action Work, Action<KernelReadException> Refused)
{
    /// <summary>The bytes of a path that are no UTF-8; null for all others.</summary>
    public byte[]? RawPath { get; init; }
}
