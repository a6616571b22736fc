using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.SocketLab;

/// <summary>Listeners whose accept queue is full, and clients that keep knocking.</summary>
/// <remarks>
/// Without <c>reusePort</c> there is one listener and nobody accepts. With it there are two on the same port: member 0 is never accepted from
/// and fills up, member 1 is kept empty. The kernel spreads clients over both.
/// </remarks>
public sealed class Backlog : IDisposable
{
    private const int EmptyMemberBacklog = 1024;
    private readonly List<int> members = [];
    private readonly List<int> clients = [];
    private readonly List<int> accepted = [];
    private readonly bool reusePort;
    private readonly Endpoint target;
    private readonly int limit;

    /// <summary>Makes the listeners.</summary>
    /// <param name="address">Where to listen; the clients connect to it too.</param>
    /// <param name="port">The port, 0 for one of the kernel's choice.</param>
    /// <param name="limit">The backlog of the member that fills up.</param>
    /// <param name="reusePort">Two members instead of one.</param>
    public Backlog(string address, int port, int limit, bool reusePort)
    {
        this.reusePort = reusePort;
        this.limit = limit;
        Endpoint endpoint = Endpoint.Parse(address).WithPort((ushort)port);
        members.Add(Tcp.Listen(endpoint, limit, out ushort chosen, reusePort: reusePort, blocking: false));
        target = endpoint.WithPort(chosen);
        if (reusePort)
        {
            members.Add(Tcp.Listen(target, EmptyMemberBacklog, out _, reusePort: true, blocking: false));
        }
    }

    /// <summary>The port.</summary>
    public int Port => target.Port;

    /// <summary>Clients whose SYN was not answered yet.</summary>
    public int Waiting => clients.Count(client => Tcp.State(client) == SocketState.SynSent);

    /// <summary>Starts clients and waits until each is connected or its SYN was dropped.</summary>
    /// <param name="count">With two members, clients go on beyond it until the full one has dropped at least one.</param>
    public void Knock(int count)
    {
        if (Resources.AllowSockets(clients.Count + accepted.Count + (2 * count) + 1000) < count)
        {
            throw new InvalidOperationException($"{count} clients are more than RLIMIT_NOFILE permits");
        }

        const int Most = 1000;
        for (int i = 0; i < count || (reusePort && i < Most && Waiting == 0); i++)
        {
            int client = Tcp.Create(target.IsV6, blocking: false);
            clients.Add(client);
            if (!Tcp.Connect(client, target))
            {
                // Over loopback the answer comes from within the call or a moment later; a dropped SYN is retried after a second.
                long start = Stopwatch.GetTimestamp();
                while (Tcp.State(client) == SocketState.SynSent && Stopwatch.GetElapsedTime(start) < TimeSpan.FromMilliseconds(20))
                {
                    Thread.Sleep(1);
                }
            }

            Drain();
        }
    }

    /// <summary>Closes a member; what waits in its queue is reset.</summary>
    public void CloseMember(int index)
    {
        Tcp.Close(members[index]);
        members.RemoveAt(index);
    }

    /// <summary>Ends the clients whose SYN was not answered: no more drops after that.</summary>
    public void Quiet()
    {
        foreach (int client in clients.ToArray())
        {
            if (Tcp.State(client) == SocketState.SynSent)
            {
                Tcp.Close(client);
                clients.Remove(client);
            }
        }
    }

    /// <summary>The state of affairs as a line of JSON.</summary>
    public string ToJson() =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"port":{{Port}},"limit":{{limit}},"members":{{members.Count}},"clients":{{clients.Count}},"waiting":{{Waiting}},"accepted":{{accepted.Count}}}""");

    /// <summary>A line of stdin.</summary>
    /// <returns>The answer.</returns>
    public string Command(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (words)
        {
            case ["close", var index]:
                CloseMember(int.Parse(index));
                break;
            case ["knock", var count]:
                Knock(int.Parse(count));
                break;
            case ["quiet"]:
                Quiet();
                break;
            case ["accept"]:
                AcceptAll();
                break;
            default:
                return $"error: close MEMBER, knock CLIENTS, quiet or accept; not {line}";
        }

        return $"done {ToJson()}";
    }

    /// <summary>Closes what it holds.</summary>
    public void Dispose()
    {
        foreach (int socket in members.Concat(clients).Concat(accepted))
        {
            Tcp.Close(socket);
        }

        members.Clear();
        clients.Clear();
        accepted.Clear();
    }

    private void Drain()
    {
        while (reusePort && members.Count == 2 && Tcp.TryAccept(members[1], out int socket))
        {
            accepted.Add(socket);
        }
    }

    private void AcceptAll()
    {
        foreach (int member in members)
        {
            while (Tcp.TryAccept(member, out int socket))
            {
                accepted.Add(socket);
            }
        }
    }
}
