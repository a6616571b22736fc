using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.SocketLab;

/// <summary>
/// Takes more of what a host has little of, at an even pace: at each step a connection over loopback whose server does not read what the client has sent (descriptors, tracked
/// connections, memory of TCP), and a socket without an owner whose FIN goes nowhere (an orphan).
/// </summary>
public sealed class Growth : IDisposable
{
    private const uint FirstSequence = 1_000_000_000;
    private const int Steps = 4_000;
    private const ushort FirstPort = 20_000;
    private static readonly byte[] Unread = new byte[6_000];

    private readonly List<int> sockets = [];
    private readonly TimeSpan interval;
    private readonly Endpoint device;
    private readonly Endpoint loopback;
    private readonly int listener;
    private readonly Thread thread;
    private string? failure;
    private int made;
    private volatile bool ended;

    /// <summary>Starts it.</summary>
    /// <param name="rate">Steps a second.</param>
    /// <param name="device">An address of a device that sends to nobody, with a /24 around it; the orphans' peer is the next one.</param>
    public Growth(int rate, string device)
    {
        if (Resources.AllowSockets(2 * Steps) < 2 * Steps)
        {
            throw new InvalidOperationException($"{2 * Steps} descriptors are more than RLIMIT_NOFILE permits");
        }

        interval = TimeSpan.FromSeconds(1.0 / rate);
        this.device = Endpoint.Parse(device);
        var any = Endpoint.Parse("127.0.0.1");
        listener = Tcp.Listen(any, 16, out ushort port);
        loopback = any.WithPort(port);
        thread = new Thread(Run) { IsBackground = true };
        thread.Start();
    }

    /// <summary>How many steps were made, and what ended them early.</summary>
    public string ToJson() => string.Create(CultureInfo.InvariantCulture, $$"""{"made":{{Volatile.Read(ref made)}},"failure":"{{failure}}"}""");

    /// <summary>Answers any line with the count.</summary>
    public string Command(string line) => $"done {ToJson()}";

    /// <summary>Stops and closes.</summary>
    public void Dispose()
    {
        ended = true;
        thread.Join();
        sockets.ForEach(Tcp.Close);
        Tcp.Close(listener);
    }

    private void Run()
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            for (int step = 0; step < Steps && !ended; step++)
            {
                Step(step);
                Volatile.Write(ref made, step + 1);
                TimeSpan wait = ((step + 1) * interval) - Stopwatch.GetElapsedTime(start);
                if (wait > TimeSpan.Zero)
                {
                    Thread.Sleep(wait);
                }
            }
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            // Told where the count is asked for: a limit was reached after all.
            failure = e.Message;
        }
    }

    private void Step(int step)
    {
        int client = Tcp.Create(v6: false);
        sockets.Add(client);
        Tcp.Connect(client, loopback);
        sockets.Add(Tcp.Accept(listener));
        Tcp.Send(client, Unread);

        int orphan = Tcp.Repair(device.WithPort((ushort)(FirstPort + step)), new Endpoint(false, device.Address + 1, 443), FirstSequence);
        Tcp.Close(orphan);
    }
}
