using System.Net.Sockets;
using ConnExporter.Kernel;
using Microsoft.AspNetCore.Connections;

namespace ConnExporter.Web.Connections;

/// <summary>What is known of one open connection: enough to tell which one has to go when there are too many.</summary>
internal sealed class TrackedConnection
{
    private readonly ConnectionContext context;
    private long lastRequest;
    private int answered;
    private int requests;

    public TrackedConnection(ConnectionContext context, Socket socket, InetAddress client, bool isTcp, bool isOurs, long now, bool isLocal = false)
    {
        this.context = context;
        Socket = socket;
        Client = client;
        IsTcp = isTcp;
        IsOurs = isOurs;
        IsLocal = isLocal;
        AcceptedAt = now;
        lastRequest = now;
        Progress = (now, 0);
    }

    public Socket Socket { get; }

    /// <summary>Whose it is, as <see cref="ClientKey"/> has it.</summary>
    public InetAddress Client { get; }

    public bool IsTcp { get; }

    /// <summary>Whether it is the one by which the daemon warms up. Nobody else can make such a one: its other end never left this process.</summary>
    public bool IsOurs { get; }

    /// <summary>Whether it came by the socket of <c>diagnose</c>, from root or our own user. It is told the diagnosis, without a password, and nothing else.</summary>
    public bool IsLocal { get; }

    public long AcceptedAt { get; }

    /// <summary>When its newest request came; before the first one, when it was accepted.</summary>
    public long LastRequest => Volatile.Read(ref lastRequest);

    /// <summary>Whether any request came.</summary>
    public bool HasAsked => Volatile.Read(ref requests) > 0;

    /// <summary>Whether it was ever let in and answered: such a one is not given up for one that has yet to show what it wants.</summary>
    public bool WasAnswered => Volatile.Read(ref answered) > 0;

    /// <summary>When the peer was last seen to get on with reading, and how far it was.</summary>
    public (long At, ulong Acknowledged) Progress { get; set; }

    /// <summary>Why we closed it; null while we have not.</summary>
    public string? ClosedFor { get; private set; }

    /// <summary>A request has come.</summary>
    public void Asked(long now)
    {
        Volatile.Write(ref lastRequest, now);
        Interlocked.Increment(ref requests);
    }

    /// <summary>A request was let in and answered.</summary>
    public void Answered() => Interlocked.Increment(ref answered);

    /// <summary>Ends it at once, whatever is still to be sent.</summary>
    public void Abort(string reason)
    {
        ClosedFor = reason;
        context.Abort(new ConnectionAbortedException(reason));
    }
}
