using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Access;

/// <summary>No descriptors left, and clients that mean no good: who is connected is served all the while, at next to no cost.</summary>
[Collection(OneAtATime.Name)]
public sealed class DistressTests : IDisposable
{
    // bcrypt of "secret".
    private static readonly string[] Closed = ["given_up", "slow", "address_limit"];
    private const string Hash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [TheoryThatNeeds("prlimit")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_descriptors_it_neither_spins_nor_ends_and_serves_who_is_connected(bool wasScraped)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        if (wasScraped)
        {
            await daemon.ScrapeAsync();
        }

        (double usual, _) = await ScrapeForAWhileAsync(daemon);
        int inUse = Directory.GetFiles($"/proc/{daemon.ProcessId}/fd").Length;
        using (new DescriptorLimit(daemon.ProcessId, inUse))
        {
            List<Socket> waiting = [.. Enumerable.Range(0, 50).Select(_ => Connect(daemon, IPAddress.Loopback))];

            // Beyond what it takes anyway; stock Kestrel would take a core. What spins does so all the time: a busy moment of the machine gets another chance.
            (double distressed, double stale) = await ScrapeForAWhileAsync(daemon);
            for (int more = 0; more < 2 && distressed >= usual + 0.02; more++)
            {
                (double again, double staleAgain) = await ScrapeForAWhileAsync(daemon);
                (distressed, stale) = (Math.Min(distressed, again), Math.Max(stale, staleAgain));
            }

            distressed.ShouldBeLessThan(usual + 0.02);
            stale.ShouldBeLessThan(5, "what is kept open is read as ever");
            (await daemon.ScrapeAsync())["conn_exporter_connections_closed_total", ("reason", "descriptors")].ShouldBeGreaterThan(0);
            waiting.ForEach(socket => socket.Dispose());
        }

        var clock = Stopwatch.StartNew();
        await Eventually.Holds(async () =>
        {
            using HttpClient another = Daemon.NewClient(daemon.Addresses[0]);
            (await another.StatusAsync("/-/healthy")).ShouldBe(HttpStatusCode.OK);
        });
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_crowd_of_hostile_clients_keeps_nobody_from_being_served()
    {
        string file = directory.Write("web.yml", $"basic_auth_users: {{prometheus: '{Hash}'}}\n");
        await using Daemon daemon = await Daemon.StartAsync($"--web.config.file={file}");
        using HttpClient prometheus = Daemon.NewClient(daemon.Addresses[0]).As("prometheus", "secret");
        await Eventually.Holds(async () => (await prometheus.StatusAsync("/-/ready")).ShouldBe(HttpStatusCode.OK));

        // Whatever runs for the first time is compiled, which is not the crowd's doing.
        long memory = 0;
        await Eventually.Holds(async () =>
        {
            long before = daemon.ResidentBytes;
            for (int i = 0; i < 50; i++)
            {
                (await prometheus.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK);
            }

            memory = daemon.ResidentBytes;
            memory.ShouldBeLessThan(before + 200_000);
        });
        using var end = new CancellationTokenSource();
        Task[] crowd =
        [
            .. Enumerable.Range(0, 20).Select(attacker => IdleAsync(daemon, Address(attacker), 100, end.Token)),
            .. Enumerable.Range(0, 20).Select(attacker => DripAsync(daemon, Address(attacker), "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ", "x", end.Token)),
            .. Enumerable.Range(0, 20).Select(attacker => DripAsync(daemon, Address(attacker), "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "x", end.Token)),
            .. Enumerable.Range(0, 30).Select(attacker => ReadSlowlyAsync(daemon, Address(attacker), end.Token)),
            .. Enumerable.Range(0, 24).Select(attacker => GuessAsync(daemon, attacker % 4, end.Token)),
        ];

        var late = new List<TimeSpan>();
        int served = 0;
        long most = 0;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Duration)
        {
            var scrape = Stopwatch.StartNew();
            (await prometheus.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK, $"after {served} scrapes: {daemon.Log}");
            served++;
            if (scrape.Elapsed > TimeSpan.FromSeconds(1))
            {
                late.Add(scrape.Elapsed);
            }

            most = Math.Max(most, daemon.ResidentBytes);
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }

        // Who reads slowly is given seconds, and on a busy machine it takes longer until each kind has shown itself.
        Page page = null!;
        await Eventually.Holds(async () =>
        {
            page = Page.Parse(await prometheus.GetStringAsync("/metrics"));
            foreach (string reason in Closed)
            {
                page["conn_exporter_connections_closed_total", ("reason", reason)].ShouldBeGreaterThan(0, reason);
            }
        });

        // Its end does not wait for them either.
        (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
        exitCode.ShouldBe(0, daemon.Log);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(3));
        await end.CancelAsync();
        await Task.WhenAll(crowd);
        served.ShouldBeGreaterThan(100);
        late.ShouldBeEmpty();
        ((most - memory) / 1e6).ShouldBeLessThan(30, "MB of memory more; the published file, which compiles nothing, takes less than 20");
        page["conn_exporter_requests_refused_total", ("reason", "guessing")].ShouldBeGreaterThan(0);
        daemon.LogLines.Count.ShouldBeLessThan(20);
    }

    // A quarter of the crowd has the address of the client that is to be served.
    private static IPAddress Address(int attacker) => attacker % 4 == 0 ? IPAddress.Loopback : new IPAddress([127, 0, 1, (byte)attacker]);

    // The share of a core that it takes, and the age of its oldest counters.
    private static async Task<(double Share, double Stale)> ScrapeForAWhileAsync(Daemon daemon)
    {
        TimeSpan before = daemon.CpuTime;
        double stale = 0;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Duration / 2)
        {
            stale = Math.Max(stale, Age(await daemon.ScrapeAsync(), "counters"));
            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }

        return ((daemon.CpuTime - before) / clock.Elapsed, stale);
    }

    private static double Age(Page page, string collector) =>
        (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds - page["conn_collector_last_success_timestamp_seconds", ("collector", collector)];

    private static Socket Connect(Daemon daemon, IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048 };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            socket.Connect(IPAddress.Loopback, daemon.Addresses[0].Port);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }

    // As many as it is let, and again when they are closed.
    private static async Task IdleAsync(Daemon daemon, IPAddress from, int connections, CancellationToken end)
    {
        var open = new List<Socket>();
        while (!end.IsCancellationRequested)
        {
            open.RemoveAll(socket =>
            {
                bool closed = socket.Poll(0, SelectMode.SelectRead);
                if (closed)
                {
                    socket.Dispose();
                }

                return closed;
            });
            for (int i = 0; i < 20 && open.Count < connections; i++)
            {
                try
                {
                    open.Add(Connect(daemon, from));
                }
                catch (SocketException)
                {
                    break;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
        }

        open.ForEach(socket => socket.Dispose());
    }

    private static Task DripAsync(Daemon daemon, IPAddress from, string begin, string drop, CancellationToken end) => AgainAndAgainAsync(daemon, from, async socket =>
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(begin), end);
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300), end);
            await socket.SendAsync(Encoding.ASCII.GetBytes(drop), end);
        }
    }, end);

    // With the right password: others get no page that they could read slowly.
    private static Task ReadSlowlyAsync(Daemon daemon, IPAddress from, CancellationToken end) => AgainAndAgainAsync(daemon, from, async socket =>
    {
        string request = $"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {SecureClient.Basic("prometheus", "secret")}\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(request, 20))), end);
        byte[] drop = new byte[16];
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), end);
        }
        while (await socket.ReceiveAsync(drop, end) > 0);
    }, end);

    private static Task GuessAsync(Daemon daemon, int guesser, CancellationToken end) => AgainAndAgainAsync(daemon, Address(guesser), async socket =>
    {
        byte[] answer = new byte[4096];
        for (int guess = 0; ; guess++)
        {
            string user = guess % 2 == 0 ? "prometheus" : guess.ToString(CultureInfo.InvariantCulture);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {SecureClient.Basic(user, $"guess {guess}")}\r\n\r\n"), end);
            if (await socket.ReceiveAsync(answer, end) == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), end);
        }
    }, end);

    private static async Task AgainAndAgainAsync(Daemon daemon, IPAddress from, Func<Socket, Task> act, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                using Socket socket = Connect(daemon, from);
                await act(socket);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // It was thrown out, or it is over; a thousand times a second would only measure ourselves.
                await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            }
        }
    }
}
