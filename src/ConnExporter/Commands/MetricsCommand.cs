using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Hosting;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using Serilog;

namespace ConnExporter.Commands;

/// <summary><c>metrics</c>: lets every collector read once and prints the page.</summary>
internal static class MetricsCommand
{
    public static int Run(ConfigurationSources sources)
    {
        ExporterOptions options = sources.Load();
        TimeProvider time = TimeProvider.System;
        using Logging logging = new(options, Environment.GetEnvironmentVariable);
        ILogger log = logging.Logger;
        using var sampling = new OneShotSampling(options, time, log);
        Snapshot snapshot = sampling.Wait();
        var diagnosis = new Diagnostician(RuleList.All, options.Thresholds, time, (rule, e) => log.Error(e, "Rule {Rule} failed: a defect in this program", rule));
        var page = new ExpositionWriter(ExpositionFormat.Text);
        MetricsPage.Write(page, snapshot with { Report = diagnosis.Look(snapshot) });
        using Stream output = Console.OpenStandardOutput();
        output.Write(page.Page);
        return ExitCode.Ok;
    }
}
