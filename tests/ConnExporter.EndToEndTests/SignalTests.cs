using System.Net;
using System.Net.Sockets;
using System.Text;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>SIGTERM and SIGINT end the daemon with 0 in less than 3 s, whatever its clients and its log do.</summary>
[Collection(OneAtATime.Name)]
public sealed class SignalTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData(LibC.SigTerm)]
    [InlineData(LibC.SigInt)]
    public async Task It_ends_when_told(int signal)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();

        await EndsAsync(daemon, signal);

        (await daemon.ReadOutputAsync()).ShouldBe("");
        await Eventually.Holds(() => daemon.LogLines[^1].ShouldContain("conn-exporter ends"));
    }

    // From the first instruction to the first answer. Before our first line has run the kernel ends it, as it does any program.
    [Fact]
    public async Task It_ends_when_told_while_it_starts()
    {
        for (int milliseconds = 4; milliseconds <= 80; milliseconds += 4)
        {
            await using var daemon = Daemon.Begin(new Launch("--web.listen-address=127.0.0.1:0", "--netns=host"));
            await Task.Delay(milliseconds);
            (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);

            exitCode.ShouldBeOneOf(0, 128 + LibC.SigTerm);
            took.ShouldBeLessThan(Limit);
            daemon.Log.ShouldNotContain("a defect");
        }
    }

    // Whatever it has made by then is gone, and where it was killed, the next one takes what it left for its own.
    [Theory]
    [InlineData(LibC.SigTerm)]
    [InlineData(LibC.SigKill)]
    public async Task Whenever_it_is_ended_its_sockets_are_in_nobodys_way(int signal)
    {
        using var directory = new TemporaryDirectory();
        string[] flags = [$"--web.listen-address=unix:{Path.Join(directory.Path, "web.sock")}", $"--web.local-socket={Path.Join(directory.Path, "diagnose.sock")}", "--netns=host"];
        for (int milliseconds = 0; milliseconds <= 60; milliseconds++)
        {
            await using var ended = Daemon.Begin(new Launch(flags));
            await Task.Delay(milliseconds);
            (int exitCode, _) = await ended.EndByAsync(signal);
            if (signal == LibC.SigTerm)
            {
                exitCode.ShouldBeOneOf(0, 128 + LibC.SigTerm);
                Directory.GetFileSystemEntries(directory.Path).ShouldBeEmpty($"after {milliseconds} ms: {ended.Log}");
            }
        }

        await using (var next = Daemon.Begin(new Launch(flags)))
        {
            (await next.ListensOrEndsAsync()).ShouldBeTrue(next.Log);
            next.Log.ShouldNotContain("cannot ask");
            Directory.GetFileSystemEntries(directory.Path).Length.ShouldBe(2);
            (await next.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
        }

        Directory.GetFileSystemEntries(directory.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task It_ends_while_somebody_keeps_the_directory_of_its_socket_locked()
    {
        using var directory = new TemporaryDirectory();
        using System.Diagnostics.Process holder = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("flock", [directory.Path, "cat"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await holder.StandardInput.WriteLineAsync("held");
        await holder.StandardInput.FlushAsync();
        (await holder.StandardOutput.ReadLineAsync()).ShouldBe("held");
        await using (var daemon = Daemon.Begin(new Launch($"--web.listen-address=unix:{Path.Join(directory.Path, "web.sock")}", "--netns=host")))
        {
            (await daemon.ListensOrEndsAsync()).ShouldBeTrue(daemon.Log);
            daemon.Log.ShouldContain($"keeps {directory.Path} locked");
            await EndsAsync(daemon, LibC.SigTerm);
        }

        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
    }

    [Theory]
    [InlineData(LibC.SigTerm)]
    [InlineData(LibC.SigInt)]
    public async Task It_ends_while_a_client_never_reads_its_answers(int signal)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        using Socket client = await ConnectAsync(daemon);
        client.ReceiveBufferSize = 4096;
        byte[] request = Encoding.ASCII.GetBytes("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.SendTimeout = 500;
        try
        {
            // Until neither side's buffers hold any more.
            while (true)
            {
                client.Send(request);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            // Now the daemon is stuck in an answer.
        }

        await daemon.ScrapeAsync();
        await EndsAsync(daemon, signal);
    }

    [Fact]
    public async Task It_ends_while_a_client_is_in_the_middle_of_its_request()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        using Socket client = await ConnectAsync(daemon);
        client.Send("GET /metrics HTTP/1.1\r\nHost: local"u8);

        await EndsAsync(daemon, LibC.SigTerm);
    }

    [Theory]
    [InlineData(LibC.SigTerm)]
    [InlineData(LibC.SigInt)]
    public async Task It_ends_in_the_middle_of_scrapes_and_samples(int signal)
    {
        string[] busy = ["self", "states", "listeners", "counters", "sockstat", "ports", "conntrack", "descriptors", "processes"];
        await using Daemon daemon = await Daemon.StartReadyAsync(["--sampling.cpu-budget=1", .. busy.Select(collector => $"--collector.{collector}.interval=100ms")]);
        int scrapes = 0;
        Task[] scrapers = [.. Enumerable.Range(0, 4).Select(async _ =>
        {
            using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
            try
            {
                while (true)
                {
                    using HttpResponseMessage answer = await daemon.GetMetricsAsync(client: client);
                    Page.Parse(await answer.Content.ReadAsStringAsync());
                    Interlocked.Increment(ref scrapes);
                }
            }
            catch (HttpRequestException)
            {
                // It has gone; no page before was cut.
            }
        })];
        await Eventually.Holds(() => Volatile.Read(ref scrapes).ShouldBeGreaterThan(50));

        await EndsAsync(daemon, signal);

        await Task.WhenAll(scrapers);
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        using Socket client = await ConnectAsync(daemon);
        client.Send("GET /metrics HTTP/1.1\r\nHost: local"u8);

        daemon.Signal(LibC.SigInt);
        await EndsAsync(daemon, LibC.SigTerm);
    }

    [Fact]
    public async Task A_log_that_nobody_reads_holds_up_neither_scrapes_nor_the_end()
    {
        // Each reload logs a line of 8 kB: the pipe holds 64 kB, and the queue before it a thousand lines.
        using var file = new ConfigurationFile("");
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(file.Flag) { LogIsLeftUnread = true });
        file.Write($"{new string('x', 8000)}: 1\n");
        for (int reload = 0; reload < 1200; reload++)
        {
            daemon.Signal(LibC.SigHup);
            await Task.Delay(1);
        }

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));
        Page before = await daemon.ScrapeAsync();
        await Eventually.Holds(async () => Fresh(await daemon.ScrapeAsync()).ShouldBeGreaterThan(Fresh(before)));

        // Signals that come while one is being dealt with are one, so it takes a while until the queue is full too. Then what is lost is counted.
        await Eventually.Holds(TimeSpan.FromSeconds(60), async () =>
        {
            for (int reload = 0; reload < 500; reload++)
            {
                daemon.Signal(LibC.SigHup);
                await Task.Delay(1);
            }

            (await daemon.ScrapeAsync())["conn_exporter_log_lines_dropped_total"].ShouldBeGreaterThan(0);
        });

        await EndsAsync(daemon, LibC.SigTerm);
        (await daemon.ReadRestOfLogAsync()).Length.ShouldBeGreaterThan(60_000, "the pipe was full");
    }

    [Fact]
    public async Task A_log_whose_reader_has_gone_holds_up_neither_scrapes_nor_the_end()
    {
        using var file = new ConfigurationFile("");
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(file.Flag) { LogIsLeftUnread = true });
        daemon.CloseLog();

        file.Write("no-such-key: 1\n");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));
        file.Write("");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(1));

        await EndsAsync(daemon, LibC.SigTerm);
    }

    private static double Fresh(Page page) => page["conn_collector_last_success_timestamp_seconds", ("collector", "counters")];

    private static async Task EndsAsync(Daemon daemon, int signal)
    {
        (int exitCode, TimeSpan took) = await daemon.EndByAsync(signal);
        exitCode.ShouldBe(0, daemon.Log);
        took.ShouldBeLessThan(Limit);
    }

    private static async Task<Socket> ConnectAsync(Daemon daemon)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, daemon.Addresses[0].Port));
        return client;
    }
}
