using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Hosting;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Terminal;
using Serilog;

namespace ConnExporter.Commands;

/// <summary><c>metrics</c>: lets every collector read once and prints the page.</summary>
internal static class MetricsCommand
{
    public static int Run(ConfigurationSources sources)
    {
        ExporterOptions options = sources.Load();
        TimeProvider time = TimeProvider.System;
        DateTimeOffset loadedAt = time.GetUtcNow();
        using Logging logging = new(options, Environment.GetEnvironmentVariable);
        ILogger log = logging.Logger;
        using var sampling = new OneShotSampling(options, time, log);
        Snapshot snapshot = sampling.Wait();
        var diagnosis = new Diagnostician(RuleList.All, options.Thresholds, time, (rule, e) => log.Error(e, "Rule {Rule} failed: a defect in this program", rule));
        var page = new ExpositionWriter();
        MetricsPage.Write(page, new ExporterState(snapshot) { Report = diagnosis.Look(snapshot), Configuration = new ConfigurationState(LastReloadOk: true, loadedAt) });
        ReadOnlySpan<byte> text = page.ToText(ExpositionFormat.Text);
        if (!Console.IsOutputRedirected)
        {
            Console.Out.Write(ForTerminal(text));
            return ExitCode.Ok;
        }

        using Stream output = PlainOutput.Open(1);
        output.Write(text);
        return ExitCode.Ok;
    }

    /// <summary>The page for people. Names come from others: what commands a terminal is shown, not done. A program gets the page as it is.</summary>
    internal static string ForTerminal(ReadOnlySpan<byte> page) => string.Join('\n', Encoding.UTF8.GetString(page).Split('\n').Select(Visible.Of));
}
