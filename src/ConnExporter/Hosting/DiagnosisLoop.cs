using ConnExporter.Diagnosis;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.State;
using Microsoft.Extensions.Hosting;
using Serilog;
using Serilog.Events;

namespace ConnExporter.Hosting;

/// <summary>Looks at the newest snapshot each second, or every five where nothing is the matter; puts the report into it and hands both to the flight recorder.</summary>
internal sealed class DiagnosisLoop : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // Where nothing is the matter, less often: looks each second are a third of what an idle host pays.
    private static readonly TimeSpan CalmInterval = TimeSpan.FromSeconds(5);

    // Behind the collectors, which sample at the whole second.
    private static readonly TimeSpan AfterSamples = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(20);
    private readonly Diagnostician diagnostician;
    private readonly StateStore store;
    private readonly FlightRecorder recorder;
    private readonly ILogger log;
    private Finding[] known = [];
    private string? lastDefect;

    public DiagnosisLoop(Diagnostician diagnostician, StateStore store, FlightRecorder recorder, ILogger log)
    {
        this.diagnostician = diagnostician;
        this.store = store;
        this.recorder = recorder;
        this.log = log;
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        DiagnosisReport report = diagnostician.Look(store.Current.Snapshot);
        RecorderState recording = recorder.State;
        ExporterState looked = store.Current;
        store.Update(state => looked = state with { Report = report, Recorder = recording });
        recorder.Take(looked);
        Tell(report);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => SteadyThread.Run("diagnosis", LookWhenReady, stoppingToken, AfterSamples);

    // What no collector has read yet is nothing to judge by; after that the first look is not to be waited for.
    private TimeSpan LookWhenReady()
    {
        if (!store.Current.Snapshot.IsComplete)
        {
            return FirstInterval;
        }

        TryLook();
        return diagnostician.IsCalm ? CalmInterval : Interval;
    }

    // A defect here must not end the daemon: the metrics go on, and the time of the last judgement tells.
    private void TryLook()
    {
        try
        {
            Look();
        }
        catch (Exception e)
        {
            if (lastDefect != e.Message)
            {
                log.Error(e, "The diagnosis failed, a defect in this program; the metrics go on without it");
            }

            lastDefect = e.Message;
        }
    }

    private void Tell(DiagnosisReport report)
    {
        foreach (Finding finding in report.Findings)
        {
            if (Array.Find(known, before => before.Id == finding.Id && before.Netns == finding.Netns) is not { } before)
            {
                log.Write(LevelOf(finding), "Finding {Finding} ({Severity}) began in {Netns}: {Instance}", finding.Id, finding.Severity.Label(), finding.Netns, finding.Verdict.Instance);
            }
            else if (before.Severity != finding.Severity)
            {
                log.Write(LevelOf(finding), "Finding {Finding} is {Severity} now in {Netns}: {Instance}", finding.Id, finding.Severity.Label(), finding.Netns, finding.Verdict.Instance);
            }
        }

        foreach (Finding ended in known.Where(before => !report.Findings.Any(finding => finding.Id == before.Id && finding.Netns == before.Netns)))
        {
            log.Information("Finding {Finding} ended in {Netns}", ended.Id, ended.Netns);
        }

        known = [.. report.Findings];
    }

    // Advice is no warning: whoever is woken by warnings in a log is not woken for it.
    private static LogEventLevel LevelOf(Finding finding) => finding.Severity >= Severity.Warning ? LogEventLevel.Warning : LogEventLevel.Information;
}
