using System.Buffers.Binary;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Support;

/// <summary>Plays a kernel's sock_diag from recorded dumps, on as many sockets and for as many requests as come.</summary>
internal sealed class SockDiagReplay : IDisposable
{
    private const int OperationNotSupported = 95;
    private const int Chunk = 4000;

    // Asked for with the times of each socket, which the recordings do not have: answered as if there were none.
    private const uint CloseWait = 0x100;

    // Of UDP and Unix sockets nothing was recorded: answered as if there were none.
    private const uint OtherThanTcp = 0;

    private readonly Func<uint, byte[]> answerTo;
    private readonly List<(FakeKernel Kernel, Thread Thread)> sockets = [];
    private volatile bool ended;

    private SockDiagReplay(Func<uint, byte[]> answerTo) => this.answerTo = answerTo;

    /// <summary>Answers with the dumps of a vintage.</summary>
    public static SockDiagReplay Of(string vintage) => new(states => states is CloseWait or OtherThanTcp ? Netlink.Verdict(Netlink.Done, 1, 0) : Fixture.Netlink(vintage, states switch
    {
        0xfbd => "census",
        0x400 => "listeners",
        0xfff or 0x2fff => "all",
        _ => throw new ArgumentOutOfRangeException(nameof(states), states, "there is no recording of a dump of these states"),
    }));

    /// <summary>Answers as a kernel without the module inet_diag.</summary>
    public static SockDiagReplay Missing() => new(_ => Netlink.Verdict(Netlink.Error, 1, OperationNotSupported));

    /// <summary>Opens a socket; give it to <see cref="ConnExporter.Kernel.Sources.KernelSource"/>.</summary>
    public NetlinkSocket Open()
    {
        var kernel = new FakeKernel();
        var thread = new Thread(() => Serve(kernel)) { IsBackground = true, Name = "sock_diag replay" };
        lock (sockets)
        {
            sockets.Add((kernel, thread));
        }

        thread.Start();
        return kernel.Socket;
    }

    public void Dispose()
    {
        ended = true;
        foreach ((FakeKernel kernel, Thread thread) in sockets)
        {
            thread.Join();
            kernel.Dispose();
        }
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
            bool isTcp = BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(4)) == Netlink.SockDiag;
            byte[] answer = answerTo(isTcp ? BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(68)) : OtherThanTcp);
            int start = 0;
            for (int at = 0; at < answer.Length;)
            {
                request.AsSpan(8, 4).CopyTo(answer.AsSpan(at + 8));
                at += (BinaryPrimitives.ReadInt32LittleEndian(answer.AsSpan(at)) + 3) & ~3;
                if (at - start >= Chunk || at >= answer.Length)
                {
                    kernel.Answer(answer.AsSpan(start, at - start));
                    start = at;
                }
            }
        }
    }
}
