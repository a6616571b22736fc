using System.Diagnostics;

namespace ConnExporter.SocketLab;

/// <summary>Very many ESTABLISHED sockets without peers, by TCP_REPAIR (needs CAP_NET_ADMIN). About 3.5 kB of kernel memory each.</summary>
/// <remarks>Where RLIMIT_NOFILE does not permit them in one process, small processes inherit and hold them by the limit.</remarks>
public sealed class RepairedSockets : IDisposable
{
    // Below the ephemeral ports: a port that anybody has bound is lost to every connect() of the namespace, the scraper's too.
    private const int PortsPerAddress = 20_000;
    private const ushort FirstPort = 10_000;
    private const int ProgressEvery = 100_000;
    private readonly List<int> sockets = [];
    private readonly Leash leash;

    /// <summary>No socket yet.</summary>
    /// <param name="holder">A program that ends when its stdin does.</param>
    public RepairedSockets(string holder) => leash = new Leash(holder);

    /// <summary>Makes sockets.</summary>
    /// <param name="count">How many.</param>
    /// <param name="peers">How many addresses they go to, in turn.</param>
    /// <param name="peerBase">The first of those addresses; it needs a route.</param>
    /// <param name="peerPort">The port they go to.</param>
    public void Make(int count, int peers, string peerBase, int peerPort)
    {
        int perProcess = Resources.AllowSockets(count);
        var firstPeer = Endpoint.Parse(peerBase);

        // From 127.1.0.1 on, or from ::1 alone.
        Endpoint firstLocal = firstPeer.IsV6 ? Endpoint.LoopbackV6 : new Endpoint(false, 0x7f01_0001, 0);
        if (firstPeer.IsV6 && count / peers >= PortsPerAddress)
        {
            throw new InvalidOperationException($"{count} sockets to {peers} IPv6 peers are more than one local address has ports for");
        }

        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            if (sockets.Count == perProcess)
            {
                HandOver();
            }

            int turn = i / peers;
            Endpoint local = new(firstLocal.IsV6, firstLocal.Address + (UInt128)(turn / PortsPerAddress), (ushort)(FirstPort + (turn % PortsPerAddress)));
            Endpoint remote = new(firstPeer.IsV6, firstPeer.Address + (UInt128)(i % peers), (ushort)peerPort);
            sockets.Add(Tcp.Repair(local, remote, 1, stay: true));
            if (i % ProgressEvery == ProgressEvery - 1)
            {
                Console.Error.WriteLine($"socket-lab: {i + 1} of {count} sockets after {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, {leash.Processes.Count} holders");
            }
        }
    }

    /// <summary>Closes them all.</summary>
    public void Dispose()
    {
        leash.Dispose();
        CloseOwn();
    }

    private void HandOver()
    {
        leash.Spawn();
        CloseOwn();
    }

    private void CloseOwn()
    {
        foreach (int socket in sockets)
        {
            Tcp.Close(socket);
        }

        sockets.Clear();
    }
}
