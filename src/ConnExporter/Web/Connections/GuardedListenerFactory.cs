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
    private readonly List<UnixListener> made = [];
    private readonly List<EndPoint> bound = [];
    private readonly BindFailure failure;
    private Socket? warm;
    private UnixListener? diagnose;
    private string? diagnosePath;

    /// <summary>A factory that has bound nothing yet.</summary>
    /// <param name="table">Where connections are entered.</param>
    /// <param name="counters">What was refused is counted there.</param>
    /// <param name="failure">Says why an address cannot be listened on.</param>
    /// <param name="time">The clock.</param>
    public GuardedListenerFactory(ConnectionTable table, WebCounters counters, BindFailure failure, TimeProvider time)
    {
        this.failure = failure;
        this.table = table;
        this.counters = counters;
        this.time = time;
    }

    /// <summary>Takes the address of the socket of <c>diagnose</c>, for nobody but this user. Connections wait until it is bound like any other.</summary>
    /// <param name="path">Its absolute path, in a directory that is there.</param>
    /// <param name="cancellationToken">Ends the wait for other processes.</param>
    /// <exception cref="UnixListenerException">It cannot be taken; the message says why.</exception>
    public void OpenLocal(string path, CancellationToken cancellationToken = default)
    {
        diagnose = Listen(path, ownerOnly: true, cancellationToken);
        diagnosePath = path;
    }

    /// <summary>Binds one address.</summary>
    /// <exception cref="ListenException">It cannot be listened on.</exception>
    /// <exception cref="SocketException">This host has no IPv6: Kestrel tries the same port with IPv4.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        bool isLocal = diagnose is not null && endpoint is UnixDomainSocketEndPoint && endpoint.ToString() == diagnosePath;
        Socket socket;
        try
        {
            socket = isLocal ? diagnose!.Socket : Open(endpoint, cancellationToken);
        }
        catch (SocketException e) when (!BindFailure.IsForWantOfIPv6(endpoint, e))
        {
            throw failure.Of(endpoint, e, bound);
        }
        catch (UnixListenerException e)
        {
            throw new ListenException(BindFailure.Name(endpoint), e.Message, e);
        }

        // The kernel knows a Unix socket by the name that it was bound by, which is another one.
        EndPoint known = endpoint is UnixDomainSocketEndPoint ? endpoint : socket.LocalEndPoint!;
        bound.Add(known);

        // The first listener gets the connection by which everything is tried once.
        (Socket Server, Socket Client)? pair = warm is null ? SocketPair.Connect() : null;
        warm ??= pair?.Client;
        return ValueTask.FromResult<IConnectionListener>(new GuardedListener(socket, known, pair?.Server, connections, reserve, table, counters, time, isLocal));
    }

    /// <summary>The other end of the connection that the first listener serves at once. Whoever takes it closes it.</summary>
    public Socket TakeWarmUpConnection() => warm ?? throw new InvalidOperationException("nothing listens yet");

    /// <summary>Closes what is open, and removes the files of its Unix sockets where they are still those that it made.</summary>
    public void Dispose()
    {
        foreach (UnixListener one in made)
        {
            if (one.Remove() is { } left)
            {
                failure.Log.Warning("The file of a Unix socket stays behind: {Failure}", left);
            }

            one.Dispose();
        }

        connections.Dispose();
        reserve.Dispose();
        warm?.Dispose();
    }

    // As long as the kernel allows (net.core.somaxconn): what waits there costs us nothing.
    private const int Backlog = 4096;

    private UnixListener Listen(string path, bool ownerOnly, CancellationToken cancellationToken)
    {
        var listener = UnixListener.Listen(path, Backlog, ownerOnly, cancellationToken);
        made.Add(listener);
        if (listener.KeptLocked is { } directory)
        {
            failure.Log.Warning("Another process keeps {Directory} locked (flock); {Path} was made without waiting for it any longer", directory, path);
        }

        return listener;
    }

    private Socket Open(EndPoint endpoint, CancellationToken cancellationToken)
    {
        if (endpoint is UnixDomainSocketEndPoint)
        {
            return Listen(endpoint.ToString()!, ownerOnly: false, cancellationToken).Socket;
        }

        Socket socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        try
        {
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }
}
