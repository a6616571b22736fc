using System.Text;

namespace ConnExporter.SocketLab;

/// <summary>
/// Very many network namespaces, each kept by a mount as <c>ip netns</c> does, in half a millisecond each: this process goes from one to the next and leaves none of
/// itself behind. To be run in a mount namespace of its own, with an empty file system on <c>/run/netns</c>.
/// </summary>
internal sealed unsafe class Crowd : IDisposable
{
    private const string Place = "/run/netns";
    private const int PeerPort = 443;
    private const int FirstPort = 10_000;
    private readonly List<int> sockets = [];
    private readonly Queue<string> names = [];
    private readonly Leash leash;
    private readonly int room = Resources.AllowSockets(int.MaxValue / 2);
    private int made;

    public Crowd(string holder)
    {
        leash = new Leash(holder);
        Directory.CreateDirectory(Place);
    }

    /// <summary>Makes namespaces.</summary>
    /// <param name="count">How many.</param>
    /// <param name="busy">How many of them have sockets.</param>
    /// <param name="peers">ESTABLISHED sockets of each of these, each to a peer of its own.</param>
    /// <param name="listeners">Listeners of each of these.</param>
    public void Make(int count, int busy, int peers, int listeners)
    {
        for (int i = 0; i < count; i++)
        {
            string name = $"crowd-{made++}";
            string path = Path.Join(Place, name);
            File.WriteAllText(path, "");
            LibC.Check(LibC.Unshare(LibC.CloneNewNet), "unshare(CLONE_NEWNET)");
            LibC.Check(LibC.Mount("/proc/thread-self/ns/net", path, "none", LibC.MountBind, 0), "mount");
            names.Enqueue(name);
            if (i < busy)
            {
                Fill(peers, listeners);
            }
        }
    }

    /// <summary>Does away with the oldest of the empty ones and makes as many others.</summary>
    public void Replace(int count)
    {
        for (int i = 0; i < count && names.TryDequeue(out string? name); i++)
        {
            string path = Path.Join(Place, name);
            LibC.Check(LibC.Unmount(path, LibC.UnmountDetach), "umount");
            File.Delete(path);
        }

        Make(count, 0, 0, 0);
    }

    /// <summary>Carries out <c>make COUNT BUSY PEERS LISTENERS</c> or <c>replace COUNT</c>.</summary>
    public string Command(string line)
    {
        string[] words = line.Split(' ');
        int[] numbers = [.. words[1..].Select(int.Parse)];
        if (words[0] == "make")
        {
            Make(numbers[0], numbers[1], numbers[2], numbers[3]);
        }
        else
        {
            Replace(numbers[0]);
        }

        return $$"""done {"made":{{made}}}""";
    }

    public void Dispose()
    {
        leash.Dispose();
        CloseOwn();
    }

    private void Fill(int peers, int listeners)
    {
        RaiseLoopback();
        for (int i = 0; i < listeners; i++)
        {
            Keep(Tcp.Listen(new Endpoint(false, 0x7f00_0001, (ushort)(FirstPort + i)), 16, out _));
        }

        for (int i = 0; i < peers; i++)
        {
            Keep(Tcp.Repair(new Endpoint(false, 0x7f01_0001, (ushort)(FirstPort + listeners + i)), new Endpoint(false, 0x7f02_0001 + (UInt128)i, PeerPort), 1, stay: true));
        }
    }

    private void Keep(int socket)
    {
        sockets.Add(socket);
        if (sockets.Count >= room)
        {
            leash.Spawn();
            CloseOwn();
        }
    }

    private void CloseOwn()
    {
        sockets.ForEach(Tcp.Close);
        sockets.Clear();
    }

    private static void RaiseLoopback()
    {
        int socket = LibC.Check(LibC.Socket(LibC.AfInet, LibC.SockDatagram, 0), "socket");

        // struct ifreq: 16 bytes of name, then the flags.
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        Encoding.ASCII.GetBytes("lo", new Span<byte>(request, 16));
        *(short*)(request + 16) = LibC.InterfaceUp | LibC.InterfaceRunning;
        LibC.Check(LibC.InterfaceControl(socket, LibC.SetInterfaceFlags, request), "ioctl(SIOCSIFFLAGS)");
        Tcp.Close(socket);
    }
}
