using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>Clients that would keep a daemon's threads if they could, each with an address of its own on loopback, until disposed of.</summary>
internal sealed class HostileClients(Daemon daemon, string headers = "") : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly CancellationTokenSource end = new();
    private readonly List<Task> clients = [];
    private byte network = 1;

    /// <summary>The answers that came, by their status; 0 for a connection that was closed instead.</summary>
    public ConcurrentDictionary<int, int> Answers { get; } = new();

    /// <summary>Browsers that load a page again and again.</summary>
    public HostileClients Browse(string path, int number) => Add(number, async socket =>
    {
        byte[] answer = new byte[256 * 1024];
        while (true)
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"), end.Token);
            int length = await ReceiveAsync(socket, answer);
            Count(length < 12 ? 0 : int.Parse(Encoding.ASCII.GetString(answer, 9, 3), CultureInfo.InvariantCulture));
            if (length == 0)
            {
                return;
            }

            await Task.Delay(Pause, end.Token);
        }
    });

    /// <summary>Clients that ask for a page and read a kilobyte of it each second.</summary>
    public HostileClients ReadSlowly(string path, int number) => Add(number, async socket =>
    {
        byte[] request = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n", 20)));
        await socket.SendAsync(request, end.Token);
        byte[] drop = new byte[1024];
        do
        {
            await Task.Delay(TimeSpan.FromSeconds(1), end.Token);
        }
        while (await socket.ReceiveAsync(drop, end.Token) > 0);
    });

    /// <summary>Clients that send many requests at once, and read whatever comes.</summary>
    public HostileClients Pipeline(string path, int requests, int number) => Add(number, async socket =>
    {
        byte[] all = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n", requests)));
        byte[] answers = new byte[256 * 1024];
        await socket.SendAsync(all, end.Token);
        while (await socket.ReceiveAsync(answers, end.Token) > 0)
        {
            // Not more than a link of 5 MB/s has: the tests are on the same cores.
            await Task.Delay(Pause, end.Token);
        }
    });

    /// <summary>Clients that try a wrong password each second.</summary>
    public HostileClients Guess(int number) => Add(number, async socket =>
    {
        byte[] answer = new byte[4096];
        for (int guess = 0; ; guess++)
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {SecureClient.Basic("prometheus", $"guess {guess}")}\r\n\r\n"), end.Token);
            if (await socket.ReceiveAsync(answer, end.Token) == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), end.Token);
        }
    });

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        await Task.WhenAll(clients);
        end.Dispose();
    }

    // A whole answer, as far as the buffer goes.
    private async Task<int> ReceiveAsync(Socket socket, byte[] buffer)
    {
        int length = 0;
        while (true)
        {
            int more = await socket.ReceiveAsync(buffer.AsMemory(length), end.Token);
            length += more;
            string head = Encoding.ASCII.GetString(buffer, 0, Math.Min(length, 1024));
            if (more == 0 || length == buffer.Length)
            {
                return length;
            }

            if (head.IndexOf("\r\n\r\n", StringComparison.Ordinal) is > 0 and int body && head.Split("Content-Length: ", 2) is [_, var rest]
                && length >= body + 4 + int.Parse(rest.Split('\r', 2)[0], CultureInfo.InvariantCulture))
            {
                return length;
            }
        }
    }

    private void Count(int status) => Answers.AddOrUpdate(status, 1, (_, before) => before + 1);

    private HostileClients Add(int number, Func<Socket, Task> act)
    {
        byte mine = ++network;
        for (byte client = 1; client <= number; client++)
        {
            var address = new IPAddress([127, 1, mine, client]);
            clients.Add(Task.Run(() => AgainAndAgainAsync(address, act)));
        }

        return this;
    }

    private async Task AgainAndAgainAsync(IPAddress from, Func<Socket, Task> act)
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048 };
                socket.Bind(new IPEndPoint(from, 0));
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, daemon.Addresses[0].Port), end.Token);
                await act(socket);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                if (e is SocketException)
                {
                    Count(0);
                }

                // It was thrown out, or it is over; a thousand times a second would only measure ourselves.
                await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            }
        }
    }
}
