using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Bpf;

/// <summary>bpf(2), as far as it is used here (linux/bpf.h).</summary>
internal static unsafe class BpfSystem
{
    /// <summary>BPF_MAP_TYPE_HASH.</summary>
    public const uint Hash = 1;

    /// <summary>BPF_MAP_TYPE_ARRAY.</summary>
    public const uint Array = 2;

    /// <summary>Whether a program hangs at a tracepoint or at the end of a function (expected_attach_type).</summary>
    public const uint AtTracepoint = 23;

    /// <inheritdoc cref="AtTracepoint"/>
    public const uint AtFunctionEnd = 25;

    private const int CommandMapCreate = 0;
    private const int CommandMapLookup = 1;
    private const int CommandMapDelete = 3;
    private const int CommandProgramLoad = 5;
    private const int CommandInfo = 15;
    private const int CommandTracepointOpen = 17;
    private const int CommandMapLookupBatch = 24;
    private const uint ProgramTracing = 26;
    private const int NameLength = 16;
    private const int LogLength = 64 * 1024;
    private const int LogQuoted = 400;

    // ENOTSUPP, which never was meant to leave the kernel.
    private const int KernelInternalNotSupported = 524;

    // Some functions of the kernel may only be called by programs that say to be under its licence; these may be used under either.
    private static ReadOnlySpan<byte> License => "Dual MIT/GPL\0"u8;

    /// <summary>Makes a map.</summary>
    /// <exception cref="KernelReadException">Denied, Absent or Broken, with what was asked for.</exception>
    public static DescriptorHandle CreateMap(string name, uint type, int keyLength, int valueLength, int entries)
    {
        var map = new MapAttributes { Type = type, KeyLength = (uint)keyLength, ValueLength = (uint)valueLength, Entries = (uint)entries };
        Write(name, new Span<byte>(map.Name, NameLength));
        int descriptor = Call(CommandMapCreate, &map, sizeof(MapAttributes));

        // Before Linux 5.11 maps are locked memory, and EPERM is also what having too little of it is called.
        if (descriptor == -Errno.NotPermitted && TryRaiseLockedMemory())
        {
            descriptor = Call(CommandMapCreate, &map, sizeof(MapAttributes));
        }

        return descriptor >= 0 ? new DescriptorHandle(descriptor) : throw Failure($"bpf(BPF_MAP_CREATE, {name})", -descriptor);
    }

    /// <summary>Has the kernel check a program and take it.</summary>
    /// <param name="name">At most 15 letters.</param>
    /// <param name="instructions">The program.</param>
    /// <param name="at"><see cref="AtTracepoint"/> or <see cref="AtFunctionEnd"/>.</param>
    /// <param name="target">The number of the tracepoint's typedef, or of the function, in the kernel's BTF.</param>
    /// <exception cref="KernelReadException">Denied; Absent; Broken where the verifier refuses, with its last words.</exception>
    public static DescriptorHandle LoadProgram(string name, ReadOnlySpan<byte> instructions, uint at, uint target)
    {
        fixed (byte* code = instructions)
        fixed (byte* license = License)
        {
            var program = new ProgramAttributes
            {
                Type = ProgramTracing,
                Instructions = (ulong)code,
                Count = (uint)(instructions.Length / BpfAssembler.InstructionLength),
                License = (ulong)license,
                AttachType = at,
                AttachTarget = target,
            };
            Write(name, new Span<byte>(program.Name, NameLength));
            int descriptor = Call(CommandProgramLoad, &program, sizeof(ProgramAttributes));
            if (descriptor == -Errno.NotPermitted && TryRaiseLockedMemory())
            {
                descriptor = Call(CommandProgramLoad, &program, sizeof(ProgramAttributes));
            }

            if (descriptor >= 0)
            {
                return new DescriptorHandle(descriptor);
            }

            // The reasons of the verifier are asked for only now: they take it longer.
            int errno = -descriptor;
            if (errno is not (Errno.Invalid or Errno.AccessDenied))
            {
                throw Failure($"bpf(BPF_PROG_LOAD, {name})", errno);
            }

            byte[] log = new byte[LogLength];
            fixed (byte* buffer = log)
            {
                (program.Log, program.LogLength, program.LogLevel) = ((ulong)buffer, LogLength, 1);
                descriptor = Call(CommandProgramLoad, &program, sizeof(ProgramAttributes));
            }

            return descriptor >= 0
                ? new DescriptorHandle(descriptor)
                : throw new KernelReadException(FailureKind.Broken, "errno", $"bpf(BPF_PROG_LOAD, {name}): this kernel's verifier refuses the program (errno {errno}): {LastWords(log)}");
        }
    }

    /// <summary>Hangs a program where it was loaded for; it hangs there for as long as the descriptor is open.</summary>
    /// <exception cref="KernelReadException">Denied, Absent or Broken.</exception>
    public static DescriptorHandle Attach(string name, DescriptorHandle program)
    {
        var attributes = new AttachAttributes { Program = (uint)program.Value };
        int descriptor = Call(CommandTracepointOpen, &attributes, sizeof(AttachAttributes));
        return descriptor >= 0 ? new DescriptorHandle(descriptor) : throw Failure($"bpf(BPF_RAW_TRACEPOINT_OPEN, {name})", -descriptor);
    }

    /// <summary>How often a program was not called because it was at work on that processor already (from Linux 6.1 on at tracepoints; counted from 5.12 on).</summary>
    /// <exception cref="KernelReadException">The kernel does not tell of the program.</exception>
    public static ulong MissesOf(DescriptorHandle program)
    {
        ProgramInfo info = default;
        var attributes = new InfoAttributes { Object = (uint)program.Value, Length = (uint)sizeof(ProgramInfo), Info = (ulong)&info };
        int result = Call(CommandInfo, &attributes, sizeof(InfoAttributes));
        return result == 0 ? info.Misses : throw Failure("bpf(BPF_OBJ_GET_INFO_BY_FD)", -result);
    }

    /// <summary>Reads one value.</summary>
    /// <returns>False where the map has no such key.</returns>
    /// <exception cref="KernelReadException">It cannot be read.</exception>
    public static bool TryLookup<TKey, TValue>(DescriptorHandle map, TKey key, out TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        TValue found = default;
        var element = new ElementAttributes { Map = (uint)map.Value, Key = (ulong)&key, Value = (ulong)&found };
        int result = Call(CommandMapLookup, &element, sizeof(ElementAttributes));
        value = found;
        return result switch
        {
            0 => true,
            -Errno.NoEntry => false,
            _ => throw Failure("bpf(BPF_MAP_LOOKUP_ELEM)", -result),
        };
    }

    /// <summary>Removes a key; one that is not there is no failure.</summary>
    /// <exception cref="KernelReadException">It cannot be removed.</exception>
    public static void Delete<TKey>(DescriptorHandle map, TKey key)
        where TKey : unmanaged
    {
        var element = new ElementAttributes { Map = (uint)map.Value, Key = (ulong)&key };
        int result = Call(CommandMapDelete, &element, sizeof(ElementAttributes));
        if (result is not (0 or -Errno.NoEntry))
        {
            throw Failure("bpf(BPF_MAP_DELETE_ELEM)", -result);
        }
    }

    /// <summary>Reads a whole hash map.</summary>
    /// <param name="map">The map.</param>
    /// <param name="keys">Takes the keys; as long as the map can have entries.</param>
    /// <param name="values">Takes their values.</param>
    /// <returns>How many there are.</returns>
    /// <exception cref="KernelReadException">It cannot be read.</exception>
    public static int ReadAll<TKey, TValue>(DescriptorHandle map, Span<TKey> keys, Span<TValue> values)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keysAt = keys)
        fixed (TValue* valuesAt = values)
        {
            uint position = 0;
            int read = 0;
            while (read < keys.Length)
            {
                var batch = new BatchAttributes
                {
                    From = read == 0 ? 0 : (ulong)&position,
                    Next = (ulong)&position,
                    Keys = (ulong)(keysAt + read),
                    Values = (ulong)(valuesAt + read),
                    Count = (uint)(keys.Length - read),
                    Map = (uint)map.Value,
                };
                int result = Call(CommandMapLookupBatch, &batch, sizeof(BatchAttributes));
                if (result is not (0 or -Errno.NoEntry))
                {
                    throw Failure("bpf(BPF_MAP_LOOKUP_BATCH)", -result);
                }

                read += (int)batch.Count;
                if (result != 0 || batch.Count == 0)
                {
                    break;
                }
            }

            return read;
        }
    }

    private static int Call(int command, void* attributes, int length)
    {
        while (true)
        {
            nint result = LibC.Bpf(command, attributes, length);
            if (result >= 0)
            {
                return (int)result;
            }

            int errno = Marshal.GetLastPInvokeError();

            // EAGAIN: the verifier was interrupted by a signal.
            if (errno is not (Errno.Interrupted or Errno.TryAgain))
            {
                return -errno;
            }
        }
    }

    private static bool TryRaiseLockedMemory()
    {
        var limit = new LibC.ResourceLimit { Soft = ulong.MaxValue, Hard = ulong.MaxValue };
        return LibC.SetResourceLimit(LibC.ResourceLockedMemory, in limit) == 0;
    }

    private static KernelReadException Failure(string what, int errno) => errno switch
    {
        // Of what is not supported, fexit on some machines for one.
        Errno.NotImplemented or Errno.OperationNotSupported or KernelInternalNotSupported => new KernelReadException(FailureKind.Absent, "absent", $"{what}: this kernel, or the sandbox around this process, has none (errno {errno})"),
        Errno.Invalid or Errno.AccessDenied => new KernelReadException(FailureKind.Broken, "errno", $"{what}: errno {errno}"),
        _ => KernelReadException.FromErrno(what, errno),
    };

    private static void Write(string name, Span<byte> into) => Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameLength - 1)), into);

    private static string LastWords(ReadOnlySpan<byte> log)
    {
        int end = log.IndexOf((byte)0);
        ReadOnlySpan<byte> text = (end < 0 ? log : log[..end]).TrimEnd((byte)'\n');
        string words = Encoding.ASCII.GetString(text[Math.Max(0, text.Length - LogQuoted)..]);
        return string.Join(" | ", words.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !line.StartsWith("processed ", StringComparison.Ordinal)));
    }

    [StructLayout(LayoutKind.Explicit, Size = 48)]
    private struct MapAttributes
    {
        [FieldOffset(0)]
        public uint Type;
        [FieldOffset(4)]
        public uint KeyLength;
        [FieldOffset(8)]
        public uint ValueLength;
        [FieldOffset(12)]
        public uint Entries;
        [FieldOffset(28)]
        public fixed byte Name[NameLength];
    }

    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct ProgramAttributes
    {
        [FieldOffset(0)]
        public uint Type;
        [FieldOffset(4)]
        public uint Count;
        [FieldOffset(8)]
        public ulong Instructions;
        [FieldOffset(16)]
        public ulong License;
        [FieldOffset(24)]
        public uint LogLevel;
        [FieldOffset(28)]
        public uint LogLength;
        [FieldOffset(32)]
        public ulong Log;
        [FieldOffset(48)]
        public fixed byte Name[NameLength];
        [FieldOffset(68)]
        public uint AttachType;
        [FieldOffset(108)]
        public uint AttachTarget;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AttachAttributes
    {
        public ulong Name;
        public uint Program;
        public uint Padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct InfoAttributes
    {
        public uint Object;
        public uint Length;
        public ulong Info;
    }

    /// <summary>struct bpf_prog_info, as far as it is used here; older kernels leave the end as it is.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 216)]
    private struct ProgramInfo
    {
        [FieldOffset(208)]
        public ulong Misses;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ElementAttributes
    {
        public uint Map;
        public uint Padding;
        public ulong Key;
        public ulong Value;
        public ulong Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct BatchAttributes
    {
        public ulong From;
        public ulong Next;
        public ulong Keys;
        public ulong Values;
        public uint Count;
        public uint Map;
        public ulong ElementFlags;
        public ulong Flags;
    }
}
