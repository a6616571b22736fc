using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>What a service manager is told, and what the journal is given.</summary>
public sealed partial class SystemdTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Start_state_reload_and_end_are_told(bool onAbstractAddress)
    {
        using var manager = new ServiceManager(onAbstractAddress);
        using var file = new ConfigurationFile("");
        await using Daemon daemon = await Daemon.StartAsync(new Launch(file.Flag) { Environment = { ["NOTIFY_SOCKET"] = manager.Address } });

        (await manager.NextWithAsync("READY"))["READY"].ShouldBe("1");
        (await manager.NextWithAsync("STATUS"))["STATUS"].ShouldMatch("^[0-9]+ of [0-9]+ collectors ok");

        foreach (string content in new[] { "collector.ports.interval: 9s\n", "no-such-key: 1\n" })
        {
            file.Write(content);
            long before = MonotonicMicroseconds();
            daemon.Signal(LibC.SigHup);

            Dictionary<string, string> reloading = await manager.NextWithAsync("RELOADING");
            reloading["RELOADING"].ShouldBe("1");
            long.Parse(reloading["MONOTONIC_USEC"], CultureInfo.InvariantCulture).ShouldBeInRange(before, MonotonicMicroseconds());
            (await manager.NextWithAsync("READY"))["READY"].ShouldBe("1", "also after a reload that failed");
        }

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
        (await manager.NextWithAsync("STOPPING"))["STOPPING"].ShouldBe("1");
    }

    [Fact]
    public async Task A_collector_that_fails_shows_in_the_status()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        using var proc = ProcTree.With("net/netstat", path => File.WriteAllText(path, "nonsense"));
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch($"--path.procfs={proc.Path}") { Environment = { ["NOTIFY_SOCKET"] = manager.Address } });

        string status;
        do
        {
            status = (await manager.NextWithAsync("STATUS"))["STATUS"];
        }
        while (!status.Contains("counters broken", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_watchdog_is_fed_while_it_is_asked_for()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        await using Daemon daemon = await Daemon.StartAsync(new Launch { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });

        var clock = new Stopwatch();
        for (int i = 0; i < 4; i++)
        {
            clock.Restart();
            (await manager.NextWithAsync("WATCHDOG"))["WATCHDOG"].ShouldBe("1");
            clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2), "systemd wants to hear twice in its time");
        }
    }

    [FactThatNeeds("prlimit")]
    public async Task Without_any_descriptor_the_watchdog_is_fed_all_the_same()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });
        using var none = new DescriptorLimit(daemon.ProcessId, 3);
        manager.Drain();

        var clock = new Stopwatch();
        for (int i = 0; i < 10; i++)
        {
            clock.Restart();
            (await manager.NextWithAsync("WATCHDOG"))["WATCHDOG"].ShouldBe("1");
            clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        }
    }

    [Fact]
    public async Task A_manager_that_does_not_read_holds_up_nothing_and_is_told_when_it_does()
    {
        using var manager = new ServiceManager(onAbstractAddress: true);
        manager.Fill();
        using var file = new ConfigurationFile("");
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(file.Flag) { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });

        file.Write("log.level: debug\n");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(() => daemon.Log.ShouldContain("The configuration was read again and is in force"));
        (await daemon.ScrapeAsync()).Outcome("self").ShouldBe("ok");

        manager.Drain();
        (await manager.NextWithAsync("READY"))["WATCHDOG"].ShouldBe("1", "both were missed");
        (await manager.NextWithAsync("WATCHDOG"))["WATCHDOG"].ShouldBe("1");

        manager.Fill();
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData("--log.level=info")]
    [InlineData("--collector.self")]
    public async Task The_status_never_counts_where_there_is_nothing_to_count(string flag)
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        await using Daemon daemon = await Daemon.StartAsync(new Launch("--collector.disable-defaults", flag) { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });

        for (int fed = 0; fed < 3;)
        {
            Dictionary<string, string> message = await manager.NextAsync();
            message.GetValueOrDefault("STATUS", "").ShouldNotContain("of 0");
            fed += message.ContainsKey("WATCHDOG") ? 1 : 0;
        }
    }

    // It would be restarted again and again, and see no more than before.
    [Fact]
    public async Task A_collector_that_the_kernel_holds_does_not_starve_the_watchdog()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        using var proc = ProcTree.With("net/netstat", LibC.MakeFifo);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch($"--path.procfs={proc.Path}") { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });
        (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("stuck");

        var clock = new Stopwatch();
        for (int i = 0; i < 10; i++)
        {
            clock.Restart();
            (await manager.NextWithAsync("WATCHDOG"))["WATCHDOG"].ShouldBe("1");
            clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        }

        (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("stuck");
    }

    [Fact]
    public async Task The_watchdog_is_left_alone_where_nobody_asked_or_another_process_was_asked()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch
        {
            Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000", ["WATCHDOG_PID"] = "1" },
        });
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);

        bool fed = false;
        Dictionary<string, string> message;
        do
        {
            message = await manager.NextAsync();
            fed |= message.ContainsKey("WATCHDOG");
        }
        while (!message.ContainsKey("STOPPING"));

        fed.ShouldBeFalse();
    }

    [Fact]
    public async Task A_service_manager_that_is_not_there_is_a_warning_only()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch { Environment = { ["NOTIFY_SOCKET"] = "/no/such/socket" } });

        await Eventually.Holds(() => daemon.LogLines.Count(line => line.Contains("The service manager cannot be told", StringComparison.Ordinal)).ShouldBe(1));
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData("logfmt", "<6>conn-exporter ")]
    [InlineData("json", "<6>{\"")]
    public async Task Lines_for_the_journal_begin_with_their_priority(string format, string begin)
    {
        using var proc = ProcTree.With("net/netstat", path => File.WriteAllText(path, "nonsense"));
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch($"--log.format={format}", $"--path.procfs={proc.Path}") { Environment = { ["JOURNAL_STREAM"] = "8:1234" } });

        await Eventually.Holds(() => daemon.LogLines.ShouldContain(line => line.StartsWith("<4>", StringComparison.Ordinal) && line.Contains("counters", StringComparison.Ordinal)));
        daemon.LogLines.ShouldContain(line => line.StartsWith(begin, StringComparison.Ordinal) && line.Contains("listens on", StringComparison.Ordinal));
        daemon.LogLines.ShouldAllBe(line => Priority().IsMatch(line));
        if (format == "logfmt")
        {
            daemon.Log.ShouldNotContain("ts=");
            daemon.Log.ShouldNotContain(DateTime.UtcNow.Year + "-");
        }
    }

    [Fact]
    public async Task Other_lines_begin_with_their_time()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();

        daemon.LogLines.ShouldNotBeEmpty();
        daemon.LogLines.ShouldAllBe(line => Timed().IsMatch(line));
    }

    // CLOCK_MONOTONIC, as sd_notify(3) asks for.
    private static long MonotonicMicroseconds() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);

    [GeneratedRegex("^<[3-7]>[^<]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Priority();

    [GeneratedRegex("^ts=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z level=(debug|info|warn|error) msg=\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Timed();
}
