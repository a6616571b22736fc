using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Connections;
using Microsoft.AspNetCore.Connections;

namespace ConnExporter.Tests.Web.Connections;

public sealed class ConnectionTableTests : IDisposable
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1500);
    private readonly ManualTime time = new();
    private readonly WebCounters counters = new();
    private readonly ConnectionTable table;
    private readonly List<Socket> sockets = [];

    public ConnectionTableTests() => table = new ConnectionTable(4, 2, counters, time);

    public void Dispose() => sockets.ForEach(socket => socket.Dispose());

    [Fact]
    public void Beyond_its_number_a_client_is_refused_while_others_are_let_in()
    {
        Connect("192.0.2.1").ShouldNotBeNull();
        Connect("192.0.2.1").ShouldNotBeNull();
        Connect("192.0.2.1").ShouldBeNull();
        Connect("192.0.2.2").ShouldNotBeNull();

        counters.ConnectionsOverClientBound.Value.ShouldBe(1ul);
    }

    [Fact]
    public void The_one_that_has_been_silent_for_longest_makes_place()
    {
        TrackedConnection first = Connect("192.0.2.1")!;
        time.Advance(Moment);
        TrackedConnection second = Connect("192.0.2.2")!;
        Connect("192.0.2.3");
        Connect("192.0.2.4");

        Connect("192.0.2.5").ShouldNotBeNull();

        first.ClosedFor.ShouldNotBeNull();
        second.ClosedFor.ShouldBeNull("it has had no time yet to say what it wants");
        table.Count.ShouldBe(4);
        Connect("192.0.2.6").ShouldBeNull();
        counters.ConnectionsOverBound.Value.ShouldBe(1ul);
        counters.ConnectionsGivenUp.Value.ShouldBe(1ul);
    }

    [Fact]
    public void Who_was_answered_keeps_its_place_however_many_come()
    {
        TrackedConnection scraper = Connect("192.0.2.1")!;
        scraper.Asked(time.GetTimestamp());
        scraper.Answered();
        for (int i = 0; i < 1000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            Connect($"198.51.{i / 250}.{i % 250}");
            Connect("192.0.2.1");
        }

        scraper.ClosedFor.ShouldBeNull();
    }

    [Fact]
    public void Where_all_were_answered_who_holds_the_most_gives_one()
    {
        TrackedConnection[] greedy = [Served("192.0.2.1"), Served("192.0.2.1")];
        TrackedConnection[] others = [Served("192.0.2.2"), Served("192.0.2.3")];
        time.Advance(Moment);
        greedy[0].Asked(time.GetTimestamp());

        Connect("192.0.2.4").ShouldNotBeNull();

        greedy[0].ClosedFor.ShouldBeNull();
        greedy[1].ClosedFor.ShouldNotBeNull("it has been idle for longer");
        others.ShouldAllBe(connection => connection.ClosedFor == null);
    }

    [Fact]
    public void Where_all_hold_one_nobody_gives_it()
    {
        for (int i = 1; i <= 4; i++)
        {
            Served($"192.0.2.{i}");
        }

        time.Advance(Moment);
        Connect("192.0.2.9").ShouldBeNull();
    }

    [Fact]
    public void Silence_ends_a_connection_and_a_request_does_not()
    {
        TrackedConnection silent = Connect("192.0.2.1")!;
        TrackedConnection asking = Connect("192.0.2.2")!;
        asking.Asked(time.GetTimestamp());

        time.Advance(ConnectionTable.SilentFor);
        table.Watch();
        silent.ClosedFor.ShouldBeNull();
        time.Advance(TimeSpan.FromMilliseconds(1));
        table.Watch();
        table.Watch();

        silent.ClosedFor.ShouldNotBeNull();
        asking.ClosedFor.ShouldBeNull();
        counters.ConnectionsSilent.Value.ShouldBe(1ul, "counted once");
    }

    [Fact]
    public void A_reader_that_does_not_read_is_closed_and_one_that_reads_is_not()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        (TrackedConnection stopped, _) = Pair(listener);
        (TrackedConnection reading, Socket reader) = Pair(listener);
        byte[] some = new byte[128 * 1024];
        Fill(stopped.Socket);
        for (int second = 0; second < 10; second++)
        {
            Fill(reading.Socket);
            for (int read = 0; read < some.Length;)
            {
                read += reader.Receive(some);
            }

            // The kernel acknowledges what was read in its own time.
            Eventually.True(() => SendState.TryRead(reading.Socket, out SendState state) && state.Acknowledged >= (ulong)((second + 1) * some.Length));
            time.Advance(TimeSpan.FromSeconds(1));
            table.Watch();
        }

        stopped.ClosedFor.ShouldNotBeNull();
        reading.ClosedFor.ShouldBeNull();
        counters.ConnectionsSlow.Value.ShouldBe(1ul);
    }

    private static void Fill(Socket socket)
    {
        byte[] page = new byte[64 * 1024];
        try
        {
            while (true)
            {
                socket.Send(page);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            // Neither side's buffers hold any more.
        }
    }

    private (TrackedConnection Connection, Socket Reader) Pair(TcpListener listener)
    {
        var reader = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        reader.Connect(listener.LocalEndpoint);
        Socket server = listener.AcceptSocket();
        server.Blocking = false;
        sockets.AddRange([reader, server]);
        var connection = new TrackedConnection(new DefaultConnectionContext(), server, ClientKey.Of(IPAddress.Loopback), isTcp: true, isOurs: false, time.GetTimestamp());
        connection.Asked(time.GetTimestamp());
        table.Add(connection);
        return (connection, reader);
    }

    private TrackedConnection Served(string address)
    {
        TrackedConnection connection = Connect(address)!;
        connection.Asked(time.GetTimestamp());
        connection.Answered();
        return connection;
    }

    private TrackedConnection? Connect(string address)
    {
        InetAddress client = ClientKey.Of(IPAddress.Parse(address));
        if (!table.MakePlace(client, isTcp: true))
        {
            return null;
        }

        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        sockets.Add(socket);
        var connection = new TrackedConnection(new DefaultConnectionContext(), socket, client, isTcp: true, isOurs: false, time.GetTimestamp());
        table.Add(connection);
        return connection;
    }
}
