using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.SocketLab;

/// <summary>Many small processes with many descriptors each.</summary>
/// <remarks>
/// Each is a <c>cat</c> that reads from one pipe whose other end only this process has: when this process goes, in whatever way, they read
/// the end of the file and go too. Descriptors are this process's own, left open across exec.
/// </remarks>
public sealed unsafe class DescriptorHolders : IDisposable
{
    /// <summary>glibc's posix_spawn_file_actions_t has 80 bytes.</summary>
    private const int ActionsSize = 256;
    private readonly List<int> processes = [];
    private int leash = -1;

    /// <summary>The processes.</summary>
    public IReadOnlyList<int> Processes => processes;

    /// <summary>Starts them.</summary>
    /// <param name="count">How many processes.</param>
    /// <param name="descriptors">Descriptors of each, the three standard ones included.</param>
    /// <param name="limit">Their soft RLIMIT_NOFILE; 0 leaves it as it is.</param>
    /// <param name="program">A program that ends when its stdin does.</param>
    public void Start(int count, int descriptors, int limit, string program)
    {
        const int Standard = 3;
        int inherited = Math.Max(0, descriptors - Standard);
        if (Resources.AllowSockets(inherited) < inherited)
        {
            throw new InvalidOperationException($"{descriptors} descriptors are more than RLIMIT_NOFILE permits");
        }

        int* ends = stackalloc int[2];
        LibC.Check(LibC.Pipe(ends, LibC.OpenCloseOnExec), "pipe2");
        leash = ends[1];
        int[] open = new int[inherited];
        for (int i = 0; i < inherited; i++)
        {
            open[i] = LibC.Check(LibC.Open("/dev/null", LibC.OpenReadOnly), "open(/dev/null)");
        }

        int sink = LibC.Check(LibC.Open("/dev/null", LibC.OpenCloseOnExec | 1), "open(/dev/null)");
        byte* actions = stackalloc byte[ActionsSize];
        Require(LibC.SpawnActionsCreate(actions));
        Require(LibC.SpawnActionsDuplicate(actions, ends[0], 0));
        Require(LibC.SpawnActionsDuplicate(actions, sink, 1));
        Require(LibC.SpawnActionsDuplicate(actions, sink, 2));
        try
        {
            fixed (byte* name = Encoding.UTF8.GetBytes(Path.GetFileName(program) + '\0'))
            {
                byte** arguments = stackalloc byte*[2] { name, null };
                byte** environment = stackalloc byte*[1] { null };
                for (int i = 0; i < count; i++)
                {
                    int process;
                    Require(LibC.Spawn(&process, program, actions, null, arguments, environment), $"posix_spawn({program})");
                    processes.Add(process);
                    if (limit > 0)
                    {
                        var wanted = new LibC.Limit { Soft = (ulong)limit, Hard = (ulong)limit };
                        LibC.Check(LibC.ResourceLimit(process, LibC.ResourceFiles, &wanted, null), "prlimit(RLIMIT_NOFILE)");
                    }
                }
            }
        }
        finally
        {
            _ = LibC.SpawnActionsDestroy(actions);
            foreach (int descriptor in (ReadOnlySpan<int>)[ends[0], sink, .. open])
            {
                Tcp.Close(descriptor);
            }
        }
    }

    /// <summary>Lets them end and waits for each.</summary>
    public void Dispose()
    {
        if (leash >= 0)
        {
            Tcp.Close(leash);
            leash = -1;
        }

        foreach (int process in processes)
        {
            int status;
            LibC.Check(LibC.Wait(process, &status, 0), "waitpid");
        }

        processes.Clear();
    }

    // These return the error number instead of setting errno.
    private static void Require(int errno, string call = "posix_spawn_file_actions")
    {
        if (errno != 0)
        {
            throw new InvalidOperationException($"{call}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})");
        }
    }
}
