using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.SocketLab;

/// <summary>Small processes that live no longer than this one and inherit its descriptors that are not close-on-exec.</summary>
/// <remarks>
/// Each reads from one pipe whose other end only this process has: when this process goes, in whatever way, they read the end of the file and
/// go too. A <c>cat</c> will do, where a .NET process each would cost 30 MB.
/// </remarks>
internal sealed unsafe class Leash : IDisposable
{
    /// <summary>More than posix_spawn_file_actions_t has in any C library (glibc: 80 bytes).</summary>
    private const int ActionsSize = 512;
    private readonly List<int> processes = [];
    private readonly string program;
    private readonly int readEnd;
    private readonly int writeEnd;
    private readonly int sink;

    public Leash(string program)
    {
        this.program = program;
        KeepStrayDescriptors();
        int* ends = stackalloc int[2];
        LibC.Check(LibC.Pipe(ends, LibC.OpenCloseOnExec), "pipe2");
        (readEnd, writeEnd) = (ends[0], ends[1]);
        sink = LibC.Check(LibC.Open("/dev/null", LibC.OpenCloseOnExec | LibC.OpenWriteOnly), "open(/dev/null)");
    }

    public IReadOnlyList<int> Processes => processes;

    public int Spawn()
    {
        byte* actions = stackalloc byte[ActionsSize];
        Require(LibC.SpawnActionsCreate(actions));
        Require(LibC.SpawnActionsDuplicate(actions, readEnd, 0));
        Require(LibC.SpawnActionsDuplicate(actions, sink, 1));
        Require(LibC.SpawnActionsDuplicate(actions, sink, 2));
        int process;
        fixed (byte* name = Encoding.UTF8.GetBytes(Path.GetFileName(program) + '\0'))
        {
            byte** arguments = stackalloc byte*[2] { name, null };
            byte** environment = stackalloc byte*[1] { null };
            Require(LibC.Spawn(&process, program, actions, null, arguments, environment), $"posix_spawn({program})");
        }

        processes.Add(process);
        _ = LibC.SpawnActionsDestroy(actions);
        return process;
    }

    /// <summary>Lets them end and waits for each.</summary>
    public void Dispose()
    {
        Tcp.Close(writeEnd);
        Tcp.Close(readEnd);
        Tcp.Close(sink);
        foreach (int process in processes)
        {
            int status;
            LibC.Check(LibC.Wait(process, &status, 0), "waitpid");
        }

        processes.Clear();
    }

    /// <summary>What this process was itself given beyond the standard descriptors stays here, or the numbers would not be exact.</summary>
    private static void KeepStrayDescriptors()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries("/proc/self/fd").ToArray())
        {
            // The one that the listing itself uses is gone by now.
            if (int.TryParse(Path.GetFileName(entry), out int descriptor) && descriptor > 2)
            {
                _ = LibC.Control(descriptor, LibC.SetDescriptorFlags, LibC.CloseOnExecFlag);
            }
        }
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
