using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>The system calls this program makes for itself: the one file with P/Invoke declarations.</summary>
/// <remarks>
/// <c>statx</c>, <c>getdents64</c> and <c>renameat2</c> go through <c>syscall(2)</c>: their wrappers are missing from the oldest C libraries that .NET
/// runs on (glibc 2.27; <c>fstatat</c> is a symbol only since 2.33). <c>futex</c> and <c>bpf</c> have none anywhere.
/// </remarks>
internal static unsafe partial class LibC
{
    public const int AtFdCwd = -100;
    public const int AtEmptyPath = 0x1000;
    public const int AtSymlinkNoFollow = 0x100;
    public const int OpenReadOnly = 0;
    public const int OpenReadWrite = 2;
    public const int OpenCreate = 0x40;
    public const int OpenDirectory = 0x10000;
    public const int OpenNonBlock = 0x800;
    public const int OpenCloseOnExec = 0x80000;
    public const int OpenPath = 0x200000;
    public const int GetDescriptorFlags = 1;
    public const int CloseOnExec = 1;

    /// <summary>Bytes at the end of the heap from which on they are given back (malloc.h, M_TRIM_THRESHOLD).</summary>
    public const int HeapTrimThreshold = -1;

    /// <summary>How many arenas there may be (malloc.h, M_ARENA_MAX).</summary>
    public const int HeapArenas = -8;
    public const int AfUnix = 1;
    public const int AfNetlink = 16;
    public const int SockStream = 1;
    public const int SockNonBlock = 0x800;
    public const int SockRaw = 3;
    public const int LockExclusive = 2;
    public const int LockNonBlock = 4;
    public const uint RenameNoReplace = 1;
    public const int SockCloseOnExec = 0x80000;
    public const int NetlinkSockDiag = 4;
    public const int MsgTrunc = 0x20;
    public const int SolSocket = 1;
    public const int SoReceiveTimeout = 20;
    public const int SeekSet = 0;
    public const int ClockThreadCpuTime = 3;
    public const int CloneNewNet = 0x40000000;
    public const int ScClockTicks = 2;
    public const int ScPageSize = 30;
    public const int ResourceOpenFiles = 7;
    public const int ResourceLockedMemory = 8;
    public const int PriorityOfThread = 0;
    public const int DoNotNeed = 4;
    public const int FutexWaitPrivate = 128;
    public const int FutexWakePrivate = 129;
    public const uint StatxBasic = 0x7ff;
    public const nint ProcSuperMagic = 0x9fa0;

    // asm/unistd.h; arm64 uses the generic table. On other machines these are -1 and the calls answer ENOSYS.
    private static readonly nint StatxNumber = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 332,
        Architecture.Arm64 => 291,
        _ => -1,
    };

    private static readonly nint GetDents64Number = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 217,
        Architecture.Arm64 => 61,
        _ => -1,
    };

    private static readonly nint FutexNumber = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 => 98,
        _ => -1,
    };

    private static readonly nint BpfNumber = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 321,
        Architecture.Arm64 => 280,
        _ => -1,
    };

    private static readonly nint RenameAt2Number = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 316,
        Architecture.Arm64 => 276,
        _ => -1,
    };

    // O_DIRECTORY and a few other flags differ between machines; only these are used here.
    public static readonly int DirectoryFlag = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : OpenDirectory;
    public static readonly int NoFollowFlag = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial int OpenAt(int directory, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial int OpenAt(int directory, byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Control(int descriptor, int command);

    /// <summary>capget(2) and capset(2), of the calling thread.</summary>
    [LibraryImport("libc", EntryPoint = "capget", SetLastError = true)]
    public static partial int CapGet(uint* header, uint* data);

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    public static partial int CapSet(uint* header, uint* data);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    public static partial int Duplicate(int descriptor, int target);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true)]
    public static partial int Execute(byte* path, byte** arguments);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    public static partial int SetHeapOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    public static partial int AdviseMemory(void* start, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void Exit(int code);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "pread64", SetLastError = true)]
    public static partial nint PRead(int descriptor, byte* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    public static partial long LSeek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    public static partial nint ReadLinkAt(int directory, byte* path, byte* buffer, nint size);

    [LibraryImport("libc", EntryPoint = "fstatfs64", SetLastError = true)]
    public static partial int FStatFs(int descriptor, out StatFsBuffer buffer);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int descriptor, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(int descriptor, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    public static partial int Accept(int descriptor, byte* address, uint* length, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    public static partial int UnlinkAt(int directory, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    public static partial int LinkAt(int fromDirectory, byte* from, int toDirectory, byte* to, int flags);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    public static partial int SetTimesAt(int directory, byte* path, TimeSpec* accessedAndModified, int flags);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "gethostname", SetLastError = true)]
    public static partial int GetHostName(byte* name, nuint length);

    [LibraryImport("libc", EntryPoint = "if_indextoname", SetLastError = true)]
    public static partial byte* InterfaceName(uint index, byte* name);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int descriptor, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int descriptor, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSocketOption(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    public static partial int SetNamespace(int descriptor, int type);

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    public static partial int ClockGetTime(int clock, out TimeSpec time);

    [LibraryImport("libc", EntryPoint = "sysconf", SetLastError = true)]
    public static partial nint SysConf(int name);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetResourceLimit(int resource, out ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetResourceLimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    public static partial int SetPriority(int which, uint who, int niceness);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int IoControl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    public static partial int GetTerminal(int descriptor, byte* mode);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    public static partial int SetTerminal(int descriptor, int when, byte* mode);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true)]
    public static partial int ChangeMode(byte* path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    public static partial int ChangeModeOf(int descriptor, uint mode);

    /// <summary>Whether the OpenSSL that .NET would use is there; without it .NET ends the process at the first use.</summary>
    public static bool HasOpenSsl()
    {
        foreach (string name in (ReadOnlySpan<string>)["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"])
        {
            if (NativeLibrary.TryLoad(name, out _))
            {
                return true;
            }
        }

        return false;
    }

    public static int Statx(int directory, byte* path, int flags, uint mask, StatxBuffer* buffer) =>
        (int)SystemCall(StatxNumber, directory, (nint)path, flags, (nint)mask, (nint)buffer);

    /// <summary>Renames within a directory, but not over anything that is there.</summary>
    public static int RenameAt2(int directory, byte* from, byte* to, uint flags) =>
        (int)SystemCall(RenameAt2Number, directory, (nint)from, directory, (nint)to, (nint)flags);

    /// <summary>bpf(2), which no C library has.</summary>
    public static nint Bpf(int command, void* attributes, nint length) => SystemCall(BpfNumber, command, (nint)attributes, length, 0, 0);

    public static nint GetDents64(int descriptor, byte* buffer, nint count) =>
        SystemCall(GetDents64Number, descriptor, (nint)buffer, count, 0, 0);

    /// <summary>Sleeps while the word has a value, for no longer than a time of the monotonic clock.</summary>
    public static nint FutexWait(int* word, int value, TimeSpec* longest) => SystemCall(FutexNumber, (nint)word, FutexWaitPrivate, value, (nint)longest, 0);

    [LibraryImport("libc", EntryPoint = "iconv_open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial nint IconvOpen(string to, string from);

    [LibraryImport("libc", EntryPoint = "iconv", SetLastError = true)]
    public static partial nint Iconv(nint descriptor, byte** input, nuint* inputLeft, byte** output, nuint* outputLeft);

    [LibraryImport("libc", EntryPoint = "iconv_close")]
    public static partial int IconvClose(nint descriptor);

    /// <summary>Wakes one thread that sleeps at the word.</summary>
    public static nint FutexWake(int* word) => SystemCall(FutexNumber, (nint)word, FutexWakePrivate, 1, 0, 0);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint a, nint b, nint c, nint d, nint e);

    /// <summary>struct timespec on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct rlimit on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }

    /// <summary>struct statfs on 64-bit Linux, 120 bytes, with the field used here.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 120)]
    public struct StatFsBuffer
    {
        public nint Type;
    }

    /// <summary>struct statx (linux/stat.h), 256 bytes, with the fields used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct StatxBuffer
    {
        [FieldOffset(20)]
        public uint User;
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public ulong Inode;
        [FieldOffset(40)]
        public ulong Size;
        [FieldOffset(96)]
        public TimeSpec Changed;
        [FieldOffset(112)]
        public TimeSpec Modified;
        [FieldOffset(136)]
        public uint DeviceMajor;
        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
