namespace ConnExporter.Benchmarks;

/// <summary>The exporters that the daemon is measured against, as Debian packages them.</summary>
internal static class Rival
{
    private const int NodePort = 9100;
    private const int ProcessPort = 9256;

    public const string NodeExporter = "prometheus-node-exporter";
    public const string ProcessExporter = "prometheus-process-exporter";

    /// <summary>node_exporter with some of its collectors and nothing else.</summary>
    public static Peer Node(TestNamespace place, params IEnumerable<string> collectors) =>
        Peer.Start(place, NodePort, NodeExporter, ["--collector.disable-defaults", .. collectors.Select(name => $"--collector.{name}"), $"--web.listen-address=127.0.0.1:{NodePort}"]);

    /// <summary>process-exporter with every process grouped by name.</summary>
    public static Peer Processes(TestNamespace place)
    {
        string names = Path.Join(Path.GetTempPath(), $"conn-bench-{Environment.ProcessId}.yml");
        File.WriteAllText(names, "process_names:\n  - name: \"{{.Comm}}\"\n    cmdline: ['.+']\n");
        try
        {
            return Peer.Start(place, ProcessPort, ProcessExporter, "-config.path", names, "-web.listen-address", $"127.0.0.1:{ProcessPort}");
        }
        finally
        {
            File.Delete(names);
        }
    }
}
