using System.Net.Sockets;

namespace ConnExporter.KernelTests.Findings;

/// <summary>Queues of Unix sockets, made to fill up: the finding and its holder are named, nothing else is, and it ends with its cause.</summary>
public class UnixTests
{
    private const string Listener = "unix_accept_queue_overflowing";
    private const string Receiver = "unix_receiver_full";
    private const string Self = "netns=\"self\"";

    [KernelFact]
    public void A_pool_of_workers_that_does_not_accept_fills_its_queue()
    {
        using var network = new NetworkNamespace();
        string path = PathOf("fpm");
        using var scene = new Scene();
        Socket listener = scene.Add(network.Inside(() => Listening(path, backlog: 5)));

        // As nginx does: it may not wait.
        (int held, SocketError? refusal) = network.Inside(() => Connect(scene, path, most: 20));
        (held, refusal).ShouldBe((6, SocketError.WouldBlock), "listen(5) holds 6");

        // As most libraries do: it waits, until somebody accepts.
        var waiting = new Thread(() => network.Inside(() =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            scene.Add(socket);
            return true;
        }));
        waiting.Start();

        var seen = Diagnosis.Until(network, Listener);

        seen.Alarms.ShouldBe([Listener]);
        seen.InstanceOf(Listener).ShouldBe(path);
        seen.HolderOf(Listener).ShouldBe(Environment.ProcessId);
        seen.EvidenceOf(Listener).ShouldContain("6 wait to be accepted, the limit is 5");
        MetricsText page = network.Page();
        page.Value("conn_unix_listener_queue", Self, $"name=\"{path}\"").ShouldBe(6);
        page.Value("conn_unix_listener_queue_limit", Self, $"name=\"{path}\"").ShouldBe(5);
        waiting.IsAlive.ShouldBeTrue("a connect() that may wait waits");

        for (int i = 0; i < 7; i++)
        {
            scene.Add(listener.Accept());
        }

        waiting.Join(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        Diagnosis.UntilEnd(network, Listener).Alarms.ShouldBeEmpty();
    }

    [KernelTheory]
    [InlineData(SocketType.Stream)]
    [InlineData(SocketType.Seqpacket)]
    public void The_limit_is_cut_off_by_somaxconn_and_abstract_names_are_seen(SocketType kind)
    {
        using var network = new NetworkNamespace();
        network.Set("net/core/somaxconn", "3");
        using var scene = new Scene();
        string name = $"\0conn-exporter-test-{Environment.ProcessId}";
        scene.Add(network.Inside(() => Listening(name, backlog: 100, kind)));
        network.Inside(() => Connect(scene, name, most: 20, kind)).Held.ShouldBe(4);

        var seen = Diagnosis.Until(network, Listener);

        seen.InstanceOf(Listener).ShouldBe("@" + name[1..]);
        seen.EvidenceOf(Listener).ShouldContain("4 wait to be accepted, the limit is 3");
        seen.CommandsOf(Listener).ShouldContain("sysctl -w net.core.somaxconn=4096");
    }

    [KernelFact]
    public void A_queue_at_its_limit_that_has_room_for_one_and_one_that_is_emptied_are_none()
    {
        using var network = new NetworkNamespace();
        string path = PathOf("nearly");
        using var scene = new Scene();
        scene.Add(network.Inside(() => Listening(path, backlog: 5)));
        network.Inside(() => Connect(scene, path, most: 5)).ShouldBe((5, null));

        // Hundreds of connections that were accepted, on a socket of the same limit.
        string busy = PathOf("busy");
        Socket server = scene.Add(network.Inside(() => Listening(busy, backlog: 5)));
        for (int i = 0; i < 300; i++)
        {
            network.Inside(() => Connect(scene, busy, most: 1)).ShouldBe((1, null));
            scene.Add(server.Accept());
        }

        Diagnosis.Of(network).Alarms.ShouldBeEmpty();
        MetricsText page = network.Page();
        page.Value("conn_unix_listener_queue", Self, $"name=\"{path}\"").ShouldBe(5);
        page.Find("conn_unix_listener_queue", Self, $"name=\"{busy}\"").ShouldBeNull();

        // What looks may listen itself, as the runtime does for its diagnostics.
        page.Value("conn_unix_listeners", Self).ShouldBeInRange(2, 3);
    }

    [KernelTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_receiver_that_does_not_read_takes_nothing_any_more(bool isAbstract)
    {
        using var network = new NetworkNamespace();
        network.Set("net/unix/max_dgram_qlen", "10");
        string name = isAbstract ? $"\0conn-exporter-test-log-{Environment.ProcessId}" : PathOf("log");
        using var scene = new Scene();
        Socket receiver = scene.Add(network.Inside(() => Bound(name)));
        network.Inside(() => Send(scene, name, most: 50)).ShouldBe((11, SocketError.WouldBlock), "a limit of 10 holds 11");

        var seen = Diagnosis.Until(network, Receiver);

        seen.Alarms.ShouldBe([Receiver]);
        seen.InstanceOf(Receiver).ShouldBe(name.Replace('\0', '@'));
        seen.HolderOf(Receiver).ShouldBe(Environment.ProcessId);
        network.Page().Value("conn_unix_receiver_full", Self, $"name=\"{name.Replace('\0', '@')}\"").ShouldBe(1);

        // To ask has sent nothing: what waits is what was sent.
        byte[] datagram = new byte[100];
        for (int i = 0; i < 11; i++)
        {
            receiver.Receive(datagram).ShouldBe(1);
        }

        receiver.Available.ShouldBe(0);
        Diagnosis.UntilEnd(network, Receiver).Alarms.ShouldBeEmpty();
    }

    [KernelFact]
    public void A_receiver_with_room_for_one_datagram_is_none()
    {
        using var network = new NetworkNamespace();
        network.Set("net/unix/max_dgram_qlen", "10");
        string path = PathOf("almost");
        using var scene = new Scene();
        scene.Add(network.Inside(() => Bound(path)));
        network.Inside(() => Send(scene, path, most: 10)).ShouldBe((10, null));

        Diagnosis.Of(network).Alarms.ShouldBeEmpty();
        network.Page().Value("conn_unix_receiver_full", Self, $"name=\"{path}\"").ShouldBe(0);
    }

    [KernelFact]
    public void A_file_that_is_another_socket_by_now_is_not_asked()
    {
        using var network = new NetworkNamespace();
        network.Set("net/unix/max_dgram_qlen", "10");
        string path = PathOf("replaced");
        using var scene = new Scene();
        scene.Add(network.Inside(() => Bound(path)));
        network.Inside(() => Send(scene, path, most: 50)).Sent.ShouldBe(11);
        File.Delete(path);
        scene.Add(network.Inside(() => Bound(path)));

        MetricsText page = network.Page();

        // Full as it is: nobody reaches it any more by its name, and the one that is there now is empty.
        page.Find("conn_unix_receiver_full", Self, $"name=\"{path}\"").ShouldBeNull();
        var seen = Diagnosis.Of(network);
        seen.Alarms.ShouldBeEmpty();
        seen.IsComplete.ShouldBeFalse("who had connected to it before stands still");
        seen.WhyNotSeen("unix")!.ShouldContain(Receiver);
    }

    [KernelFact]
    public void One_full_receiver_is_found_among_many_in_which_something_waits()
    {
        using var network = new NetworkNamespace();
        network.Set("net/unix/max_dgram_qlen", "10");
        using var scene = new Scene();
        for (int i = 0; i < 100; i++)
        {
            string name = $"\0conn-exporter-test-waits-{Environment.ProcessId}-{i}";
            scene.Add(network.Inside(() => Bound(name)));
            network.Inside(() => Send(scene, name, most: 2));
        }

        string full = $"\0conn-exporter-test-waits-{Environment.ProcessId}-full";
        scene.Add(network.Inside(() => Bound(full)));
        network.Inside(() => Send(scene, full, most: 50)).Sent.ShouldBe(11);

        var seen = Diagnosis.Until(network, Receiver);

        seen.Alarms.ShouldBe([Receiver]);
        seen.InstanceOf(Receiver).ShouldBe(full.Replace('\0', '@'));
    }

    [KernelFact]
    public void One_without_any_other_socket_is_found_from_outside_too()
    {
        using var network = new NetworkNamespace();
        using var own = new NetworkNamespace();
        network.Set("net/unix/max_dgram_qlen", "10");
        string name = $"\0conn-exporter-test-elsewhere-{Environment.ProcessId}";
        using var scene = new Scene();
        scene.Add(network.Inside(() => Bound(name)));
        network.Inside(() => Send(scene, name, most: 50)).Sent.ShouldBe(11);

        Diagnosis.Of(own, "--netns=all").FindingsIn(network).ShouldBe([(Receiver, name.Replace('\0', '@'))]);
    }

    private static string PathOf(string name)
    {
        string path = Path.Join(Path.GetTempPath(), $"conn-exporter-test-{Environment.ProcessId}-{name}");
        File.Delete(path);
        return path;
    }

    private static Socket Listening(string name, int backlog, SocketType kind = SocketType.Stream)
    {
        var socket = new Socket(AddressFamily.Unix, kind, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(name));
        socket.Listen(backlog);
        return socket;
    }

    private static Socket Bound(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(name));
        return socket;
    }

    private static (int Held, SocketError? Refusal) Connect(Scene scene, string name, int most, SocketType kind = SocketType.Stream)
    {
        for (int i = 0; i < most; i++)
        {
            Socket socket = scene.Add(new Socket(AddressFamily.Unix, kind, ProtocolType.Unspecified) { Blocking = false });
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(name));
            }
            catch (SocketException e)
            {
                return (i, e.SocketErrorCode);
            }
        }

        return (most, null);
    }

    private static (int Sent, SocketError? Refusal) Send(Scene scene, string name, int most)
    {
        Socket socket = scene.Add(new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false });
        for (int i = 0; i < most; i++)
        {
            try
            {
                socket.SendTo([1], new UnixDomainSocketEndPoint(name));
            }
            catch (SocketException e)
            {
                return (i, e.SocketErrorCode);
            }
        }

        return (most, null);
    }

    /// <summary>Sockets that are closed with the test, and their files.</summary>
    private sealed class Scene : IDisposable
    {
        private readonly List<Socket> sockets = [];

        public Socket Add(Socket socket)
        {
            lock (sockets)
            {
                sockets.Add(socket);
            }

            return socket;
        }

        public void Dispose()
        {
            foreach (Socket socket in sockets)
            {
                string? path = socket.LocalEndPoint is UnixDomainSocketEndPoint end ? end.ToString() : null;
                socket.Dispose();
                if (path is { Length: > 0 } && path[0] == '/')
                {
                    File.Delete(path);
                }
            }
        }
    }
}
