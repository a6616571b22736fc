using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>
/// A scraper on a thread of its own: what it measures is the daemon, not the thread pool of the tests. Each scrape has a connection of its own, as one that
/// has been away for a while.
/// </summary>
internal sealed class Scraper(Daemon daemon, string headers = "")
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Scrapes again and again; anything but 200 fails.</summary>
    /// <returns>How long each took.</returns>
    public Task<TimeSpan[]> ScrapeAsync(int times) => Task.Factory.StartNew(
        () =>
        {
            var took = new TimeSpan[times];
            for (int i = 0; i < times; i++)
            {
                took[i] = ScrapeOnce();
                Thread.Sleep(Pause);
            }

            return took;
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    /// <summary>The slowest of a window of scrapes, in the best of three windows: what starves the daemon does so all the time, and a busy machine does not.</summary>
    public async Task<TimeSpan> SlowestAsync(int times, TimeSpan bound)
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int window = 0; window < 3 && best >= bound; window++)
        {
            TimeSpan slowest = (await ScrapeAsync(times)).Max();
            best = slowest < best ? slowest : best;
        }

        return best;
    }

    private TimeSpan ScrapeOnce()
    {
        var clock = Stopwatch.StartNew();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Patience.TotalMilliseconds };
        socket.Connect(IPAddress.Loopback, daemon.Addresses[0].Port);
        socket.Send(Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"));
        byte[] buffer = new byte[64 * 1024];
        int length = socket.Receive(buffer);
        string head = Encoding.ASCII.GetString(buffer, 0, length);
        head.ShouldStartWith("HTTP/1.1 200 ");
        int end = head.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        string contentLength = head.Split("Content-Length: ", 2)[1].Split('\r', 2)[0];
        for (long left = long.Parse(contentLength, CultureInfo.InvariantCulture) + end - length; left > 0; left -= length)
        {
            (length = socket.Receive(buffer)).ShouldBeGreaterThan(0, "the page was cut off");
        }

        return clock.Elapsed;
    }
}
