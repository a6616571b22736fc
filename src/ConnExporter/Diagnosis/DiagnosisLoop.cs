using ConnExporter.Incidents;
using ConnExporter.Sampling;
using Microsoft.Extensions.Hosting;
using Serilog;

namespace ConnExporter.Diagnosis;

/// <summary>Looks at the newest snapshot once a second, puts the report into it and hands both to the flight recorder.</summary>
internal sealed class DiagnosisLoop : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(20);
    private readonly Diagnostician diagnostician;
    private readonly SnapshotStore store;
    private readonly FlightRecorder recorder;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private Finding[] known = [];

    public DiagnosisLoop(Diagnostician diagnostician, SnapshotStore store, FlightRecorder recorder, TimeProvider time, ILogger log)
    {
        this.diagnostician = diagnostician;
        this.store = store;
        this.recorder = recorder;
        this.time = time;
        this.log = log;
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        DiagnosisReport report = diagnostician.Look(store.Current);
        RecorderState state = recorder.State;
        Snapshot looked = store.Current;
        store.Update(snapshot => looked = snapshot with { Report = report, Recorder = state });
        recorder.Take(looked);
        Tell(report);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What no collector has read yet is nothing to judge by; after that the first look is not to be waited for.
        using var timer = new PeriodicTimer(FirstInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (store.Current.IsComplete)
                {
                    timer.Period = Interval;
                    Look();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the daemon.
        }
    }

    private void Tell(DiagnosisReport report)
    {
        foreach (Finding finding in report.Findings)
        {
            if (Array.Find(known, before => before.Id == finding.Id && before.Netns == finding.Netns) is not { } before)
            {
                log.Warning("Finding {Finding} ({Severity}) began in {Netns}: {Instance}", finding.Id, finding.Severity.Label(), finding.Netns, finding.Verdict.Instance);
            }
            else if (before.Severity != finding.Severity)
            {
                log.Warning("Finding {Finding} is {Severity} now in {Netns}: {Instance}", finding.Id, finding.Severity.Label(), finding.Netns, finding.Verdict.Instance);
            }
        }

        foreach (Finding ended in known.Where(before => !report.Findings.Any(finding => finding.Id == before.Id && finding.Netns == before.Netns)))
        {
            log.Information("Finding {Finding} ended in {Netns}", ended.Id, ended.Netns);
        }

        known = [.. report.Findings];
    }
}
