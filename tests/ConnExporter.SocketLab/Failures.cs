using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace ConnExporter.SocketLab;

/// <summary>Calls that fail for each of the reasons there are, and connections that this side closes first, each counted as connect() and SO_ERROR tell it.</summary>
/// <remarks>What it holds when it is done is never closed by itself: that would be a close more than was counted.</remarks>
internal sealed unsafe class Failures
{
    private const int NoDescriptor = 24;
    private const int AddressInUse = 98;
    private const int AddressNotAvailable = 99;
    private const int TimedOut = 110;
    private const int Refused = 111;
    private const int HostUnreachable = 113;
    private const int SoError = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);
    private readonly int count;
    private readonly Family[] families;
    private readonly int unreachablePort;

    /// <summary>Plans it.</summary>
    /// <param name="count">How often for each reason and family.</param>
    /// <param name="families">As what.</param>
    /// <param name="unreachablePort">A port of the loopback addresses where the host is said to be unreachable; 0 for none.</param>
    public Failures(int count, Family[] families, int unreachablePort)
    {
        (this.count, this.families, this.unreachablePort) = (count, families, unreachablePort);
        foreach (string name in (ReadOnlySpan<string>)["abandoned", "accept_failed", "accepted", "bind_failed", "closed_first", "descriptors", "local", "no_port", "refused", "timed_out", "unreachable"])
        {
            counts.Add(name, 0);
        }
    }

    /// <summary>Does it all; the range of ephemeral ports is narrowed at the end.</summary>
    public void Make()
    {
        Resources.AllowSockets(count + 1000);
        foreach (Family family in families)
        {
            Refuse(family);
            Abandon(family);
            CloseFirst(family);
            BindTwice(family);
            FailLater(family, Swallowed(family), TimedOut, "timed_out");
            if (unreachablePort > 0)
            {
                FailLater(family, Loopback(family).WithPort((ushort)unreachablePort), HostUnreachable, "unreachable");
            }
        }

        BindTaken();
        AcceptWithoutDescriptors();
        File.WriteAllText("/proc/sys/net/ipv4/ip_local_port_range", "20000 20001");
        foreach (Family family in families)
        {
            ExhaustPorts(family);
        }
    }

    /// <summary>How often each came about.</summary>
    public string ToJson() => "{" + string.Join(",", counts.Select(pair => string.Create(CultureInfo.InvariantCulture, $"\"{pair.Key}\":{pair.Value}"))) + "}";

    private static Endpoint Loopback(Family family) => family switch
    {
        Family.V4 => Endpoint.LoopbackV4,
        Family.V6 => Endpoint.LoopbackV6,
        _ => Endpoint.LoopbackV4.ToMapped(),
    };

    // A device that swallows packets has them.
    private static Endpoint Swallowed(Family family) => (family switch
    {
        Family.V4 => Endpoint.Parse("10.99.0.9"),
        Family.V6 => Endpoint.Parse("fd99::9"),
        _ => Endpoint.Parse("10.99.0.9").ToMapped(),
    }).WithPort(443);

    private static int Create(Family family, bool blocking = true) => Tcp.Create(family != Family.V4, blocking);

    private void Refuse(Family family)
    {
        // Bound, so that nobody else listens there.
        int bound = Create(family);
        Tcp.Bind(bound, Loopback(family));
        Endpoint target = Loopback(family).WithPort(Tcp.LocalPort(bound));
        for (int i = 0; i < count; i++)
        {
            Fail(Create(family), target, Refused, "refused");
        }

        Tcp.Close(bound);
    }

    private void Abandon(Family family)
    {
        for (int i = 0; i < count; i++)
        {
            int socket = Create(family, blocking: false);
            if (!Tcp.Connect(socket, Swallowed(family)))
            {
                counts["abandoned"]++;
            }

            Tcp.Close(socket);
        }
    }

    private void CloseFirst(Family family)
    {
        int listener = Tcp.Listen(Loopback(family), 16, out ushort port, dualStack: family == Family.Mapped);
        for (int i = 0; i < count; i++)
        {
            int client = Create(family);
            Tcp.Connect(client, Loopback(family).WithPort(port));
            int server = Tcp.Accept(listener);
            Tcp.Close(client);

            // Before the FIN is there the other side would close first, too.
            Tcp.WaitFor(server, SocketState.CloseWait);
            Tcp.Close(server);
            counts["accepted"]++;
            counts["closed_first"]++;
        }

        Tcp.Close(listener);
    }

    private void BindTaken()
    {
        int listener = Tcp.Listen(Endpoint.LoopbackV4, 1, out ushort port);
        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = Endpoint.LoopbackV4.WithPort(port).Write(new Span<byte>(address, Endpoint.MaxSize));
        for (int i = 0; i < count; i++)
        {
            int socket = Create(Family.V4);
            Expect(LibC.Bind(socket, address, length), AddressInUse, "bind_failed");
            Tcp.Close(socket);
        }

        Tcp.Close(listener);
    }

    // One waits, and stays: there is no descriptor for it.
    private void AcceptWithoutDescriptors()
    {
        int listener = Tcp.Listen(Endpoint.LoopbackV4, 1, out ushort port);
        Tcp.Connect(Create(Family.V4), Endpoint.LoopbackV4.WithPort(port));
        counts["accepted"]++;
        LibC.Limit had;
        LibC.Check(LibC.ResourceLimit(0, LibC.ResourceFiles, null, &had), "prlimit(RLIMIT_NOFILE)");
        LibC.Limit limit = had with { Soft = 4 };
        LibC.Check(LibC.ResourceLimit(0, LibC.ResourceFiles, &limit, null), "prlimit(RLIMIT_NOFILE)");
        for (int i = 0; i < count; i++)
        {
            Expect(LibC.Accept(listener, null, null, LibC.SockCloseOnExec), NoDescriptor, "accept_failed");
            counts["descriptors"]++;
        }

        LibC.Check(LibC.ResourceLimit(0, LibC.ResourceFiles, &had, null), "prlimit(RLIMIT_NOFILE)");
    }

    // From a port of its own that another connection to the same destination has.
    private void BindTwice(Family family)
    {
        int listener = Tcp.Listen(Loopback(family), 16, out ushort port, dualStack: family == Family.Mapped);
        Endpoint target = Loopback(family).WithPort(port);
        int first = Create(family);
        Tcp.Set(first, LibC.SolSocket, LibC.SoReuseAddr, 1, "SO_REUSEADDR");
        Tcp.Bind(first, Loopback(family));
        Endpoint own = Loopback(family).WithPort(Tcp.LocalPort(first));
        Tcp.Connect(first, target);
        counts["accepted"]++;
        for (int i = 0; i < count; i++)
        {
            int socket = Create(family);
            Tcp.Set(socket, LibC.SolSocket, LibC.SoReuseAddr, 1, "SO_REUSEADDR");
            Tcp.Bind(socket, own);
            Fail(socket, target, AddressNotAvailable, "local");
        }
    }

    private void ExhaustPorts(Family family)
    {
        int listener = Tcp.Listen(Loopback(family).WithPort((ushort)(30_000 + (int)family)), 16, out ushort port, dualStack: family == Family.Mapped);
        Endpoint target = Loopback(family).WithPort(port);
        _ = listener;
        for (int i = 0; i < 2; i++)
        {
            Tcp.Connect(Create(family), target);
            counts["accepted"]++;
        }

        for (int i = 0; i < count; i++)
        {
            Fail(Create(family), target, AddressNotAvailable, "no_port");
        }
    }

    // All at once: the answer takes seconds.
    private void FailLater(Family family, Endpoint target, int error, string name)
    {
        var waiting = new List<int>(count);
        for (int i = 0; i < count; i++)
        {
            int socket = Create(family, blocking: false);
            Tcp.SetTcp(socket, LibC.TcpSynCount, 1, "TCP_SYNCNT");
            Tcp.Connect(socket, target);
            waiting.Add(socket);
        }

        long start = Stopwatch.GetTimestamp();
        while (waiting.Count > 0)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"{waiting.Count} connects have not {name} yet");
            }

            Thread.Sleep(100);
            waiting.RemoveAll(socket => Ended(socket, error, name));
        }
    }

    private bool Ended(int socket, int error, string name)
    {
        if (Tcp.State(socket) == SocketState.SynSent)
        {
            return false;
        }

        int said;
        uint length = sizeof(int);
        LibC.Check(LibC.GetSocketOption(socket, LibC.SolSocket, SoError, &said, &length), "getsockopt(SO_ERROR)");
        Count(said, error, name);
        Tcp.Close(socket);
        return true;
    }

    private void Fail(int socket, Endpoint target, int error, string name)
    {
        byte* address = stackalloc byte[Endpoint.MaxSize];
        uint length = target.Write(new Span<byte>(address, Endpoint.MaxSize));
        Count(LibC.Connect(socket, address, length) == 0 ? 0 : Marshal.GetLastPInvokeError(), error, name);
        Tcp.Close(socket);
    }

    private void Expect(int result, int error, string name) => Count(result >= 0 ? 0 : Marshal.GetLastPInvokeError(), error, name);

    private void Count(int said, int error, string name)
    {
        if (said != error)
        {
            throw new InvalidOperationException($"{name}: errno {said}, not {error}");
        }

        counts[name]++;
    }
}
