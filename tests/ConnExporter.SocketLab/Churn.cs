using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ConnExporter.SocketLab;

/// <summary>A client that opens and closes many connections to one listener: each leaves a TIME_WAIT behind and none lives long enough for a walk.</summary>
public sealed class Churn : IDisposable
{
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Thread server;
    private readonly Thread client;
    private readonly IPEndPoint target;
    private readonly TimeSpan interval;
    private readonly TimeSpan life;
    private int made;
    private int refused;
    private volatile bool ended;

    /// <summary>Starts it.</summary>
    /// <param name="rate">Connections a second.</param>
    /// <param name="life">How long each is open.</param>
    public Churn(int rate, TimeSpan life)
    {
        this.life = life;
        interval = TimeSpan.FromSeconds(1.0 / rate);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1024);
        target = (IPEndPoint)listener.LocalEndPoint!;
        server = new Thread(Serve) { IsBackground = true };
        client = new Thread(Connect) { IsBackground = true };
        server.Start();
        client.Start();
    }

    /// <summary>Where the connections go and how many there were.</summary>
    public string ToJson() =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"port":{{target.Port}},"made":{{Volatile.Read(ref made)}},"refused":{{Volatile.Read(ref refused)}}}""");

    /// <summary>Answers any line with the counts.</summary>
    public string Command(string line) => $"done {ToJson()}";

    /// <summary>Stops.</summary>
    public void Dispose()
    {
        ended = true;
        client.Join();
        listener.Dispose();
        server.Join();
    }

    private void Serve()
    {
        byte[] buffer = new byte[16];
        try
        {
            while (true)
            {
                // The client closes first: TIME_WAIT is its side's.
                using Socket accepted = listener.Accept();
                accepted.Receive(buffer);
            }
        }
        catch (SocketException)
        {
            // Disposed.
        }
    }

    private void Connect()
    {
        long start = Stopwatch.GetTimestamp();
        for (long i = 1; !ended; i++)
        {
            using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
            {
                try
                {
                    socket.Connect(target);
                    Interlocked.Increment(ref made);
                    Thread.Sleep(life);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
                {
                    // Every port is in use: what all this is for.
                    Interlocked.Increment(ref refused);
                }
            }

            TimeSpan wait = (i * interval) - Stopwatch.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                Thread.Sleep(wait);
            }
        }
    }
}
