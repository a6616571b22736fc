using System.Buffers.Binary;
using System.Collections.Concurrent;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Tests.Support;

/// <summary>A kernel that answers one request after the other as a test has planned it, whichever socket the request comes from.</summary>
internal sealed class FakeSockDiag : IDisposable
{
    // ENOTNAM: nothing else here gives it, so that it names its cause.
    private const int NotPlanned = 118;

    private readonly ConcurrentQueue<Func<uint, byte[][]>> answers = new();

    // Of UDP and Unix sockets there are none where nothing is planned.
    private readonly ConcurrentQueue<Func<uint, byte[][]>> byFamily = new();
    private readonly List<(FakeKernel Kernel, Thread Thread)> sockets = [];
    private volatile bool ended;

    /// <summary>Sockets that were opened so far.</summary>
    public int Opened => sockets.Count;

    /// <summary>The state masks that were asked for, in order.</summary>
    public ConcurrentQueue<uint> AskedStates { get; } = new();

    /// <summary>The same of UDP and Unix sockets.</summary>
    public ConcurrentQueue<uint> AskedByFamily { get; } = new();

    /// <summary>Thrown by the next attempts to open a socket, while set.</summary>
    public KernelReadException? OpenFailure { get; set; }

    public KernelSource Kernel(string procRoot, string sysRoot = "/nonexistent") => new(new ProcFs(procRoot), sysRoot, Open);

    /// <summary>Plans a whole dump of these records, in datagrams of at most 100.</summary>
    public void Dump(params IEnumerable<byte[]> records) => answers.Enqueue(sequence =>
    [
        .. records.Select(record => Netlink.Message(Netlink.SockDiag, sequence, record)).Chunk(100).Select(chunk => chunk.SelectMany(message => message).ToArray()),
        Netlink.Verdict(Netlink.Done, sequence, 0),
    ]);

    /// <summary>Plans a whole dump of UDP or Unix sockets.</summary>
    public void DumpByFamily(params IEnumerable<byte[]> records) => byFamily.Enqueue(sequence =>
    [
        .. records.Select(record => Netlink.Message(Netlink.SockDiagByFamily, sequence, record)).Chunk(100).Select(chunk => chunk.SelectMany(message => message).ToArray()),
        Netlink.Verdict(Netlink.Done, sequence, 0),
    ]);

    /// <summary>Plans a dump that gives these records and then breaks the protocol.</summary>
    public void BreakAfter(params IEnumerable<byte[]> records) => answers.Enqueue(sequence =>
        [.. records.Select(record => Netlink.Message(Netlink.SockDiag, sequence, record)), [1, 2, 3]]);

    /// <summary>Plans a verdict instead of a dump.</summary>
    public void Refuse(ushort type, int errno) => answers.Enqueue(sequence => [Netlink.Verdict(type, sequence, errno)]);

    /// <summary>Takes back what was planned and not asked for.</summary>
    public void Forget() => byFamily.Clear();

    /// <summary>Plans a verdict instead of a dump of UDP or Unix sockets.</summary>
    public void RefuseByFamily(ushort type, int errno) => byFamily.Enqueue(sequence => [Netlink.Verdict(type, sequence, errno)]);

    public void Dispose()
    {
        ended = true;
        foreach ((FakeKernel kernel, Thread thread) in sockets)
        {
            thread.Join();
            kernel.Dispose();
        }
    }

    private NetlinkSocket Open()
    {
        if (OpenFailure is { } failure)
        {
            throw failure;
        }

        var kernel = new FakeKernel();
        var thread = new Thread(() => Serve(kernel)) { IsBackground = true, Name = "fake sock_diag" };
        sockets.Add((kernel, thread));
        thread.Start();
        return kernel.Socket;
    }

    private void Serve(FakeKernel kernel)
    {
        while (!ended)
        {
            if (!kernel.HasRequest(TimeSpan.FromMilliseconds(20)))
            {
                continue;
            }

            byte[] request = kernel.Received();
            uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(8));
            bool isTcp = BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(4)) == Netlink.SockDiag;
            (isTcp ? AskedStates : AskedByFamily).Enqueue(BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(isTcp ? 16 + 52 : 16 + 4)));
            foreach (byte[] datagram in (isTcp ? answers : byFamily).TryDequeue(out Func<uint, byte[][]>? answer) ? answer(sequence) : [isTcp ? Netlink.Verdict(Netlink.Error, sequence, NotPlanned) : Netlink.Verdict(Netlink.Done, sequence, 0)])
            {
                kernel.Answer(datagram);
            }
        }
    }
}
