using System.Globalization;
using ConnExporter.Benchmarks;
using ConnExporter.Benchmarks.Parts;

try
{
    if (args is [OtherSockets.HoldVerb, var what, var first, var count])
    {
        OtherSockets.Hold(what, int.Parse(first, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
        return 0;
    }

    var settings = BenchmarkSettings.Parse(args);
    if (settings is null)
    {
        Console.WriteLine($"""
            Measures the published daemon against its peers on the same sockets in the same run, in network namespaces of its own. Takes root,
            the Debian packages prometheus-node-exporter, prometheus-process-exporter and time, 5 GB of memory, and a machine that is quiet otherwise.

            benchmarks [PART ...] [OPTION VALUE ...]

            {string.Join('\n', Suite.Parts.Select(part => $"  {part.Name,-14}{part.Summary} ({Math.Ceiling(part.Takes(new BenchmarkSettings()).TotalMinutes)} min)"))}

              --rounds 5               how often each is measured
              --sizes 1000,…,1000000   socket counts of the part 'sizes'
              --sockets 1000000        sockets wherever very many are meant, and
              --peers 200000           the distinct peers that they have
              --window 60              seconds of a round of 'idle' and 'defaults'
              --growth-samples 10000   samples of 'growth'
              --daemon FILE            a published daemon instead of publishing this source's
              --write FILE             writes the report; sections of parts that did not run stay as they are
            Without a part: all. Exit status 1 where a target is missed, 2 where something cannot be measured.
            """);
        return 0;
    }

    return Suite.Run(settings);
}
catch (BenchmarkException e)
{
    Console.Error.WriteLine($"benchmarks: {e.Message}");
    return Suite.ExitFailed;
}
