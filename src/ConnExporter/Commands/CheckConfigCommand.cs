using ConnExporter.Collectors;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Sampling;

namespace ConnExporter.Commands;

/// <summary><c>check-config</c>: checks the settings as the daemon would at its start, and prints what would be in force.</summary>
internal static class CheckConfigCommand
{
    public static int Run(ConfigurationSources sources)
    {
        ExporterOptions options = sources.Load();
        Console.WriteLine($"{sources.FilePath ?? "no configuration file"}: ok");
        Console.WriteLine($"listens on {string.Join(", ", options.ListenAddresses)}, metrics at {options.TelemetryPath}");
        foreach (CollectorEntry entry in CollectorList.All)
        {
            Console.WriteLine(options.Collectors.TryGetValue(entry.Name, out TimeSpan interval)
                ? $"collector {entry.Name}: every {Values.Format(interval)}"
                : $"collector {entry.Name}: off");
        }

        return ExitCode.Ok;
    }
}
