using System.Text;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Incidents;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Incidents;

#pragma warning disable CA1416 // Tests of a program for Linux.

/// <summary>An incident lives through a restart of the daemon: what was noted is what is read, and nobody else's word is.</summary>
public sealed class OpenIncidentTests : IDisposable
{
    private const string Boot = "2f1d6a34-0000-4000-8000-123456789abc";
    private static readonly DateTimeOffset Since = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
    private static readonly OpenIncident Open = new(
        "20260102T030405Z-007", 3, 0.97, [new HeldBefore("ephemeral_ports_exhausting", "self", Severity.Critical, Since)], [new HeldBefore("slow_peer", "/run/netns/a \"b", Severity.Warning, Since)]);

    private readonly TemporaryDirectory directory = new();
    private readonly IncidentStore store;

    public OpenIncidentTests() => store = new IncidentStore(directory.Path);

    private string File => Path.Join(directory.Path, OpenIncident.FileName);

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    [InlineData(int.MaxValue)]
    public void A_number_that_leaves_none_for_the_next_record_is_refused(int number)
    {
        store.WriteOpen(Open with { Number = number }, Boot);

        Should.Throw<IncidentException>(() => store.ReadOpen(Boot, DateTimeOffset.UtcNow)).Message.ShouldContain($"with {number} records");
    }

    [Fact]
    public void What_is_noted_is_what_is_read()
    {
        store.WriteOpen(Open, Boot);
        store.WriteOpen(Open, Boot);

        OpenIncident read = store.ReadOpen(Boot, DateTimeOffset.UtcNow)!;
        (read with { Findings = [], Recorded = [] }).ShouldBe(Open with { Findings = [], Recorded = [] });
        read.Findings.ShouldBe(Open.Findings);
        read.Recorded.ShouldBe(Open.Recorded);
        store.List().ShouldBeEmpty("it is no record");
    }

    [Fact]
    public void A_number_that_a_killed_daemon_has_used_is_not_given_again()
    {
        store.Write(new IncidentRecord(Open.Incident, Open.Number + 1, IncidentEvent.Worsen, "critical"), "{}"u8, maxCount: 10, maxBytes: 1000);
        store.Write(new IncidentRecord("20260102T030405Z-008", 9, IncidentEvent.Begin, "critical"), "{}"u8, maxCount: 10, maxBytes: 1000);
        store.WriteOpen(Open, Boot);

        store.ReadOpen(Boot, DateTimeOffset.UtcNow)!.Number.ShouldBe(Open.Number + 1);
    }

    [Theory]
    [InlineData(OpenIncident.FileName)]
    [InlineData(OpenIncident.FileName + ".unfinished")]
    public void A_directory_in_its_place_is_named(string name)
    {
        string place = Path.Join(directory.Path, name);
        Directory.CreateDirectory(place);

        Should.Throw<IOException>(() => store.WriteOpen(Open, Boot)).Message.ShouldBe($"{place}: a directory is in its place");
        if (name == OpenIncident.FileName)
        {
            Should.Throw<IOException>(store.RemoveOpen).Message.ShouldBe($"{place}: a directory is in its place");
            Should.Throw<IncidentException>(() => store.ReadOpen(Boot, DateTimeOffset.UtcNow)).Message.ShouldBe($"{place}: a directory is in its place");
        }
    }

    // Network namespaces that come and go during an incident of days.
    [Fact]
    public void What_came_and_went_is_not_noted()
    {
        var follower = new IncidentFollower();
        Rule rule = RuleList.All.First(rule => rule.Id == "conntrack_exhausting");
        Finding Of(string netns) => new(rule, netns, Severity.Critical, new Verdict(Severity.Critical, "host") { Evidence = [] }, Since);
        for (int i = 0; i < 100; i++)
        {
            follower.Take(Report() with { Findings = [Of("self"), Of($"netns-{i}")] }, TimeSpan.Zero);
        }

        OpenIncident note = follower.OpenOf(Report() with { Findings = [Of("self")] })!;
        note.Findings.Length.ShouldBe(1);
        note.Recorded.ShouldBe(note.Findings);
    }

    [Fact]
    public void None_goes_on_where_none_is_noted_or_it_has_ended()
    {
        store.ReadOpen(Boot, DateTimeOffset.UtcNow).ShouldBeNull();
        store.WriteOpen(Open, Boot);
        store.RemoveOpen();
        store.ReadOpen(Boot, DateTimeOffset.UtcNow).ShouldBeNull();
        store.RemoveOpen();
    }

    [Theory]
    [InlineData(9, true)]
    [InlineData(11, false)]
    [InlineData(-11, false)]
    public void Nor_where_the_daemon_was_away_for_long_or_the_clock_says_nothing(int minutes, bool goesOn)
    {
        store.WriteOpen(Open, Boot);

        (store.ReadOpen(Boot, DateTimeOffset.UtcNow.AddMinutes(minutes)) is not null).ShouldBe(goesOn);
    }

    [Fact]
    public void Nor_after_a_boot()
    {
        store.WriteOpen(Open, Boot);

        store.ReadOpen("another", DateTimeOffset.UtcNow).ShouldBeNull();
    }

    [Fact]
    public void A_note_that_is_cut_off_anywhere_is_an_error_that_names_the_file()
    {
        store.WriteOpen(Open, Boot);
        byte[] whole = System.IO.File.ReadAllBytes(File);
        for (int length = 0; length < whole.Length; length++)
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);

            Should.Throw<IncidentException>(() => store.ReadOpen(Boot, DateTimeOffset.UtcNow)).Message.ShouldContain(File);
        }
    }

    [Theory]
    [InlineData("""{"format":2}""")]
    [InlineData("""{"format":1}""")]
    [InlineData("""{"format":1,"boot_id":"b","incident":"../../etc/passwd","number":1,"fullest":0,"findings":[],"recorded":[]}""")]
    [InlineData("""{"format":1,"boot_id":"b","incident":"20260102T030405Z-007","number":0,"fullest":0,"findings":[],"recorded":[]}""")]
    [InlineData("""{"format":1,"boot_id":"b","incident":"20260102T030405Z-007","number":1,"fullest":0,"findings":[{"finding":"a","netns":"b","severity":"worst","since":"2026-01-02T03:04:05Z"}],"recorded":[]}""")]
    public void Nor_is_one_believed_that_no_daemon_writes(string content)
    {
        directory.Write(OpenIncident.FileName, content);

        Should.Throw<IncidentException>(() => store.ReadOpen("b", DateTimeOffset.UtcNow));
    }

    [RootFact]
    public void Nor_a_stranger_s()
    {
        store.WriteOpen(Open, Boot);
        Strangers.Give(File);

        Should.Throw<IncidentException>(() => store.ReadOpen(Boot, DateTimeOffset.UtcNow)).Message.ShouldContain("belongs to uid 65534");
    }

    [RootTheory]
    [InlineData("")]
    [InlineData(".unfinished")]
    public void Nor_is_a_stranger_s_removed_or_replaced(string suffix)
    {
        System.IO.File.WriteAllText(File + suffix, "precious");
        Strangers.Give(File + suffix);

        Should.Throw<IOException>(() => store.WriteOpen(Open, Boot)).Message.ShouldBe($"{File}{suffix}: a file of uid 65534 is in its place; it is left as it is");
        if (suffix.Length == 0)
        {
            Should.Throw<IOException>(store.RemoveOpen).Message.ShouldContain("uid 65534");
        }

        System.IO.File.ReadAllText(File + suffix).ShouldBe("precious");
    }

    // What a daemon of our own was killed over.
    [Fact]
    public void Our_own_are_replaced()
    {
        System.IO.File.WriteAllText(File, "old");
        System.IO.File.WriteAllText(File + ".unfinished", "half");

        store.WriteOpen(Open, Boot);

        store.ReadOpen(Boot, DateTimeOffset.UtcNow)!.Incident.ShouldBe(Open.Incident);
        System.IO.File.Exists(File + ".unfinished").ShouldBeFalse();
    }

    [Fact]
    public void A_link_is_neither_read_nor_written_through()
    {
        string elsewhere = directory.Write("elsewhere", "untouched");
        System.IO.File.CreateSymbolicLink(File + ".unfinished", elsewhere);
        Should.Throw<IOException>(() => store.WriteOpen(Open, Boot)).Message.ShouldBe($"{File}.unfinished: a symbolic link is in its place; it is left as it is");
        System.IO.File.ReadAllText(elsewhere).ShouldBe("untouched");

        System.IO.File.CreateSymbolicLink(File, elsewhere);
        Should.Throw<IOException>(store.RemoveOpen).Message.ShouldBe($"{File}: a symbolic link is in its place; it is left as it is");
        new System.IO.FileInfo(File).LinkTarget.ShouldBe(elsewhere);
        Should.Throw<IncidentException>(() => store.ReadOpen(Boot, DateTimeOffset.UtcNow)).Message.ShouldContain("symbolic link");
    }

    [Fact]
    public void An_incident_goes_on_where_it_was_and_ends_once()
    {
        var follower = new IncidentFollower();
        follower.Resume(Open);
        follower.Take(Report(awaited: Open.Findings[0]), TimeSpan.FromMinutes(3)).ShouldBeNull("whether it is over is not known yet");
        follower.OpenOf(Report(awaited: Open.Findings[0]))!.Findings.ShouldBe(Open.Findings);

        follower.Take(Report(), TimeSpan.FromMinutes(3)).ShouldBe(new IncidentRecord(Open.Incident, 4, IncidentEvent.End, "none"));
        follower.OpenOf(Report()).ShouldBeNull();
        follower.Take(Report(), TimeSpan.FromMinutes(3)).ShouldBeNull();
    }

    [Fact]
    public void One_that_has_begun_meanwhile_is_not_replaced()
    {
        var follower = new IncidentFollower();
        Rule rule = RuleList.All.First(rule => rule.Id == "conntrack_exhausting");
        var finding = new Finding(rule, "self", Severity.Warning, new Verdict(Severity.Warning, "host") { Evidence = [] }, Since);
        IncidentRecord begun = follower.Take(Report() with { Findings = [finding] }, TimeSpan.FromMinutes(3))!;
        follower.Resume(Open);

        follower.Take(Report(), TimeSpan.FromMinutes(3))!.Incident.ShouldBe(begun.Incident);
    }

    [Fact]
    public void What_is_written_is_json_that_others_can_read()
    {
        store.WriteOpen(Open, Boot);

        using var document = JsonDocument.Parse(Encoding.UTF8.GetString(System.IO.File.ReadAllBytes(File)));
        document.RootElement.GetProperty("findings")[0].GetProperty("severity").GetString().ShouldBe("critical");
    }

    private static DiagnosisReport Report(params HeldBefore[] awaited) => new(Since, [], [], []) { Awaited = [.. awaited] };
}
