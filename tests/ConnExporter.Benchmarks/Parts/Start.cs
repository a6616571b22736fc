using System.Diagnostics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>How soon after its start the daemon answers.</summary>
internal static class Start
{
    private const int Processes = 1000;
    private const int Each = 10;
    private const int StartsPerRound = 3;
    private const double FirstTarget = 0.04;
    private const double CompleteTarget = 0.12;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    public static Part Part { get; } = new("start", "Start", $"start to the first page, on a host of {Processes:N0} processes", settings => TimeSpan.FromSeconds(10 + (6 * settings.Rounds)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"From the start of the program to the end of an answer, with all collectors and {Processes:N0} processes more on the host; the file is in the page cache.");
        using var load = Load.Descriptors(bench.Place, Processes, Each);
        List<double> first = [];
        List<double> complete = [];
        bench.Rounds("start", () =>
        {
            for (int i = 0; i < StartsPerRound; i++)
            {
                first.Add(Measure(bench, "/metrics"));
                complete.Add(Measure(bench, "/-/ready"));
            }

            return true;
        });
        section.Target("to the first page served", first, FirstTarget, "s");
        section.Target("to the first complete page, with a sample of every collector and a diagnosis", complete, CompleteTarget, "s");
    }

    private static double Measure(Bench bench, string path)
    {
        var clock = Stopwatch.StartNew();
        using Peer peer = bench.Daemon.Launch(bench.Place);
        peer.WaitFor(path, Pause);
        return clock.Elapsed.TotalSeconds;
    }
}
