using ConnExporter.Collectors;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using Serilog;

namespace ConnExporter.Commands;

/// <summary><c>metrics</c>: lets every collector read once and prints the page.</summary>
internal static class MetricsCommand
{
    // A million sockets on a loaded host take their time; what never answers is shown as stuck.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    public static int Run(ConfigurationSources sources)
    {
        ExporterOptions options = sources.Load();
        TimeProvider time = TimeProvider.System;
        using Logging logging = new(options, Environment.GetEnvironmentVariable);
        ILogger log = logging.Logger;
        using var systemd = new SystemdNotifier(_ => null, time, log);
        var store = new SnapshotStore(Snapshot.Empty(time));
        using var sampler = new Sampler(store, CollectorList.All, KernelSource.Host(options.ProcPath, options.SysPath), time, systemd, log);
        sampler.Apply(options);
        long start = time.GetTimestamp();
        while (!store.Current.Collectors.All(state => state.Outcome is not (null or Outcome.Stuck)) && time.GetElapsedTime(start) < Patience)
        {
            Thread.Sleep(Pause);
            sampler.Watch();
        }

        sampler.StopCollectors();
        var diagnosis = new Diagnostician(RuleList.All, options.Thresholds, time, (rule, e) => log.Error(e, "Rule {Rule} failed: a defect in this program", rule));
        DiagnosisReport report = diagnosis.Look(store.Current);
        var page = new ExpositionWriter(ExpositionFormat.Text);
        MetricsPage.Write(page, store.Current with { Report = report });
        using Stream output = Console.OpenStandardOutput();
        output.Write(page.Page);
        return ExitCode.Ok;
    }
}
