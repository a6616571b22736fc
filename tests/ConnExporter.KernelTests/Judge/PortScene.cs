using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Judge;

/// <summary>A <see cref="PortWorld"/> made on the real kernel, which is then asked what it still gives.</summary>
internal sealed class PortScene : IDisposable
{
    private const int LevelIp = 0;
    private const int BindAddressNoPort = 24;
    private const int LevelSocket = 1;
    private const int ReuseAddress = 2;
    private const int ReusePort = 15;
    private const int FirstPort = 8080;
    private const int QueuePort = 7070;
    private const int FreshPort = 9090;
    private const int QueueClients = 40_000;
    private const int BindAttempts = 3;
    private static readonly TimeSpan BindPause = TimeSpan.FromMilliseconds(100);
    private static readonly Lock Making = new();
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly PortWorld world;
    private readonly NetworkNamespace? peer;
    private readonly List<Socket> sockets = [];
    private readonly List<Socket> listeners = [];
    private readonly IPAddress home;
    private readonly IPAddress second;
    private readonly IPAddress[] remote;
    private Socket? queue;

    public PortScene(PortWorld world)
    {
        this.world = world;
        lock (Making)
        {
            Network = new NetworkNamespace();
            peer = world.Place == Place.Peer ? new NetworkNamespace() : null;
        }

        bool v6 = world.Family == Family.V6;
        (string here, string other) = world.Place switch
        {
            Place.Loopback => v6 ? ("::1", "::1") : ("127.0.0.6", "127.0.0.9"),
            Place.Own => v6 ? ("fd99::1", "fd99::3") : ("10.99.0.1", "10.99.0.3"),
            _ => v6 ? ("fd98::1", "fd98::3") : ("10.98.0.1", "10.98.0.3"),
        };
        (home, second) = (IPAddress.Parse(here), IPAddress.Parse(other));
        remote = [.. Enumerable.Range(0, world.Destinations).Select(i => world.Place switch
        {
            Place.Loopback => v6 ? IPAddress.IPv6Loopback : IPAddress.Parse($"127.0.0.{20 + i}"),
            Place.Own => home,
            _ => IPAddress.Parse(v6 ? "fd98::2" : "10.98.0.2"),
        })];
        try
        {
            Build();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public NetworkNamespace Network { get; }

    /// <summary>Every destination from every address that connections to it may come from, with the name that it has in the report.</summary>
    public IEnumerable<(int Destination, IPAddress? Source, string Name)> Keys
    {
        get
        {
            for (int i = 0; i < world.Destinations; i++)
            {
                var to = new IPEndPoint(remote[i], FirstPort + i);
                IPAddress usual = Network.Inside(() => SourceTo(to));
                yield return (i, null, NameOf(to, usual));
                foreach (IPAddress source in new[] { home, second }.Distinct().Where(source => !source.Equals(usual)))
                {
                    yield return (i, source, NameOf(to, source));
                }
            }
        }
    }

    /// <summary>How many connections to a destination the kernel still gives a port.</summary>
    /// <param name="destination">Which.</param>
    /// <param name="source">From which address; null to leave that to the kernel.</param>
    public int Given(int destination, IPAddress? source) => Network.Inside(() => Count(new IPEndPoint(remote[destination], FirstPort + destination), source));

    /// <summary>The same for a destination that nobody is connected to.</summary>
    public int GivenToAnybody() => Network.Inside(() =>
    {
        var fresh = new IPEndPoint(world.Family == Family.V6 ? IPAddress.IPv6Loopback : IPAddress.Parse("127.0.0.250"), FreshPort);
        using Socket listener = Listen(fresh);
        return Count(fresh, null);
    });

    /// <summary>Whether bind() to port 0 still finds a port.</summary>
    /// <remarks>Every port was just asked for and given back: a refusal counts once it lasts.</remarks>
    public bool CanBind()
    {
        for (int i = 0; i < BindAttempts; i++)
        {
            bool isGiven = Network.Inside(() =>
            {
                using Socket socket = New();
                return TryBind(socket, Any);
            });
            if (isGiven)
            {
                return true;
            }

            Thread.Sleep(BindPause);
        }

        return false;
    }

    /// <summary>Whether a connection to the listener that nobody accepts from comes about.</summary>
    public bool CanEnterQueue() => Network.Inside(() =>
    {
        using Socket socket = New();
        socket.Bind(new IPEndPoint(Map(QueueAddress), QueueClients + 999));
        socket.Blocking = false;
        TryConnect(socket, new IPEndPoint(QueueAddress, QueuePort));

        // What is turned away is answered by nothing, so there is nothing to wait for but time.
        return socket.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectWrite);
    });

    public void Dispose()
    {
        foreach (Socket socket in sockets.Concat(listeners))
        {
            socket.Dispose();
        }

        queue?.Dispose();
        peer?.Dispose();
        Network.Dispose();
    }

    private IPAddress QueueAddress => world.Family == Family.V6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;

    private IPEndPoint Any => new(world.Family == Family.V4 ? IPAddress.Any : IPAddress.IPv6Any, 0);

    private static string NameOf(IPEndPoint to, IPAddress source) => $"{to} from {source}";

    private void Build()
    {
        if (world.Place == Place.Own)
        {
            Tool.Run(Patience, "ip", ["-n", Network.Name, "addr", "add", $"{second}/{(world.Family == Family.V6 ? 64 : 24)}", "dev", "dummy0", .. NoDetection]);
        }
        else if (peer is not null)
        {
            Tool.Run(Patience, "ip", "link", "add", "veth0", "netns", Network.Name, "type", "veth", "peer", "name", "veth0", "netns", peer.Name);
            int bits = world.Family == Family.V6 ? 64 : 24;
            foreach ((NetworkNamespace network, IPAddress address) in new[] { (Network, home), (Network, second), (peer, remote[0]) })
            {
                Tool.Run(Patience, "ip", ["-n", network.Name, "addr", "add", $"{address}/{bits}", "dev", "veth0", .. NoDetection]);
            }

            Tool.Run(Patience, "ip", "-n", Network.Name, "link", "set", "veth0", "up");
            Tool.Run(Patience, "ip", "-n", peer.Name, "link", "set", "veth0", "up");
            Set(peer, "tcp_timestamps", world.PeerTimestamps ? "1" : "0");
        }

        Set(Network, "ip_local_port_range", $"{world.First} {world.Last}");
        Set(Network, "ip_local_reserved_ports", world.Reserved == 0 ? "" : $"{world.First + 2}-{world.First + 1 + world.Reserved}");
        Set(Network, "tcp_tw_reuse", $"{world.Reuse}");
        Set(Network, "tcp_timestamps", world.Timestamps ? "1" : "0");
        var delay = TimeSpan.FromSeconds(1);
        if (File.Exists("/proc/sys/net/ipv4/tcp_tw_reuse_delay"))
        {
            Set(Network, "tcp_tw_reuse_delay", "100");
            delay = TimeSpan.FromMilliseconds(100);
        }

        for (int i = 0; i < world.Destinations; i++)
        {
            var endpoint = new IPEndPoint(remote[i], FirstPort + i);
            listeners.Add((peer ?? Network).Inside(() => Listen(endpoint)));
        }

        foreach (PortGroup group in world.Groups)
        {
            Network.Inside(() => Make(group));
        }

        if (world.Backlog is { } backlog)
        {
            Network.Inside(() => FillQueue(backlog));
        }

        // Before that the kernel takes over no TIME_WAIT socket; the delay is its own.
        Thread.Sleep(delay + TimeSpan.FromMilliseconds(50));
    }

    private string[] NoDetection => world.Family == Family.V6 ? ["nodad"] : [];

    private static void Set(NetworkNamespace network, string name, string value) =>
        network.Inside(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/" + name, value + "\n");
            return true;
        });

    private int Make(PortGroup group)
    {
        var made = new List<(Socket Client, Socket? Server)>();
        for (int i = 0; i < group.Count; i++)
        {
            int destination = group.Destination + (i % group.Spread);
            if (Open(group, i, destination) is not { } client)
            {
                break;
            }

            Socket? server = null;
            if (group.Opening is not (Opening.BoundOnly or Opening.Listener))
            {
                server = listeners[destination].Accept();
            }

            made.Add((client, server));
        }

        if (!group.Closed)
        {
            sockets.AddRange(made.SelectMany(pair => (Socket?[])[pair.Client, pair.Server]).OfType<Socket>());
            return made.Count;
        }

        int before = TimeWait();
        foreach ((Socket client, Socket? server) in made)
        {
            client.LingerState = new LingerOption(false, 0);
            client.Dispose();
            server!.Receive(new byte[1]).ShouldBe(0);
            server.LingerState = new LingerOption(false, 0);
            server.Dispose();
        }

        Poll.Until(TimeWait, now => now >= before + made.Count, $"{made.Count} more in TIME_WAIT");
        return made.Count;
    }

    private static int TimeWait()
    {
        string[] words = File.ReadAllText("/proc/thread-self/net/sockstat").Split(' ', '\n');
        return int.Parse(words[Array.IndexOf(words, "tw") + 1], CultureInfo.InvariantCulture);
    }

    // Null where the kernel refuses a port.
    private Socket? Open(PortGroup group, int number, int destination)
    {
        Socket socket = New();
        IPAddress source = group.SecondSource ? second : home;
        switch (group.Opening)
        {
            case Opening.ReuseAddress:
                Option(socket, LevelSocket, ReuseAddress);
                break;
            case Opening.ReusePort:
                Option(socket, LevelSocket, ReusePort);
                break;
            case Opening.NoPort:
                Option(socket, LevelIp, BindAddressNoPort);
                break;
            default:
                break;
        }

        int port = group.Opening is Opening.ChosenPort or Opening.Listener ? world.Last - number : 0;
        bool isBound = group.Opening switch
        {
            Opening.Plain => true,
            Opening.BindAny => TryBind(socket, Any),
            _ => TryBind(socket, new IPEndPoint(Map(source), port)),
        };
        bool isOpen = isBound && (group.Opening switch
        {
            Opening.BoundOnly => true,
            Opening.Listener => Listening(socket),
            _ => TryConnect(socket, new IPEndPoint(remote[destination], FirstPort + destination)),
        });
        if (isOpen)
        {
            return socket;
        }

        socket.Dispose();
        return null;
    }

    private static bool Listening(Socket socket)
    {
        socket.Listen();
        return true;
    }

    private int Count(IPEndPoint to, IPAddress? source)
    {
        var given = new List<Socket>();
        try
        {
            while (given.Count <= world.Ports)
            {
                Socket socket = New();
                given.Add(socket);
                if (source is not null)
                {
                    Option(socket, LevelIp, BindAddressNoPort);
                    socket.Bind(new IPEndPoint(Map(source), 0));
                }

                socket.Blocking = false;
                if (!TryConnect(socket, to))
                {
                    return given.Count - 1;
                }
            }

            throw new InvalidOperationException($"{to}: more than {world.Ports} ports");
        }
        finally
        {
            given.ForEach(socket => socket.Dispose());
        }
    }

    private bool FillQueue(int backlog)
    {
        queue = New();
        queue.Bind(new IPEndPoint(Map(QueueAddress), QueuePort));
        queue.Listen(backlog);
        int connections = world.IsQueueFull ? backlog + 1 : (backlog + 1) / 2;
        for (int i = 0; i < connections; i++)
        {
            Socket client = New();
            sockets.Add(client);
            client.Bind(new IPEndPoint(Map(QueueAddress), QueueClients + i));
            TryConnect(client, new IPEndPoint(QueueAddress, QueuePort)).ShouldBeTrue();
        }

        return true;
    }

    private Socket Listen(IPEndPoint at)
    {
        Socket socket = New();
        Option(socket, LevelSocket, ReuseAddress);
        socket.Bind(new IPEndPoint(Map(at.Address), at.Port));
        socket.Listen(4096);
        return socket;
    }

    // Closed by a reset, so that nothing of it stays.
    private Socket New()
    {
        var socket = new Socket(world.Family == Family.V4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        if (world.Family == Family.Mapped)
        {
            socket.DualMode = true;
        }

        return socket;
    }

    private IPAddress Map(IPAddress address) => world.Family == Family.Mapped ? address.MapToIPv6() : address;

    private static bool TryBind(Socket socket, IPEndPoint at)
    {
        try
        {
            socket.Bind(at);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    private bool TryConnect(Socket socket, IPEndPoint to)
    {
        try
        {
            socket.Connect(new IPEndPoint(Map(to.Address), to.Port));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.WouldBlock or SocketError.InProgress)
        {
            return e.SocketErrorCode != SocketError.AddressNotAvailable;
        }
    }

    private static IPAddress SourceTo(IPEndPoint to)
    {
        using var socket = new Socket(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(to);
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }

    private static void Option(Socket socket, int level, int option)
    {
        int yes = 1;
        socket.SetRawSocketOption(level, option, System.Runtime.InteropServices.MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in yes)));
    }
}
