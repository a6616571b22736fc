using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>What sock_diag answers: datagrams of messages, each a record with attributes.</summary>
internal static class SocketDumps
{
    private const int Header = 16;
    private const int Record = 72;
    private const int SmallestMessage = Header + Record;
    private const int Sequence = 8;
    private const int MessagesOfASeed = 6;
    private static readonly uint[] Types = [18, 2, 3, 0, 20];

    public static Decoder Messages() => new()
    {
        Name = "netlink",
        Methods = ["NetlinkMessageReader.TryRead"],
        Seeds = Dumps(),
        Words = Words(),
        Lengths = LengthField,
        Run = input =>
        {
            int records = 0;
            int kinds = 0;
            int payload = 0;
            var reader = new NetlinkMessageReader(input);
            while (reader.TryRead(out NetlinkMessage message))
            {
                payload += Header + message.Payload.Length;
                kinds |= 1 << Math.Min((int)message.Type, 20);
                if (message.Type == 18)
                {
                    kinds |= Look(new SocketRecord(message.Payload));
                    records++;
                }
            }

            Promise.Holds(payload <= input.Length, "the messages have more bytes than the datagram");
            Promise.Holds(records * SmallestMessage <= input.Length, "more sockets than fit into the datagram");
            return kinds;
        },
    };

    public static Decoder Records() => new()
    {
        Name = "socket-record",
        Methods = ["InetAddress.ReadV4", "InetAddress.ReadV6"],
        Seeds = [.. Dumps().SelectMany(Payloads).Where(payload => payload.Length >= Record).Take(64)],
        Words = Words(),
        Lengths = (input, dice) => AttributeLength(input, 0, input.Length, dice),
        Run = input => Look(new SocketRecord(input)),
    };

    public static Decoder UnixRecords() => new()
    {
        Name = "unix-socket-record",
        Methods = ["UnixSocketRecord"],
        Seeds = [[1, 1, 10, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, (byte)'/', (byte)'a', 0, 0, 12, 0, 4, 0, 6, 0, 0, 0, 5, 0, 0, 0], [1, 2, 7, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]],
        Words = Words(),
        Lengths = (input, dice) => AttributeLength(input, 0, input.Length, dice),
        Run = input =>
        {
            var record = new UnixSocketRecord(input);
            bool told = record.TryGetQueues(out _, out _);
            Promise.Holds(record.Name.Length <= input.Length, "a name longer than the record");
            Promise.Holds(record.Cookie == record.Cookie && record.Inode == record.Inode, "it reads otherwise twice");
            return (told ? 1 : 0) + (record.Name.Length > 0 ? 2 : 0) + (record.Peer != 0 ? 4 : 0) + (record.User != 0 ? 8 : 0) + ((int)record.State << 4);
        },
    };

    public static Decoder Answers()
    {
        // A datagram keeps its bounds, as a netlink message does; the reader's end never waits.
        var kernel = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var daemon = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        string name = $"\0conn-exporter-fuzz-{Environment.ProcessId}-{Guid.NewGuid():N}";
        daemon.Bind(new UnixDomainSocketEndPoint(name));
        kernel.Connect(daemon.LocalEndPoint!);
        daemon.Blocking = false;
        kernel.Blocking = false;
        var socket = new NetlinkSocket(daemon.SafeHandle);
        byte[] request = new byte[256];
        daemon.Connect(SelfOf(kernel, name + "-kernel"));
        byte[] answer = new byte[Mutator.Longest];
        return new Decoder
        {
            Name = "sock-diag-dump",
            Methods = ["SockDiagDump.TryRead"],
            Seeds = [.. Dumps().Select(dump => (byte[])[.. dump, .. Message(3, new byte[4])]), Message(3, new byte[4]), Message(2, [0xfe, 0xff, 0xff, 0xff]), Message(3, [0xff, 0xff, 0xff, 0xff])],
            Words = Words(),
            Lengths = LengthField,
            Run = input =>
            {
                // At most what the kernel fills for one receive. Everything asks and answers with the number that comes next.
                int length = Math.Min(input.Length, 32 * 1024);
                input[..length].CopyTo(answer);
                uint sequence = socket.NextSequence() + 1;
                for (int at = 0; at + Header <= length;)
                {
                    // A few keep the wrong one.
                    if (MemoryMarshal.Read<uint>(answer.AsSpan(at + Sequence)) == 1)
                    {
                        MemoryMarshal.Write(answer.AsSpan(at + Sequence), sequence);
                    }

                    uint said = MemoryMarshal.Read<uint>(answer.AsSpan(at));
                    at += said is >= Header and < 65536 ? ((int)said + 3) & ~3 : length;
                }

                kernel.Send(answer.AsSpan(0, length));
                try
                {
                    int records = 0;
                    int kinds = 0;
                    var dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.AllStates));
                    while (dump.TryRead(out SocketRecord record))
                    {
                        kinds |= Look(record);
                        records++;
                    }

                    Promise.Holds((records * SmallestMessage) + Header <= length, "more sockets than fit into the answer");
                    return kinds;
                }
                finally
                {
                    while (kernel.Available > 0)
                    {
                        kernel.Receive(request);
                    }

                    while (daemon.Available > 0 || daemon.Poll(0, SelectMode.SelectRead))
                    {
                        daemon.Receive(answer);
                    }
                }
            },
        };
    }

    private static System.Net.EndPoint SelfOf(Socket socket, string name)
    {
        socket.Bind(new UnixDomainSocketEndPoint(name));
        return socket.LocalEndPoint!;
    }

    // Everything that anybody asks of a record.
    private static int Look(SocketRecord record)
    {
        int kinds = record.IsFullSocket ? 1 << 21 : 0;
        Promise.Holds((byte)record.State <= (byte)TcpState.Closing, "a state that has a name, or Unknown");
        kinds |= 1 << (22 + (((int)record.State) & 3));
        kinds |= record.TryGetDrops(out _) ? 1 << 26 : 0;
        kinds |= record.TryGetCgroup(out _) ? 1 << 27 : 0;
        kinds |= record.TryGetSinceLastSegment(out TimeSpan since) ? 1 << 28 : 0;
        kinds |= record.TryGetIdle(out TimeSpan idle) ? 1 << 29 : 0;
        Promise.Holds(since >= TimeSpan.Zero && idle >= TimeSpan.Zero && record.Expires >= TimeSpan.Zero, "times are not negative");
        for (int type = 0; type < 32; type++)
        {
            Promise.Holds(!record.TryGetAttribute((byte)type, out ReadOnlySpan<byte> value) || value.Length <= ushort.MaxValue, "an attribute has 65535 bytes at most");
        }

        InetAddress local = record.LocalAddress;
        InetAddress remote = record.RemoteAddress;
        Promise.Holds(local.Mask(128) == local && remote.Mask(0) == default, "masks keep all or nothing");
        _ = record.LocalPort + record.RemotePort + record.User + record.Inode + record.ReceiveQueue + record.SendQueue + record.Retransmits;
        return record.Cookie == 0 ? kinds | (1 << 30) : kinds;
    }

    // The first few messages of each recorded dump: more are more of the same.
    private static byte[][] Dumps() => [.. Seeds.OfNetlink().Select(dump => dump[..Beginning(dump)])];

    private static int Beginning(byte[] dump)
    {
        int at = 0;
        for (int i = 0; i < MessagesOfASeed && at < dump.Length; i++)
        {
            at += (BinaryPrimitives.ReadInt32LittleEndian(dump.AsSpan(at)) + 3) & ~3;
        }

        return at;
    }

    private static IEnumerable<byte[]> Payloads(byte[] dump)
    {
        for (int at = 0; at < dump.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(dump.AsSpan(at));
            yield return dump[(at + Header)..(at + length)];
            at += (length + 3) & ~3;
        }
    }

    private static byte[] Message(ushort type, byte[] payload)
    {
        byte[] message = new byte[Header + payload.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(Sequence), 1);
        payload.CopyTo(message, Header);
        return message;
    }

    // Whole messages, and attributes that are empty, short, or known.
    private static byte[][] Words() =>
    [
        .. Types.Select(type => Message((ushort)type, new byte[4])),
        Message(18, new byte[Record]),
        [4, 0, 8, 0], [5, 0, 8, 0, 1, 0, 0, 0], [12, 0, 21, 0, 1, 2, 3, 4, 5, 6, 7, 8], [8, 0, 21, 0, 1, 2, 3, 4], [40, 0, 7, 0, .. new byte[36]], [8, 0, 7, 0, 0, 0, 0, 0],
        [64, 0, 2, 0, .. new byte[60]], [4, 0, 2, 0], [4, 0, 8, 0x80], [4, 0, 7, 0x40],
    ];

    // The length of a message, or of an attribute in it.
    private static (int Offset, int Size) LengthField(ReadOnlySpan<byte> input, Dice dice)
    {
        int messages = 0;
        int wanted = dice.Below(MessagesOfASeed);
        int at = 0;
        while (at + Header <= input.Length)
        {
            uint length = MemoryMarshal.Read<uint>(input[at..]);
            bool isLast = length < Header || length > input.Length - at;
            if (messages++ == wanted || isLast)
            {
                return isLast || dice.Once(2) ? (at, 4) : AttributeLength(input, at + Header, at + (int)length, dice);
            }

            at += ((int)length + 3) & ~3;
        }

        return default;
    }

    private static (int Offset, int Size) AttributeLength(ReadOnlySpan<byte> input, int from, int to, Dice dice)
    {
        (int, int) found = default;
        for (int at = from + Record; at + 4 <= to;)
        {
            found = (at, 2);
            int length = MemoryMarshal.Read<ushort>(input[at..]);
            if (length < 4 || dice.Once(3))
            {
                break;
            }

            at += (length + 3) & ~3;
        }

        return found;
    }
}
