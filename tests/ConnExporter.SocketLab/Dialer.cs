namespace ConnExporter.SocketLab;

/// <summary>Connections that are begun and then left alone: nobody waits for an answer, and nobody needs to give one.</summary>
public sealed class Dialer : IDisposable
{
    private readonly List<int> sockets = [];
    private readonly Leash leash;

    /// <summary>No connection yet.</summary>
    /// <param name="holder">A program that ends when its stdin does.</param>
    public Dialer(string holder) => leash = new Leash(holder);

    /// <summary>Begins to connect.</summary>
    /// <param name="to">The first address.</param>
    /// <param name="port">The port.</param>
    /// <param name="count">How many connections.</param>
    /// <param name="destinations">How many addresses they go to, in turn.</param>
    /// <param name="processes">How many processes hold them, an equal part each; 0 for this one.</param>
    public void Dial(string to, int port, int count, int destinations, int processes)
    {
        if (Resources.AllowSockets(count) < count)
        {
            throw new InvalidOperationException($"{count} connections are more than RLIMIT_NOFILE permits");
        }

        var first = Endpoint.Parse(to);
        int each = processes == 0 ? int.MaxValue : Math.Max(1, count / processes);
        for (int i = 0; i < count; i++)
        {
            int socket = Tcp.Create(first.IsV6, blocking: false, closeOnExec: processes == 0);
            sockets.Add(socket);
            Tcp.Connect(socket, new Endpoint(first.IsV6, first.Address + (UInt128)(i % destinations), (ushort)port));
            if (sockets.Count == each)
            {
                leash.Spawn();
                CloseOwn();
            }
        }
    }

    /// <summary>Closes them all.</summary>
    public void Dispose()
    {
        leash.Dispose();
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
