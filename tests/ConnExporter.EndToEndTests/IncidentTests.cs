using System.Diagnostics;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>After the restart that everybody does the evidence is still there.</summary>
/// <remarks>One at a time: an incident goes on while anything on this host is short of descriptors, another test too.</remarks>
[Collection(OneAtATime.Name)]
public sealed class IncidentTests : IDisposable
{
    private const string TooManyOpenFiles = "process_descriptors_exhausting";

    private static readonly string[] Quick = ["--sampling.cpu-budget=1", "--collector.processes.interval=200ms", "--diagnosis.for=100ms", "--diagnosis.linger=100ms", "--netns=host"];
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds("prlimit")]
    public async Task An_incident_can_be_read_after_the_service_and_the_daemon_were_killed()
    {
        int pid;
        await using (Daemon daemon = await Daemon.StartReadyAsync([.. Quick, Recorder]))
        {
            using Process service = StartServiceShortOfDescriptors();
            pid = service.Id;
            await Eventually.Holds(() => Directory.GetFiles(directory.Path, "incident-*.begin.*.json").ShouldHaveSingleItem());
            service.Kill();
            await daemon.EndByAsync(LibC.SigKill);
        }

        JsonElement incident = (await ShowAsync("last")).EnumerateArray().First();
        JsonElement finding = incident.GetProperty("diagnosis").GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == TooManyOpenFiles);
        JsonElement holder = finding.GetProperty("holders").EnumerateArray().First();
        holder.GetProperty("name").GetString().ShouldBe("sleep");
        holder.GetProperty("pid").GetInt32().ShouldBe(pid);
        incident.GetProperty("history").GetProperty("series").EnumerateArray().Where(series => series.GetProperty("resource").GetString() == "process_file_descriptors")
            .ShouldContain(series => series.GetProperty("points").GetArrayLength() > 0);
        foreach (string table in new[] { "destinations", "listeners", "units", "processes", "namespaces", "settings", "collectors" })
        {
            incident.GetProperty("tables").TryGetProperty(table, out _).ShouldBeTrue(table);
        }

        Finished text = await RunAsync("incidents", "show", "last");
        text.ExitCode.ShouldBe(0);
        text.Output.ShouldContain($"pid {pid}");
        text.Output.ShouldNotContain("\u001b", Case.Sensitive, "it went into a pipe");
        (await RunAsync("incidents")).Output.ShouldContain($"{TooManyOpenFiles} (sleep");
    }

    [FactThatNeeds("prlimit")]
    public async Task Its_end_is_recorded_too()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync([.. Quick, Recorder]);
        using (Process service = StartServiceShortOfDescriptors())
        {
            await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_recorder_records_total", ("result", "written")].ShouldBe(1));
            service.Kill();
        }

        await Eventually.Holds(() => Directory.GetFiles(directory.Path, "incident-*.end.*.json").ShouldHaveSingleItem());
        (await daemon.ScrapeAsync())["conn_incidents_total"].ShouldBe(1);
        using var list = JsonDocument.Parse((await RunAsync("incidents", "list", "--json")).Output);
        list.RootElement.EnumerateArray().Single().GetProperty("ended_at").ValueKind.ShouldBe(JsonValueKind.String);
    }

    [FactThatNeeds("prlimit", "strace")]
    public async Task A_kill_in_the_middle_of_a_write_leaves_no_broken_record()
    {
        // The kernel kills it where the record is written but not yet in its place.
        using Process service = StartServiceShortOfDescriptors();
        using (Process killed = new Launch([.. Quick, Recorder, "--web.listen-address=127.0.0.1:0"]) { Under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:signal=KILL"] }.Start())
        {
            _ = killed.StandardError.ReadToEndAsync();
            await killed.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        }

        Files().ShouldHaveSingleItem().ShouldEndWith(".unfinished");
        (await RunAsync("incidents")).Output.ShouldContain("No incident is recorded");

        // The next one cleans up and records the same trouble anew.
        await using Daemon daemon = await Daemon.StartReadyAsync([.. Quick, Recorder]);
        try
        {
            await Eventually.Holds(() => Files().Except(["open-incident.json"]).ShouldHaveSingleItem().ShouldEndWith(".json"));
        }
        finally
        {
            // The next test would have its trouble.
            service.Kill();
        }
    }

    [FactThatNeeds(Need.Root, "prlimit", "unshare")]
    public async Task A_full_disk_costs_the_record_and_nothing_else()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch([.. Quick, Recorder])
        {
            Under = ["unshare", "--mount", "sh", "-c", $"mount -t tmpfs -o size=4k none {directory.Path} && exec \"$@\"", "sh"],
        });

        await ARecordIsLostAndNothingElse(daemon);
    }

    [FactThatNeeds(Need.Root, "prlimit", Need.SetPriv)]
    public async Task A_directory_that_may_not_be_written_costs_the_record_and_nothing_else()
    {
        using var build = new TemporaryDirectory();
        ProgramUnderTest.CopyTo(Repository.DaemonDirectory, build.Path);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch([.. Quick, Recorder]) { AsNobody = true, Directory = build.Path });

        await ARecordIsLostAndNothingElse(daemon);
    }

    [Fact]
    public async Task Without_a_directory_incidents_are_counted_and_none_is_kept()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(Quick);

        Page page = await daemon.ScrapeAsync();
        page["conn_recorder_enabled"].ShouldBe(0);
        page.Find("conn_incidents_total").ShouldNotBeNull();
    }

    [Fact]
    public async Task The_directory_of_the_unit_is_used_unless_another_is_named()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(Quick) { Environment = { ["STATE_DIRECTORY"] = directory.Path } });

        (await daemon.ScrapeAsync())["conn_recorder_enabled"].ShouldBe(1);
    }

    [Theory]
    [InlineData("incidents show 2026", 64, "no such incident")]
    [InlineData("incidents shwo", 64, "shwo: no such command")]
    [InlineData("incidents --recorder.max-count=0", 64, "--recorder.max-count: '0'")]
    public async Task What_is_wrong_is_named(string arguments, int exitCode, string complaint)
    {
        Finished run = await RunAsync(arguments.Split(' '));

        run.ExitCode.ShouldBe(exitCode);
        run.Error.ShouldContain(complaint);
    }

    private string Recorder => $"--recorder.path={directory.Path}";

    private static async Task ARecordIsLostAndNothingElse(Daemon daemon)
    {
        Page before = await daemon.ScrapeAsync();
        using Process service = StartServiceShortOfDescriptors();
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_recorder_records_total", ("result", "failed")].ShouldBeGreaterThan(0));

        Page after = await daemon.ScrapeAsync();
        after["conn_recorder_records_total", ("result", "written")].ShouldBe(0);
        after["conn_finding", ("finding", TooManyOpenFiles), ("severity", "warning"), ("netns", "self")].ShouldBe(1);
        after.Collectors.ShouldAllBe(collector => after.Outcome(collector) == before.Outcome(collector));
        await Eventually.Holds(() => daemon.Log.ShouldContain("cannot be recorded"));
        service.Kill();
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    // 17 descriptors of 20: over 0.8 and under 0.95.
    private static Process StartServiceShortOfDescriptors() => Process.Start(
        new ProcessStartInfo("prlimit", ["--nofile=20:20", "bash", "-c", "for i in {3..16}; do eval \"exec $i</dev/null\"; done; exec sleep 60"]) { UseShellExecute = false })!;

    // The lock says nothing.
    private IEnumerable<string> Files() => Directory.GetFiles(directory.Path).Select(path => Path.GetFileName(path)).Except(["lock"]);

    private Task<Finished> RunAsync(params string[] arguments) => new Launch([.. arguments, Recorder]).RunAsync();

    private async Task<JsonElement> ShowAsync(string id)
    {
        Finished run = await RunAsync("incidents", "show", id, "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement.Clone();
    }
}
