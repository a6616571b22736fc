using System.Collections.Immutable;
using System.Net.Sockets;
using ConnExporter.Benchmarks.Parts;

namespace ConnExporter.Benchmarks;

/// <summary>THE list of parts. Most measure whole processes from outside: what a host pays, not what a function takes.</summary>
internal static class Suite
{
    /// <summary>Exit status where a target is missed.</summary>
    public const int ExitMissed = 1;

    /// <summary>Exit status where something could not be measured.</summary>
    public const int ExitFailed = 2;

    public static ImmutableArray<Part> Parts { get; } =
    [
        FileSize.Part,
        Start.Part,
        Idle.Part,
        Sizes.Part,
        Peers.Part,
        Lookups.Part,
        Mixed.Part,
        Descriptors.Part,
        Listeners.Part,
        OtherSockets.Udp,
        OtherSockets.UnixSockets,
        Namespaces.Part,
        Defaults.Part,
        Pages.Part,
        Scrapes.Part,
        Memory.Part,
        Growth.Part,
        Allocations.Part,
        Tricks.Part,
        Symptoms.Part,
    ];

    /// <summary>Runs the chosen parts.</summary>
    /// <returns>The exit status of the program.</returns>
    public static int Run(BenchmarkSettings settings)
    {
        List<Part> chosen = [.. Parts.Where(part => settings.Chosen.Contains(part.Name))];
        var total = TimeSpan.FromSeconds(chosen.Sum(part => part.Takes(settings).TotalSeconds));
        Bench.Say($"{chosen.Count} of {Parts.Length} parts, about {Math.Ceiling(total.TotalMinutes)} minutes, until {DateTime.Now + total:HH:mm}");
        Bench.Say(settings.Daemon is null ? "publishing the daemon" : $"the daemon is {settings.Daemon}");
        var daemon = new Daemon(settings.Daemon ?? Places.PublishDaemon());
        var report = new Report(settings, daemon);
        bool missed = false;
        bool failed = false;
        foreach (Part part in chosen)
        {
            Bench.Say($"{part.Name}: {part.Summary} (about {part.Takes(settings).TotalSeconds:F0} s)");
            using var place = new TestNamespace();
            var section = new Section(part.Title);
            try
            {
                part.Run(new Bench(settings, place, daemon), section);
            }
            catch (Exception e) when (e is BenchmarkException or IOException or SocketException)
            {
                // Its section stays as it was; the other parts can still be measured.
                Bench.Say($"{part.Name} could not be measured: {e.Message}");
                failed = true;
                continue;
            }

            missed |= !section.TargetsMet;
            Console.WriteLine(section.ToMarkdown());
            report.Take(section);
        }

        return failed ? ExitFailed : missed ? ExitMissed : 0;
    }
}
