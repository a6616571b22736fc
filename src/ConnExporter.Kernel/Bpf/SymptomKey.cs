using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Bpf;

/// <summary>What the programs count.</summary>
public enum SymptomKind : ushort
{
    /// <summary>Nothing: that a program was called, while it is tried.</summary>
    None = 0,

    /// <summary>A connect() that the network answered with an error, which is the errno.</summary>
    ConnectFailed = 1,

    /// <summary>A connect() that the application gave up: closed before there was an answer.</summary>
    ConnectAbandoned = 2,

    /// <summary>A connect() that found no ephemeral port: EADDRNOTAVAIL.</summary>
    NoPort = 3,

    /// <summary>A connect() that failed within this host though the socket had a port, or had had one: mostly a port that it was bound to and that is in use towards that peer.</summary>
    ConnectLocal = 4,

    /// <summary>A connection that this side closed first: it is this side's TIME_WAIT.</summary>
    ClosedFirst = 5,

    /// <summary>A handshake that this side, listening, completed.</summary>
    Accepted = 6,

    /// <summary>An accept() that failed, with its errno.</summary>
    AcceptFailed = 7,

    /// <summary>A descriptor that a process did not get: EMFILE.</summary>
    DescriptorRefused = 8,

    /// <summary>A bind() that found its port taken, or with port 0 none free.</summary>
    BindFailed = 9,

    /// <summary>Something that no program looked at, because the one for it was at work on that processor already.</summary>
    Missed = 14,

    /// <summary>A connect() under way that found no room to be remembered: who made it is unknown, should it fail.</summary>
    Unremembered = 15,
}

/// <summary>By what is counted, as the programs lay it out: struct { u64 cgroup; char comm[16]; u16 kind, error, port, unused; }.</summary>
[StructLayout(LayoutKind.Explicit, Size = Length)]
public readonly struct SymptomKey : IEquatable<SymptomKey>
{
    internal const int Length = 32;
    internal const int NameOffset = 8;
    internal const int NameLength = 16;
    internal const int KindOffset = 24;
    internal const int ErrorOffset = 26;
    internal const int PortOffset = 28;

    [FieldOffset(0)]
    private readonly ulong cgroup;
    [FieldOffset(NameOffset)]
    private readonly ulong name0;
    [FieldOffset(NameOffset + 8)]
    private readonly ulong name1;
    [FieldOffset(KindOffset)]
    private readonly ushort kind;
    [FieldOffset(ErrorOffset)]
    private readonly ushort error;
    [FieldOffset(PortOffset)]
    private readonly ushort port;

    /// <summary>A key, as the kernel would give it.</summary>
    /// <param name="kind">What is counted.</param>
    /// <param name="cgroup">The id of the cgroup.</param>
    /// <param name="process">At most 15 bytes.</param>
    /// <param name="error">The errno; 0 where it says nothing.</param>
    /// <param name="port">The port.</param>
    public SymptomKey(SymptomKind kind, ulong cgroup, string process, int error = 0, ushort port = 0)
    {
        Span<byte> bytes = stackalloc byte[NameLength];
        Encoding.UTF8.GetBytes(process, bytes[..^1]);
        (name0, name1) = (MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<ulong>(bytes[8..]));
        (this.cgroup, this.kind, this.error, this.port) = (cgroup, (ushort)kind, (ushort)error, port);
    }

    /// <summary>What is counted.</summary>
    public SymptomKind Kind => (SymptomKind)kind;

    /// <summary>The id of the cgroup that the process was in, or the listening socket was made in; 0 where it is not known.</summary>
    public ulong Cgroup => cgroup;

    /// <summary>The errno; 0 where the kind says all.</summary>
    public int Error => error;

    /// <summary>The port: of connects and bind() the one that was asked for, of the others the service's.</summary>
    public ushort Port => port;

    /// <summary>The name of the process (of its first thread, as in <c>/proc/PID/comm</c>); empty where it is not known.</summary>
    public string Process
    {
        get
        {
            Span<byte> bytes = stackalloc byte[NameLength];
            MemoryMarshal.Write(bytes, in name0);
            MemoryMarshal.Write(bytes[8..], in name1);
            int end = bytes.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
        }
    }

    /// <inheritdoc/>
    public bool Equals(SymptomKey other) =>
        cgroup == other.cgroup && name0 == other.name0 && name1 == other.name1 && kind == other.kind && error == other.error && port == other.port;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SymptomKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(cgroup, name0, name1, kind, error, port);

    /// <summary>Whether both are equal.</summary>
    public static bool operator ==(SymptomKey left, SymptomKey right) => left.Equals(right);

    /// <summary>Whether they are not.</summary>
    public static bool operator !=(SymptomKey left, SymptomKey right) => !left.Equals(right);
}
