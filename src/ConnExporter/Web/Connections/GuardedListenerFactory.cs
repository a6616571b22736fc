using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConnExporter.Web.Connections;

/// <summary>
/// Listens in place of Kestrel's own transport, which spins and ends the process when there are no descriptors left (dotnet/aspnetcore: it
/// calls accept again at once, and each thread that it then needs takes a descriptor that is not there).
/// </summary>
internal sealed class GuardedListenerFactory : IConnectionListenerFactory, IDisposable
{
    private readonly ConnectionTable table;
    private readonly WebCounters counters;
    private readonly TimeProvider time;
    private readonly SocketConnectionContextFactory connections = new(new SocketConnectionFactoryOptions(), NullLogger<SocketConnectionContextFactory>.Instance);
    private readonly DescriptorReserve reserve = new(GuardedListener.ReserveSize);
    private Socket? warm;

    public GuardedListenerFactory(ConnectionTable table, WebCounters counters, TimeProvider time)
    {
        this.table = table;
        this.counters = counters;
        this.time = time;
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket socket = Open(endpoint);
        try
        {
            socket.Listen(Backlog);
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }

        // The first listener gets the connection by which everything is tried once.
        (Socket Server, Socket Client)? pair = warm is null ? ConnectedPair() : null;
        warm ??= pair?.Client;
        return ValueTask.FromResult<IConnectionListener>(new GuardedListener(socket, pair?.Server, connections, reserve, table, counters, time));
    }

    /// <summary>The other end of the connection that the first listener serves at once. Whoever takes it closes it.</summary>
    public Socket TakeWarmUpConnection() => warm ?? throw new InvalidOperationException("nothing listens yet");

    public void Dispose()
    {
        connections.Dispose();
        reserve.Dispose();
        warm?.Dispose();
    }

    // As long as the kernel allows (net.core.somaxconn): what waits there costs us nothing.
    private const int Backlog = 4096;

    private static Socket Open(EndPoint endpoint)
    {
        if (endpoint is UnixDomainSocketEndPoint local)
        {
            RemoveLeftOver(local);
        }

        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }
    }

    // The file of a daemon that was killed stays behind and would be in the way; one that somebody listens on is his.
    private static void RemoveLeftOver(UnixDomainSocketEndPoint endpoint)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(endpoint.ToString());
        }
        catch (SocketException)
        {
            // There is none, or it cannot be reached: bind() will tell.
        }
    }

    // By way of an address that is nobody else's and takes neither a port nor a file.
    private static (Socket Server, Socket Client) ConnectedPair()
    {
        var endpoint = new UnixDomainSocketEndPoint($"\0conn-exporter-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(endpoint);
        listener.Listen(1);
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(endpoint);
        return (listener.Accept(), client);
    }
}
