using System.Text;
using ConnExporter.Incidents;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Incidents;

/// <summary>Records are there whole or not at all, and never more than the bounds allow.</summary>
public sealed class IncidentStoreTests : IDisposable
{
    private const string Content = """{"format":1,"incident":"x"}""";
    private readonly TemporaryDirectory directory = new();
    private readonly IncidentStore store;

    public IncidentStoreTests() => store = new IncidentStore(Path.Join(directory.Path, "incidents"));

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_record_is_read_as_it_was_written()
    {
        Write(1);

        IncidentRecord record = store.List().ShouldHaveSingleItem();
        record.ShouldBe(Record(1) with { Bytes = Content.Length, WrittenAt = record.WrittenAt });
        IncidentOf(record).ShouldBe("x");
    }

    [Fact]
    public void A_file_in_place_of_the_directory_is_not_the_same_as_no_record()
    {
        store.List().ShouldBeEmpty();
        File.WriteAllText(store.Directory, "");

        Should.Throw<IOException>(store.List).Message.ShouldBe("this is no directory");
        Should.Throw<IOException>(() => Write(1)).Message.ShouldNotContain("denied");
    }

    [Fact]
    public void Only_one_has_the_claim_until_it_is_given_back()
    {
        Should.Throw<IOException>(store.Claim).Message.ShouldContain("No such file or directory");
        Directory.CreateDirectory(store.Directory);
        using (store.Claim().ShouldNotBeNull())
        {
            store.Claim().ShouldBeNull();
            new IncidentStore(store.Directory).Claim().ShouldBeNull();
        }

        store.Claim().ShouldNotBeNull().Dispose();
        store.List().ShouldBeEmpty("it is no record");
    }

    [Fact]
    public void Ten_thousand_records_stay_within_both_bounds()
    {
        for (int i = 1; i <= 10_000; i++)
        {
            Write(i, maxCount: 20, maxBytes: 15 * Content.Length);
            if (i % 500 == 0)
            {
                IReadOnlyList<IncidentRecord> kept = store.List();
                kept.Count.ShouldBe(15);
                kept.Sum(record => record.Bytes).ShouldBeLessThanOrEqualTo(15 * Content.Length);
                kept[^1].Number.ShouldBe(i, "the newest is there");
            }
        }

        Directory.GetFiles(store.Directory).Length.ShouldBe(15);
    }

    // Older than all of ours, and together above both bounds: only ours make room.
    [RootFact]
    public void What_others_put_there_under_a_record_s_name_does_not_make_room_and_is_named_once()
    {
        string[] kinds = ["stranger", "link", "pipe", "directory"];
        string[] others = [.. kinds.Select((_, i) => Path.Join(directory.Path, new IncidentRecord($"20200101T000000Z-{i + 1:D3}", 1, IncidentEvent.Begin, "warning").FileName))];
        File.WriteAllText(others[0], new string('x', 5000));
        Strangers.Give(others[0]);
        File.CreateSymbolicLink(others[1], directory.Write("elsewhere", "kept"));
        Strangers.MakeFifo(others[2]);
        Directory.CreateDirectory(others[3]);
        var told = new List<string>();
        var bounded = new IncidentStore(directory.Path, told.Add);

        for (int i = 10; i < 16; i++)
        {
            bounded.Write(new IncidentRecord($"20260101T000000Z-{i:D3}", 1, IncidentEvent.Begin, "warning"), "{}"u8, maxCount: 2, maxBytes: 100);
        }

        told.ShouldBe(others[..3], ignoreOrder: true, "a directory is no file");
        others.ShouldAllBe(other => Path.Exists(other));
        File.ReadAllText(Path.Join(directory.Path, "elsewhere")).ShouldBe("kept");
        bounded.List().Select(record => record.Sequence).Where(sequence => sequence >= 10).ShouldBe([14, 15]);
    }

    [Fact]
    public void A_record_that_is_larger_than_all_may_be_is_refused_and_throws_nothing_out()
    {
        Write(1);

        Should.Throw<IOException>(() => Write(2, maxBytes: 10));

        store.List().ShouldHaveSingleItem();
    }

    [Fact]
    public void What_a_killed_writer_left_is_no_record_and_is_removed()
    {
        Write(1);
        string left = Path.Join(store.Directory, $"{Record(2).Incident}.2.unfinished");
        File.WriteAllText(left, "{\"format\":");

        store.List().ShouldHaveSingleItem();
        store.RemoveUnfinished();
        File.Exists(left).ShouldBeFalse();
        store.List().ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData(".unfinished")]
    [InlineData("film.unfinished")]
    [InlineData("20261120T214751Z-001.unfinished")]
    [InlineData("20261120T214751Z-001.02.unfinished")]
    [InlineData("20261120T214751Z-001.x.unfinished")]
    [InlineData("20269920T214751Z-001.2.unfinished")]
    [InlineData("incident-20261120T214751Z-001.0002.begin.warning.json.unfinished")]
    public void What_somebody_else_left_is_not_removed(string name)
    {
        Directory.CreateDirectory(store.Directory);
        string path = Path.Join(store.Directory, name);
        File.WriteAllText(path, "precious");

        store.RemoveUnfinished();

        File.ReadAllText(path).ShouldBe("precious");
    }

    [Theory]
    [InlineData("20261120T214751Z-001.2.unfinished")]
    [InlineData("open-incident.json.unfinished")]
    public void A_link_of_that_name_is_not_removed_and_neither_is_where_it_leads(string name)
    {
        Directory.CreateDirectory(store.Directory);
        string elsewhere = Path.Join(store.Directory, "elsewhere");
        string path = Path.Join(store.Directory, name);
        File.WriteAllText(elsewhere, "precious");
        File.CreateSymbolicLink(path, elsewhere);

        store.RemoveUnfinished();

        File.ReadAllText(path).ShouldBe("precious");
        new FileInfo(path).LinkTarget.ShouldBe(elsewhere);
    }

    // It would be listed, and neither read nor thrown out: the bounds would not hold.
    [Theory]
    [InlineData("incident-20261120T214751Z-001.1.begin.warning.json")]
    [InlineData("incident-20261120T214751Z-.0001.begin.warning.json")]
    [InlineData("incident-20261120T214751Z-001\u001b[2J.0001.begin.warning.json")]
    [InlineData("incident-20261120T214751Z-001.0001.begin.warning.json.json")]
    public void A_name_that_is_not_written_as_ours_are_is_no_record(string name)
    {
        Directory.CreateDirectory(store.Directory);
        File.WriteAllText(Path.Join(store.Directory, name), Content);

        store.List().ShouldBeEmpty();
        IncidentRecord.Parse("incident-20261120T214751Z-001.0001.begin.warning.json").ShouldNotBeNull();
    }

    [Theory]
    [InlineData("", "cannot be understood")]
    [InlineData("{\"format\":1,\"inc", "cannot be understood")]
    [InlineData("\0\0\0\0", "cannot be understood")]
    [InlineData("[]", "no record of this program")]
    [InlineData("{}", "no record of this program")]
    [InlineData("{\"format\":\"1\"}", "no record of this program")]
    [InlineData("{\"format\":1}", "cannot be understood")]
    [InlineData("{\"format\":2}", "format 2, this program reads 1")]
    public void What_cannot_be_read_is_listed_and_says_why(string content, string why)
    {
        Directory.CreateDirectory(store.Directory);
        File.WriteAllText(Path.Join(store.Directory, Record(1).FileName), content);

        IncidentRecord record = store.List().ShouldHaveSingleItem();
        Should.Throw<IncidentException>(() => IncidentOf(record)).Message.ShouldContain(why);
    }

    [Fact]
    public void Every_truncation_of_a_record_is_refused()
    {
        Write(1);
        string path = Path.Join(store.Directory, Record(1).FileName);
        for (int length = 0; length < Content.Length; length++)
        {
            File.WriteAllText(path, Content[..length]);
            Should.Throw<IncidentException>(() => IncidentOf(Record(1)), $"{length} bytes");
        }
    }

    [Fact]
    public void Without_a_directory_there_are_no_incidents() => store.List().ShouldBeEmpty();

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("incident-.json")]
    [InlineData("incident-20260102T030405Z-001.0001.begin.json")]
    [InlineData("incident-20260102T030405Z-001.0001.started.warning.json")]
    [InlineData("incident-20260102T030405Z-001.0001.begin.fatal.json")]
    [InlineData("incident-20269902T030405Z-001.0001.begin.warning.json")]
    [InlineData("incident-20260102T030405Z-001.x.begin.warning.json")]
    public void Other_files_are_left_alone(string name) => IncidentRecord.Parse(name).ShouldBeNull();

    [Fact]
    public void A_name_says_what_it_is()
    {
        IncidentRecord record = Record(7) with { Event = IncidentEvent.Worsen, Severity = "critical" };

        record.FileName.ShouldBe("incident-20260102T030405Z-001.0007.worsen.critical.json");
        IncidentRecord.Parse(record.FileName).ShouldBe(record);
        record.BeganAt.ShouldBe(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    }

    // A daemon that was restarted within the second, or one that runs beside.
    [Fact]
    public void A_record_that_is_there_is_never_overwritten()
    {
        Write(1);

        Should.Throw<RecordExistsException>(() => store.Write(Record(1) with { Severity = "critical" }, "other"u8, 100, 1 << 20));
        Should.Throw<RecordExistsException>(() => store.Write(Record(1), "other"u8, 100, 1 << 20));

        IncidentOf(store.List().ShouldHaveSingleItem()).ShouldBe("x");
        Directory.GetFiles(store.Directory).ShouldHaveSingleItem();
    }

    [Fact]
    public void An_id_is_given_once_whatever_the_clock_says()
    {
        DateTimeOffset now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var given = new List<string>();
        foreach (DateTimeOffset at in (DateTimeOffset[])[now, now, now.AddHours(-1), now.AddHours(1), now])
        {
            string id = store.NewId(at);
            given.Add(id);
            store.Write(new IncidentRecord(id, 1, IncidentEvent.Begin, "warning"), Encoding.UTF8.GetBytes(Content), 100, 1 << 20);
        }

        given.ShouldBe(["20260102T030405Z-001", "20260102T030405Z-002", "20260102T020405Z-003", "20260102T040405Z-004", "20260102T030405Z-005"]);
        store.List().Select(record => record.Incident).ShouldBe(given, "the order in which they were recorded");
        Incident.Group(store.List()).Select(incident => incident.Id).ShouldBe(given);
    }

    // By the times in their names the newest would go.
    [Fact]
    public void With_a_clock_that_was_set_back_the_oldest_makes_room()
    {
        DateTimeOffset now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        for (int i = 0; i < 5; i++)
        {
            store.Write(new IncidentRecord(store.NewId(now.AddDays(-i)), 1, IncidentEvent.Begin, "warning"), Encoding.UTF8.GetBytes(Content), maxCount: 2, 1 << 20);
        }

        store.List().Select(record => record.Sequence).ShouldBe([4, 5]);
    }

    [Fact]
    public void A_name_of_somebody_elses_does_not_use_the_numbers_up()
    {
        Directory.CreateDirectory(store.Directory);
        File.WriteAllText(Path.Join(store.Directory, "incident-20260102T030405Z-2147483647.0001.begin.warning.json"), Content);

        store.NewId(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)).ShouldBe("20260102T030405Z-001");
    }

    private string? IncidentOf(IncidentRecord record) => store.Read(record, root => root.GetProperty("incident").GetString());

    private void Write(int number, int maxCount = 100_000, long maxBytes = 1 << 20) => store.Write(Record(number), Encoding.UTF8.GetBytes(Content), maxCount, maxBytes);

    private static IncidentRecord Record(int number) => new("20260102T030405Z-001", number, IncidentEvent.Begin, "warning");
}
