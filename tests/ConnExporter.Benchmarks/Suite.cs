using System.Diagnostics;

namespace ConnExporter.Benchmarks;

/// <summary>The benchmarks. Each measures whole processes from outside: what a host pays, not what a function takes.</summary>
internal static class Suite
{
    private const double Mebibyte = 1024 * 1024;
    private const int OurPort = 9057;
    private const int NodePort = 9100;
    private const int ProcessPort = 9256;
    private const int PeerScrapes = 3;
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SamplingTime = TimeSpan.FromSeconds(10);

    public static Report Run(BenchmarkSettings settings)
    {
        var report = new Report(settings);
        Say("publishing the daemon");
        string daemon = Places.PublishDaemon();
        using var place = new TestNamespace();
        if (settings.Chosen.Contains("memory"))
        {
            Memory(report, settings, place, daemon);
        }

        if (settings.Chosen.Contains("states"))
        {
            States(report, settings, place, daemon);
        }

        if (settings.Chosen.Contains("census"))
        {
            Census(report, settings, place, daemon);
        }

        if (settings.Chosen.Contains("descriptors"))
        {
            Descriptors(report, settings, place, daemon);
        }

        return report;
    }

    private static void States(Report report, BenchmarkSettings settings, TestNamespace place, string daemon)
    {
        report.Section("Sockets by state", $"{settings.Sockets:N0} ESTABLISHED sockets in one network namespace. CPU time of the whole process for each sample or scrape.");
        Say($"making {settings.Sockets} sockets");
        using var load = Load.Sockets(place, settings.Sockets);
        var ours = new List<double>();
        var theirs = new List<double>();
        var ss = new List<double>();
        for (int round = 1; round <= settings.Rounds; round++)
        {
            Say($"states, round {round} of {settings.Rounds}");
            ours.Add(Sampling(place, daemon, "states"));
            using (var node = Peer.Start(place, NodePort, "prometheus-node-exporter", "--collector.disable-defaults", "--collector.tcpstat", $"--web.listen-address=127.0.0.1:{NodePort}"))
            {
                theirs.Add(Scraping(node));
            }

            ss.Add(place.CpuOf("ss -tan").TotalMilliseconds);
        }

        report.Figure("conn-exporter, a sample", ours, "ms");
        report.Figure("node_exporter tcpstat, a scrape", theirs, "ms");
        report.Figure("`ss -tan`, a run", ss, "ms");
        report.Target("ratio to node_exporter", Report.Median(ours.Zip(theirs, (a, b) => a / b)), 0.08, "×");
    }

    private static void Census(Report report, BenchmarkSettings settings, TestNamespace place, string daemon)
    {
        report.Section("Census", $"{settings.Sockets:N0} ESTABLISHED sockets of {settings.Peers:N0} peers and {settings.TimeWait:N0} in TIME_WAIT. CPU time of the whole process for each sample or scrape.");
        Say($"making {settings.Sockets} sockets and {settings.TimeWait} in TIME_WAIT");
        using var load = Load.Sockets(place, settings.Sockets, settings.Peers);
        var ours = new List<double>();
        var theirs = new List<double>();
        var ss = new List<double>();
        for (int round = 1; round <= settings.Rounds; round++)
        {
            // TIME_WAIT lasts 60 s: made anew for each round.
            using var closed = Load.TimeWait(place, settings.TimeWait);
            Say($"census, round {round} of {settings.Rounds}");
            ours.Add(Sampling(place, daemon, "census"));
            using (var node = Peer.Start(place, NodePort, "prometheus-node-exporter", "--collector.disable-defaults", "--collector.tcpstat", $"--web.listen-address=127.0.0.1:{NodePort}"))
            {
                theirs.Add(Scraping(node));
            }

            ss.Add(place.CpuOf("ss -tan").TotalMilliseconds);
        }

        report.Figure("conn-exporter, a sample", ours, "ms");
        report.Figure("node_exporter tcpstat, a scrape", theirs, "ms");
        report.Figure("`ss -tan`, a run", ss, "ms");
        report.Target("ratio to node_exporter", Report.Median(ours.Zip(theirs, (a, b) => a / b)), 0.5, "×");
        report.Target("ratio to `ss -tan`", Report.Median(ours.Zip(ss, (a, b) => a / b)), 0.6, "×");
    }

    private static void Memory(Report report, BenchmarkSettings settings, TestNamespace place, string daemon)
    {
        report.Section("Memory", $"Resident memory of the daemon with all collectors, 30 s and 20 scrapes after its start, without sockets and with {settings.MemorySockets:N0} of {settings.MemoryPeers:N0} peers.");
        Say("memory without sockets");
        (double empty, double emptyPeak) = RestingMemory(place, daemon);
        Say($"making {settings.MemorySockets} sockets");
        using var load = Load.Sockets(place, settings.MemorySockets, settings.MemoryPeers);
        Say("memory with sockets");
        (double full, double fullPeak) = RestingMemory(place, daemon);
        report.Figure("without sockets", [empty], "MiB");
        report.Figure("with sockets", [full], "MiB");
        report.Figure("highest without and with sockets", [emptyPeak, fullPeak], "MiB");
        report.Target("difference", Math.Abs(full - empty), 10, " MiB");
    }

    private static void Descriptors(Report report, BenchmarkSettings settings, TestNamespace place, string daemon)
    {
        report.Section("Descriptors by process", $"{settings.Processes:N0} processes with {settings.Each:N0} descriptors each. CPU time of the whole process for each sample or scrape.");
        Say($"making {settings.Processes} processes");
        using var load = Load.Descriptors(place, settings.Processes, settings.Each);
        string names = Path.GetTempFileName();
        File.WriteAllText(names, "process_names:\n  - name: \"{{.Comm}}\"\n    cmdline: ['.+']\n");
        var ours = new List<double>();
        var theirs = new List<double>();
        for (int round = 1; round <= settings.Rounds; round++)
        {
            Say($"descriptors, round {round} of {settings.Rounds}");
            ours.Add(Sampling(place, daemon, "processes"));
            using var exporter = Peer.Start(place, ProcessPort, "prometheus-process-exporter", "-config.path", names, "-web.listen-address", $"127.0.0.1:{ProcessPort}");
            theirs.Add(Scraping(exporter));
        }

        File.Delete(names);
        report.Figure("conn-exporter, a sample", ours, "ms");
        report.Figure("process-exporter, a scrape", theirs, "ms");
        report.Target("ratio to process-exporter", Report.Median(ours.Zip(theirs, (a, b) => a / b)), 0.1, "×");
    }

    // One collector alone, at a short interval; the whole process's CPU is divided by its samples, so that everything around them counts too.
    private static double Sampling(TestNamespace place, string daemon, string collector)
    {
        using var peer = Peer.Start(
            place, OurPort, daemon, "--collector.disable-defaults", $"--collector.{collector}", $"--collector.{collector}.interval={SampleInterval.TotalMilliseconds}ms", $"--web.listen-address=127.0.0.1:{OurPort}");
        Thread.Sleep(4 * SampleInterval);
        TimeSpan before = peer.Cpu;
        var clock = Stopwatch.StartNew();
        Thread.Sleep(SamplingTime);
        double samples = clock.Elapsed / SampleInterval;
        return (peer.Cpu - before).TotalMilliseconds / samples;
    }

    private static double Scraping(Peer peer)
    {
        TimeSpan before = peer.Cpu;
        for (int i = 0; i < PeerScrapes; i++)
        {
            peer.Scrape();
        }

        return (peer.Cpu - before).TotalMilliseconds / PeerScrapes;
    }

    private static (double Resting, double Peak) RestingMemory(TestNamespace place, string daemon)
    {
        using var peer = Peer.Start(place, OurPort, daemon, $"--web.listen-address=127.0.0.1:{OurPort}");
        for (int i = 0; i < 20; i++)
        {
            Thread.Sleep(1500);
            peer.Scrape();
        }

        return (peer.Resident / Mebibyte, peer.PeakResident / Mebibyte);
    }

    private static void Say(string what) => Console.Error.WriteLine($"{DateTime.Now:HH:mm:ss} {what}");
}
