namespace ConnExporter.KernelTests.Findings;

/// <summary>Faults of queues, floods and leaks that one look can tell: the finding and its holder are named, nothing else is, and it ends with its cause.</summary>
public class FlowTests
{
    [KernelTheory("dotnet")]
    [InlineData(2, 4096, 3)]
    [InlineData(1024, 128, 129)]
    public void A_listener_that_nobody_accepts_from_overflows(int backlog, int somaxconn, int queue)
    {
        using var network = new NetworkNamespace();
        network.Set("net/core/somaxconn", $"{somaxconn}");
        using var lab = new Lab(network, "backlog", "--limit", $"{backlog}", "--clients", $"{queue + 6}");

        var seen = Diagnosis.Until(network, "accept_queue_overflowing");

        seen.Alarms.ShouldBe(["accept_queue_overflowing"]);
        seen.InstanceOf("accept_queue_overflowing").ShouldBe($"127.0.0.1:{lab.Number("port")}");
        seen.HolderOf("accept_queue_overflowing").ShouldBe(lab.ProcessId);
        seen.EvidenceOf("accept_queue_overflowing").ShouldContain($"{queue} wait to be accepted, the limit is {queue - 1}");
        seen.EvidenceOf("accept_queue_overflowing").Contains("probably cut off", StringComparison.Ordinal).ShouldBe(somaxconn == 128, "a limit equal to the old default");
        CommandsRun(network, seen);

        lab.Command("quiet");
        lab.Command("accept");
        Diagnosis.UntilEnd(network, "accept_queue_overflowing").Alarms.ShouldBeEmpty();
    }

    [KernelFact("dotnet")]
    public void Handshakes_that_nobody_finishes_are_a_flood()
    {
        using var network = new NetworkNamespace();
        using (var flood = new Lab(network, "flood", "--limit", "4096", "--count", "600"))
        {
            var seen = Diagnosis.Until(network, "syn_flood_suspected");

            seen.Alarms.ShouldBe(["syn_flood_suspected"]);
            seen.InstanceOf("syn_flood_suspected").ShouldBe($"10.99.0.1:{flood.Number("port")}");
            seen.HolderOf("syn_flood_suspected").ShouldBe(flood.ProcessId);
            CommandsRun(network, seen);
        }

        Diagnosis.UntilEnd(network, "syn_flood_suspected").Alarms.ShouldBeEmpty();
    }

    [KernelTheory("dotnet")]
    [InlineData(1, "warning")]
    [InlineData(0, "critical")]
    public void A_flood_beyond_the_SYN_queue_is_a_full_queue_that_it_caused(int cookies, string severity)
    {
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/tcp_syncookies", $"{cookies}");
        using var daemon = new RunningDaemon(network, [.. ShortWindows, "--netns=host"]);
        using (var flood = new Lab(network, "flood", "--limit", "128", "--count", "2000"))
        {
            Poll.Until(
                () =>
                {
                    flood.Command("again");
                    return daemon.Scrape();
                },
                page => Finding(page, "syn_queue_overflowing", severity) == 1 && Finding(page, "syn_flood_suspected", severity) == 1,
                "a flood and a full queue");
            MetricsText page = daemon.Scrape();
            page.Value("conn_finding_info", "finding=\"syn_queue_overflowing\"", $"evidence=\"10.99.0.1:{flood.Number("port")}\"").ShouldBe(1);
            AlarmsOf(page).ShouldBe(["syn_flood_suspected", "syn_queue_overflowing"], ignoreOrder: true);
        }

        Poll.Until(() => AlarmsOf(daemon.Scrape()), alarms => alarms.Count == 0, "the end of both", TimeSpan.FromSeconds(60));
    }

    [KernelFact("dotnet")]
    public void A_server_that_does_not_close_leaks_CLOSE_WAIT()
    {
        string[] flags = ["--diagnosis.close-wait-age=2s"];
        using var network = new NetworkNamespace();
        using (var leak = new Lab(network, "mix", "--close-wait", "120", "--families", "v4"))
        {
            var seen = Diagnosis.Until(network, "close_wait_leak", flags);

            seen.Alarms.ShouldBe(["close_wait_leak"]);
            seen.SeverityOf("close_wait_leak").ShouldBe("warning");
            seen.HolderOf("close_wait_leak").ShouldBe(leak.ProcessId);
            seen.EvidenceOf("close_wait_leak").ShouldContain($"dotnet (pid {leak.ProcessId}) holds 120 of them");

            // The grace that it prints: the sockets go, whose descriptors stay with the process.
            CommandsRun(network, seen);
            Diagnosis.Of(network, flags).Has("close_wait_leak").ShouldBeFalse();
        }

        using var many = new Lab(network, "mix", "--close-wait", "1100", "--families", "v4");

        // It takes a moment until all of them are old enough.
        Diagnosis worse = Poll.Until(() => Diagnosis.Of(network, flags), seen => seen.Has("close_wait_leak") && seen.SeverityOf("close_wait_leak") == "critical", "a thousand that are old");
        worse.HolderOf("close_wait_leak").ShouldBe(many.ProcessId);
    }

    [KernelFact("dotnet", "nft")]
    public void A_destination_behind_a_filter_piles_up_SYN_SENT()
    {
        using var network = new NetworkNamespace();
        network.Run("nft", "add table inet filter");
        network.Run("nft", "add chain inet filter output { type filter hook output priority 0; policy accept; }");
        network.Run("nft", "add rule inet filter output ip daddr 10.99.0.9 tcp dport 5432 drop");
        using (var lab = new Lab(network, "dial", "--to", "10.99.0.9", "--port", "5432", "--count", "150"))
        {
            var seen = Diagnosis.Until(network, "syn_sent_pileup");

            seen.Alarms.ShouldBe(["syn_sent_pileup"]);
            seen.InstanceOf("syn_sent_pileup").ShouldBe("10.99.0.9:5432");
            seen.HolderOf("syn_sent_pileup").ShouldBe(lab.ProcessId);
            CommandsRun(network, seen);
            Diagnosis.Of(network).Has("syn_sent_pileup").ShouldBeFalse("ss -K has ended them");
        }
    }

    [KernelFact("dotnet")]
    public void Sixty_dead_destinations_at_once_look_like_a_scan()
    {
        using var network = new NetworkNamespace();
        using (var lab = new Lab(network, "dial", "--to", "10.99.0.20", "--port", "22", "--count", "60", "--destinations", "60"))
        {
            var seen = Diagnosis.Until(network, "outbound_scan_suspected");

            seen.Alarms.ShouldBe(["outbound_scan_suspected"]);
            seen.HolderOf("outbound_scan_suspected").ShouldBe(lab.ProcessId);
            seen.EvidenceOf("outbound_scan_suspected").ShouldContain("60 different destinations do not answer 60 connections");

            // Frozen it cannot be ended: everything but that.
            CommandsRun(network, seen, command => !command.StartsWith("kill -STOP", StringComparison.Ordinal));
            seen.Commands.ShouldContain($"kill -STOP {lab.ProcessId}");
        }

        Diagnosis.UntilEnd(network, "outbound_scan_suspected").Alarms.ShouldBeEmpty();
    }

    [KernelFact("dotnet")]
    public void A_program_that_is_forked_for_every_connection_is_a_storm()
    {
        using var network = new NetworkNamespace();
        using var listener = new Lab(network, "backlog", "--limit", "1024", "--clients", "0", "--port", "8080");
        using (var lab = new Lab(network, "dial", "--to", "127.0.0.1", "--port", "8080", "--count", "220", "--processes", "220"))
        {
            var seen = Diagnosis.Until(network, "process_storm");

            seen.Alarms.ShouldBe(["process_storm"]);
            seen.InstanceOf("process_storm").ShouldStartWith("cat");
            seen.EvidenceOf("process_storm").ShouldContain("220 processes named cat hold 220 connections");
            CommandsRun(network, seen);
        }

        Diagnosis.UntilEnd(network, "process_storm").Alarms.ShouldBeEmpty();
    }

    [KernelFact("dotnet")]
    public void More_than_60000_ESTABLISHED_are_a_note()
    {
        using var network = new NetworkNamespace();
        using var first = new Lab(network, "repair", "--count", "12100", "--peers", "10", "--peer-base", "127.2.0.1");
        using var second = new Lab(network, "repair", "--count", "12000", "--peers", "10", "--peer-base", "127.3.0.1");
        using var third = new Lab(network, "repair", "--count", "12000", "--peers", "10", "--peer-base", "127.4.0.1");
        using var fourth = new Lab(network, "repair", "--count", "12000", "--peers", "10", "--peer-base", "127.5.0.1");
        using var fifth = new Lab(network, "repair", "--count", "12000", "--peers", "10", "--peer-base", "127.6.0.1");

        var seen = Diagnosis.Until(network, "too_many_established");

        seen.Alarms.ShouldBeEmpty();
        seen.SeverityOf("too_many_established").ShouldBe("info");
        seen.HolderOf("too_many_established").ShouldBe(first.ProcessId);
    }

    [KernelFact("dotnet")]
    public void A_healthy_busy_host_has_no_finding()
    {
        using var network = new NetworkNamespace();
        using var established = new Lab(network, "repair", "--count", "10000", "--peers", "25", "--peer-base", "127.2.0.1");
        using var others = new Lab(network, "repair", "--count", "10000", "--peers", "25", "--peer-base", "127.3.0.1");
        using var closed = new Lab(network, "mix", "--time-wait", "25000", "--families", "v4");

        var seen = Diagnosis.Of(network);

        closed.Left.ShouldBeGreaterThan(TimeSpan.Zero, "the sockets in TIME_WAIT were gone before the look was over");
        seen.Alarms.ShouldBeEmpty(seen.ToString());
    }

    internal static string[] ShortWindows { get; } =
    [
        "--diagnosis.for=200ms", "--diagnosis.linger=500ms", "--diagnosis.drop-window=1s", "--collector.census.interval=500ms", "--collector.states.interval=500ms",
    ];

    internal static double? Finding(MetricsText page, string finding, string severity) => page.Find("conn_finding", $"finding=\"{finding}\"", $"severity=\"{severity}\"", "netns=\"self\"");

    internal static IReadOnlyList<string> AlarmsOf(MetricsText page) =>
        [.. ConnExporterFindings.Where(finding => Finding(page, finding, "warning") == 1 || Finding(page, finding, "critical") == 1)];

    // Of the network; descriptors of other programs on this host are not the test's.
    private static readonly string[] ConnExporterFindings =
    [
        "accept_queue_overflowing", "syn_queue_overflowing", "syn_flood_suspected", "close_wait_leak", "established_leak", "syn_sent_pileup", "outbound_scan_suspected", "slow_reader",
        "slow_peer", "retransmit_storm", "process_storm", "ephemeral_ports_exhausting",
    ];

    // Every command that is printed is one that works, typed as it is.
    private static void CommandsRun(NetworkNamespace network, Diagnosis seen, Func<string, bool>? but = null)
    {
        seen.Commands.ShouldNotBeEmpty();
        foreach (string command in seen.Commands.Where(command => but?.Invoke(command) != false && !command.StartsWith("systemctl ", StringComparison.Ordinal)))
        {
            network.Run("/bin/sh", "-c", command);
        }
    }
}
