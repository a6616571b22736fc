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
    private readonly List<(FakeKernel Kernel, Thread Thread)> sockets = [];
    private volatile bool ended;

    /// <summary>Sockets that were opened so far.</summary>
    public int Opened => sockets.Count;

    /// <summary>The state masks that were asked for, in order.</summary>
    public ConcurrentQueue<uint> AskedStates { get; } = new();

    /// <summary>Thrown by the next attempts to open a socket, while set.</summary>
    public KernelReadException? OpenFailure { get; set; }

    public KernelSource Kernel(string procRoot, string sysRoot = "/nonexistent") => new(new ProcFs(procRoot), sysRoot, Open);

    /// <summary>Plans a whole dump of these records, in datagrams of at most 100.</summary>
    public void Dump(params IEnumerable<byte[]> records) => answers.Enqueue(sequence =>
    [
        .. records.Select(record => Netlink.Message(Netlink.SockDiag, sequence, record)).Chunk(100).Select(chunk => chunk.SelectMany(message => message).ToArray()),
        Netlink.Verdict(Netlink.Done, sequence, 0),
    ]);

    /// <summary>Plans a dump that gives these records and then breaks the protocol.</summary>
    public void BreakAfter(params IEnumerable<byte[]> records) => answers.Enqueue(sequence =>
        [.. records.Select(record => Netlink.Message(Netlink.SockDiag, sequence, record)), [1, 2, 3]]);

    /// <summary>Plans a verdict instead of a dump.</summary>
    public void Refuse(ushort type, int errno) => answers.Enqueue(sequence => [Netlink.Verdict(type, sequence, errno)]);

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
            AskedStates.Enqueue(BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(16 + 52)));
            foreach (byte[] datagram in answers.TryDequeue(out Func<uint, byte[][]>? answer) ? answer(sequence) : [Netlink.Verdict(Netlink.Error, sequence, NotPlanned)])
            {
                kernel.Answer(datagram);
            }
        }
    }
}
