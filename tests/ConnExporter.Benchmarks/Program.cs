using ConnExporter.Benchmarks;

const string Usage = """
    Measures the published daemon against its peers on the same sockets in the same run, in a network namespace of its own. Takes root.

    benchmarks [states] [census] [memory] [descriptors] [--sockets N] [--peers N] [--time-wait N] [--memory-sockets N] [--memory-peers N] [--processes N] [--each N] [--rounds N] [--write FILE]

      states        CPU of a state sample against a scrape of node_exporter's tcpstat and against 'ss -tan'
      census        CPU of a census against the same two
      memory        resident memory of the daemon without sockets and with them
      descriptors   CPU of a descriptor sample against a scrape of process-exporter
    Without a name: all. Exit status 1 where a target is missed.
    """;

try
{
    var settings = BenchmarkSettings.Parse(args);
    if (settings is null)
    {
        Console.WriteLine(Usage);
        return 0;
    }

    Report report = Suite.Run(settings);
    Console.Write(report.ToMarkdown());
    if (settings.Output is { } file)
    {
        File.WriteAllText(file, report.ToMarkdown());
    }

    return report.TargetsMet ? 0 : 1;
}
catch (BenchmarkException e)
{
    Console.Error.WriteLine($"benchmarks: {e.Message}");
    return 2;
}
