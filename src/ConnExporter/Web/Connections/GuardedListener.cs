using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ConnExporter.Web.Connections;

/// <summary>One listening socket. When there are no descriptors it waits instead of spinning, and it leaves the last ones to what is connected.</summary>
internal sealed class GuardedListener : IConnectionListener
{
    /// <summary>Descriptors that are set free when there are none.</summary>
    public const int ReserveSize = 8;

    // What the daemon itself may need at any time: a sampled file, a thread's pipe.
    private const int KeptForOthers = 16;
    private const int ShedsInARow = 64;
    private const uint Root = 0;

    // Each failure costs about as much as a page; the longest pause is also how late the first one is let in when there are descriptors again.
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan PauseAfterSheds = TimeSpan.FromMilliseconds(10);

    private readonly Socket listener;
    private readonly bool isLocal;
    private readonly SocketConnectionContextFactory connections;
    private readonly DescriptorReserve reserve;
    private readonly ConnectionTable table;
    private readonly WebCounters counters;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource unbound = new();
    private Socket? warm;
    private int sheds;

    public GuardedListener(
        Socket listener, EndPoint endpoint, Socket? warm, SocketConnectionContextFactory connections, DescriptorReserve reserve, ConnectionTable table, WebCounters counters, TimeProvider time, bool isLocal = false)
    {
        this.listener = listener;
        this.isLocal = isLocal;
        this.warm = warm;
        this.connections = connections;
        this.reserve = reserve;
        this.table = table;
        this.counters = counters;
        this.time = time;
        EndPoint = endpoint;
    }

    public EndPoint EndPoint { get; }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref warm, null) is { } ours)
        {
            await WarmUpAsync();
            return Track(ours, default, isTcp: false, isOurs: true);
        }

        TimeSpan pause = FirstPause;
        while (true)
        {
            try
            {
                Socket socket = await listener.AcceptAsync(unbound.Token);
                pause = FirstPause;
                if (Admit(socket) is { } connection)
                {
                    sheds = 0;
                    return connection;
                }

                if (++sheds % ShedsInARow == 0)
                {
                    await Task.Delay(PauseAfterSheds, time, unbound.Token);
                }
            }
            catch (Exception e) when (unbound.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // It had gone before it was accepted.
            }
            catch (SocketException)
            {
                counters.ConnectionsWithoutDescriptor.Add();
                if (!await PauseAsync(pause))
                {
                    return null;
                }

                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        unbound.Cancel();
        listener.Dispose();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        unbound.Cancel();
        listener.Dispose();
        warm?.Dispose();
        return ValueTask.CompletedTask;
    }

    // RST rather than FIN: nothing of it stays with us.
    private static void Shed(Socket socket) => socket.Close(0);

    private ConnectionContext? Admit(Socket socket)
    {
        try
        {
            // The kernel gives the lowest number that is free, so the number tells how many are in use.
            if ((ulong)socket.Handle + KeptForOthers >= DescriptorReserve.Limit)
            {
                counters.ConnectionsWithoutDescriptor.Add();
                Shed(socket);
                return null;
            }

            // Its permissions keep others out already; they could be changed.
            if (isLocal && !(PeerUser.Of(socket) is { } user && (user == Root || user == FileOwner.Own)))
            {
                Shed(socket);
                return null;
            }

            var remote = socket.RemoteEndPoint as IPEndPoint;
            InetAddress client = ClientKey.Of(remote?.Address);
            if (!table.MakePlace(client, remote is not null))
            {
                Shed(socket);
                return null;
            }

            if (remote is not null)
            {
                socket.NoDelay = true;
            }

            return Track(socket, client, remote is not null, isOurs: false);
        }
        catch (SocketException)
        {
            // It has gone meanwhile, and so has its address.
            Shed(socket);
            return null;
        }
    }

    private ConnectionContext Track(Socket socket, InetAddress client, bool isTcp, bool isOurs)
    {
        ConnectionContext connection = connections.Create(socket);
        var tracked = new TrackedConnection(connection, socket, client, isTcp, isOurs, time.GetTimestamp(), isLocal && !isOurs);
        table.Add(tracked);
        connection.Features.Set(tracked);
        connection.ConnectionClosed.UnsafeRegister(_ => table.Remove(tracked), null);
        return connection;
    }

    private async Task<bool> PauseAsync(TimeSpan duration)
    {
        lock (reserve)
        {
            reserve.Release();
        }

        try
        {
            await Task.Delay(duration, time, unbound.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        lock (reserve)
        {
            reserve.Take();
        }

        return true;
    }

    // What runs for the first time when there are no descriptors cannot load what it needs, and that ends the process.
    private async Task WarmUpAsync()
    {
        try
        {
            throw new SocketException((int)SocketError.TooManyOpenSockets);
        }
        catch (SocketException e)
        {
            _ = e.ToString();
            await PauseAsync(TimeSpan.FromMilliseconds(1));
        }

        Shed(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified));
        table.MakePlace(default, isTcp: false);
        table.Watch();
    }
}
