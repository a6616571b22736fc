using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>The system calls that .NET has no method for.</summary>
internal static partial class LibC
{
    public const int SigHup = 1;
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigTerm = 15;

    /// <summary>Sends a signal to one process.</summary>
    public static void Kill(int pid, int signal)
    {
        if (KillProcess(pid, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Sends a signal to one process, unless it has ended.</summary>
    public static void TryKill(int pid, int signal)
    {
        const int NoSuchProcess = 3;
        if (KillProcess(pid, signal) != 0 && Marshal.GetLastPInvokeError() is var error && error != NoSuchProcess)
        {
            throw new Win32Exception(error);
        }
    }

    /// <summary>Makes a FIFO that everybody may open.</summary>
    public static void MakeFifo(string path)
    {
        if (MkFifo(path, 0b110_110_110) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Puts the calling thread into a network namespace.</summary>
    public static void EnterNetwork(SafeHandle network)
    {
        const int CloneNewNet = 0x40000000;
        if (SetNamespace((int)network.DangerousGetHandle(), CloneNewNet) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>The user who runs the tests.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillProcess(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int type);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkFifo(string path, uint mode);
}
