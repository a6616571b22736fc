using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Kernel.Proc;

/// <summary>
/// A walk over <c>/proc/net/tcp</c> and <c>/proc/net/tcp6</c> that gives each line as the record that sock_diag would give (net/ipv4/tcp_ipv4.c:get_tcp4_sock,
/// get_timewait4_sock, get_openreq4). For one thread at a time.
/// </summary>
/// <remarks>
/// What a line does not tell: the limit of an accept queue (<see cref="SocketRecord.SendQueue"/> of a listener is 0), drops, the cgroup, and sockets that are bound
/// and not connected, which have no line. Instead of the cookie stands the inode: one number a socket for as long as somebody holds it.
/// </remarks>
public sealed class TcpTables : IDisposable
{
    private const byte FamilyV4 = 2;
    private const byte FamilyV6 = 10;
    private const int ShutdownAttributeSize = 5;

    // The kernel shows listeners first. Elsewhere they may be anywhere, in tables that are short.
    private const int FarFromListeners = 1024;

    private readonly LineFile tcp;
    private readonly LineFile tcp6;
    private readonly byte[] record = new byte[SocketRecord.MessageSize + ShutdownAttributeSize];
    private LineFile? current;
    private uint states;
    private int sinceListener;

    /// <summary>The tables of the network namespace that a proc file system shows; nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    public TcpTables(ProcFs proc)
        : this(proc, "tcp")
    {
    }

    private TcpTables(ProcFs proc, string protocol)
    {
        ArgumentNullException.ThrowIfNull(proc);
        tcp = new LineFile(proc.NetPathOf(protocol));
        tcp6 = new LineFile(proc.NetPathOf(protocol + "6"));
    }

    /// <summary>Those of UDP, <c>/proc/net/udp</c> and <c>udp6</c>, whose lines begin alike (net/ipv4/udp.c:udp4_format_sock). The kernel goes over its table anew for every page of them.</summary>
    /// <param name="proc">The proc file system.</param>
    public static TcpTables OfUdp(ProcFs proc) => new(proc, "udp");

    /// <summary>Starts over.</summary>
    /// <param name="wanted">The states to give, a bit each, as in <see cref="SockDiagRequest"/>. Listeners alone are read without going on through every socket.</param>
    /// <exception cref="KernelReadException">As <see cref="LineFile.Rewind"/>, and Broken for a file that is no such table.</exception>
    public void Begin(uint wanted)
    {
        states = wanted;
        current = tcp;
        Open(tcp);
    }

    /// <summary>Reads the next socket.</summary>
    /// <param name="socket">The socket; it holds until the next call.</param>
    /// <returns>False after the last.</returns>
    /// <exception cref="KernelReadException">Broken for a line that is not a socket's.</exception>
    public bool TryRead(out SocketRecord socket)
    {
        while (current is not null)
        {
            while (current.TryNextLine(out ReadOnlySpan<byte> line))
            {
                TcpState state = TcpTable.ParseState(current.Path, line);
                if ((states & (1u << (int)state)) != 0)
                {
                    sinceListener = 0;
                    socket = new SocketRecord(record.AsSpan(0, Parse(current.Path, line, record)));
                    return true;
                }

                if (states == SockDiagRequest.Bit(TcpState.Listen) && ++sinceListener == FarFromListeners)
                {
                    break;
                }
            }

            Next();
        }

        socket = default;
        return false;
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        current = null;
        tcp.Dispose();
        tcp6.Dispose();
    }

    /// <summary>Makes a record of one line.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="line">One line after the header.</param>
    /// <param name="record">Where to; at least 77 bytes.</param>
    /// <returns>The record's length.</returns>
    /// <exception cref="KernelReadException">Broken where the line is not a socket's.</exception>
    public static int Parse(string path, ReadOnlySpan<byte> line, Span<byte> record)
    {
        // "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1 ..."
        record[..SocketRecord.MessageSize].Clear();
        var fields = new Fields(line);
        bool whole = fields.TryNext(out _) & fields.TryNext(out ReadOnlySpan<byte> local) & fields.TryNext(out ReadOnlySpan<byte> remote) & fields.TryNext(out ReadOnlySpan<byte> state)
            & fields.TryNext(out ReadOnlySpan<byte> queues) & fields.TryNext(out ReadOnlySpan<byte> timer) & fields.TryNext(out ReadOnlySpan<byte> retransmits)
            & fields.TryNextNumber(out ulong user) & fields.TryNext(out _) & fields.TryNextNumber(out ulong inode);
        if (!whole || !TryEndpoint(local, record[8..24], record[4..6], out byte family) || !TryEndpoint(remote, record[24..40], record[6..8], out byte other) || family != other
            || state.Length != 2 || !Fields.TryHexNumber(state, out ulong number) || !TryPair(queues, out uint sendQueue, out uint receiveQueue) || !TryPair(timer, out uint timerKind, out uint ticks)
            || !Fields.TryHexNumber(retransmits, out ulong again) || inode > uint.MaxValue || user > uint.MaxValue)
        {
            throw KernelReadException.Parse(path, "a socket's line", line);
        }

        record[0] = family;
        record[1] = (byte)number;
        record[2] = (byte)timerKind;
        record[3] = (byte)Math.Min(again, byte.MaxValue);
        Write(record[44..], (uint)inode);
        Write(record[52..], (uint)Math.Min(uint.MaxValue, ticks * 1000UL / (ulong)SystemClock.TicksPerSecond));
        Write(record[56..], receiveQueue);
        Write(record[60..], sendQueue);
        Write(record[64..], (uint)user);
        Write(record[68..], (uint)inode);
        if (timerKind == SocketRecord.TimeWaitTimer || number == (ulong)TcpState.SynRecv)
        {
            return SocketRecord.MessageSize;
        }

        // By this attribute a full socket is known.
        MemoryMarshal.Write(record[SocketRecord.MessageSize..], (ushort)ShutdownAttributeSize);
        MemoryMarshal.Write(record[(SocketRecord.MessageSize + sizeof(ushort))..], (ushort)SocketRecord.ShutdownAttribute);
        record[SocketRecord.MessageSize + (2 * sizeof(ushort))] = 0;
        return SocketRecord.MessageSize + ShutdownAttributeSize;
    }

    private static void Write(Span<byte> at, uint value) => MemoryMarshal.Write(at, value);

    // Words of 32 bits as this machine has them in memory, the port as people write it.
    private static bool TryEndpoint(ReadOnlySpan<byte> text, Span<byte> address, Span<byte> port, out byte family)
    {
        const int Word = 8;
        int colon = text.IndexOf((byte)':');
        family = colon == Word ? FamilyV4 : FamilyV6;
        if (colon is not (Word or (4 * Word)) || !Fields.TryHexNumber(text[(colon + 1)..], out ulong number) || number > ushort.MaxValue)
        {
            return false;
        }

        BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)number);
        for (int word = 0; word * Word < colon; word++)
        {
            if (!Fields.TryHexNumber(text.Slice(word * Word, Word), out ulong value))
            {
                return false;
            }

            Write(address[(word * sizeof(uint))..], (uint)value);
        }

        return true;
    }

    private static bool TryPair(ReadOnlySpan<byte> text, out uint first, out uint second)
    {
        int colon = text.IndexOf((byte)':');
        ulong left = 0;
        ulong right = 0;
        bool found = colon > 0 && Fields.TryHexNumber(text[..colon], out left) && Fields.TryHexNumber(text[(colon + 1)..], out right) && left <= uint.MaxValue && right <= uint.MaxValue;
        (first, second) = ((uint)left, (uint)right);
        return found;
    }

    private void Next()
    {
        LineFile ended = current!;
        ended.Dispose();
        current = null;
        if (ended == tcp)
        {
            try
            {
                Open(tcp6);
                current = tcp6;
            }
            catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
            {
                // IPv6 is switched off: there are none.
            }
        }
    }

    private void Open(LineFile file)
    {
        sinceListener = 0;
        file.Rewind();
        if (!file.TryNextLine(out ReadOnlySpan<byte> header) || header.IndexOf("local_address"u8) < 0)
        {
            throw KernelReadException.Parse(file.Path, "a header with local_address", header);
        }
    }
}
