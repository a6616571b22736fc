using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Incidents;

/// <summary>Two daemons that write in one directory leave each other's incident alone.</summary>
public sealed class FlightRecorderTests : IDisposable
{
    private const string Boot = "2f1d6a34-0000-4000-8000-123456789abc";

    // What is on disk has times of the real clock.
    private static readonly TimeProvider Time = TimeProvider.System;
    private readonly TemporaryDirectory directory = new();
    private readonly LoggedLines logged = new();

    private string Note => Path.Join(directory.Path, OpenIncident.FileName);

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_second_daemon_says_so_and_takes_nothing_over()
    {
        using FlightRecorder first = Recorder();
        Begin(first, written: 1);
        Eventually.True(() => File.Exists(Note));
        string note = File.ReadAllText(Note);
        string unfinished = directory.Write("x.1.unfinished", "");
        logged.Take();

        using FlightRecorder second = Recorder();
        Begin(second, written: 1);

        string[] lines = logged.Take();
        lines.ShouldContain(line => line.StartsWith($"<4>Another daemon writes in {directory.Path}: ", StringComparison.Ordinal));
        lines.ShouldNotContain(line => line.Contains("it goes on", StringComparison.Ordinal));
        File.Exists(unfinished).ShouldBeTrue("the first may be writing it");
        var store = new IncidentStore(directory.Path);
        store.List().Select(record => record.Number).ShouldBe([1, 1], "each has an incident of its own");
        store.List().Select(record => record.Incident).ShouldBeUnique();

        second.Take(Looked());
        Eventually.True(() => second.State.Written == 2);
        first.Take(Looked());
        Eventually.True(() => first.State.Written == 2);
        first.State.Failed.ShouldBe(0UL);
        second.State.Failed.ShouldBe(0UL);
        note.ShouldContain(store.List()[0].Incident);
        Eventually.True(() => !File.Exists(Note));
    }

    [Fact]
    public void The_next_daemon_takes_over_what_one_that_has_ended_left()
    {
        using (FlightRecorder first = Recorder())
        {
            Begin(first, written: 1);
            Eventually.True(() => File.Exists(Note));
        }

        logged.Take();
        using FlightRecorder second = Recorder();

        List<string> lines = [];
        Eventually.True(() =>
        {
            lines.AddRange(logged.Take());
            return lines.Exists(line => line.Contains("it goes on", StringComparison.Ordinal));
        });
        lines.ShouldNotContain(line => line.Contains("Another daemon", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_in_place_of_the_directory_is_said_at_the_start()
    {
        string file = directory.Write("file", "");

        using FlightRecorder recorder = Recorder(file);

        List<string> lines = [];
        Eventually.True(() =>
        {
            lines.AddRange(logged.Take());
            return lines.Contains($"<4>The flight recorder cannot look into {file}: this is no directory");
        });
    }

    private static ExporterState Looked(params Finding[] findings) => new(Snapshot.Empty) { Report = new DiagnosisReport(Time.GetUtcNow(), [], [.. findings], []) };

    private static void Begin(FlightRecorder recorder, ulong written)
    {
        Rule rule = RuleList.All.First(rule => rule.Id == "conntrack_exhausting");
        var finding = new Finding(rule, "self", Severity.Warning, new Verdict(Severity.Warning, "host") { Evidence = [] }, Time.GetUtcNow());

        // Before the disk has answered none begins.
        Eventually.True(() =>
        {
            recorder.Take(Looked(finding));
            return recorder.State.Incidents == 1;
        });
        Eventually.True(() => recorder.State.Written == written);
    }

    private FlightRecorder Recorder(string? place = null) => new(
        new RecorderOptions(null, 100, 1 << 20, TimeSpan.FromMinutes(3)),
        new Diagnostician(RuleList.All, new Thresholds(), Time, (_, e) => throw e),
        place ?? directory.Path,
        "6.1.0",
        Boot,
        Time,
        logged.Log);
}
