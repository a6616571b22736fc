using System.Text;
using System.Text.Json;
using ConnExporter.Incidents;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Incidents;

/// <summary>The line of an incident says what was found in its course, not only what held when it was at its worst.</summary>
public sealed class IncidentFindingsTests : IDisposable
{
    private const string Id = "20260102T030405Z-001";
    private readonly TemporaryDirectory directory = new();
    private readonly IncidentStore store;

    public IncidentFindingsTests()
    {
        store = new IncidentStore(Path.Join(directory.Path, "incidents"));
    }

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_had_ended_before_the_worst_is_not_forgotten()
    {
        Write(1, IncidentEvent.Begin, "warning", "a");
        Write(2, IncidentEvent.Worsen, "critical", "b", "a");
        Write(3, IncidentEvent.Worsen, "critical", "c");
        Write(4, IncidentEvent.End, "none");

        var found = IncidentFindings.Of(store, Incident.Group(store.List()).Single());

        found.Unreadable.ShouldBeNull();
        found.All.Select(finding => IncidentFindings.Value(finding, "finding")).ShouldBe(["c", "a", "b"]);
    }

    [Fact]
    public void A_record_that_cannot_be_read_is_said_and_hides_no_other()
    {
        Write(1, IncidentEvent.Begin, "critical", "a");
        store.Write(new IncidentRecord(Id, 2, IncidentEvent.End, "none"), Encoding.UTF8.GetBytes("{"), maxCount: 10, maxBytes: 1_000_000);

        var found = IncidentFindings.Of(store, Incident.Group(store.List()).Single());

        found.Unreadable.ShouldNotBeNull();
        found.All.ShouldHaveSingleItem();
    }

    private void Write(int number, IncidentEvent happened, string severity, params string[] findings)
    {
        string each = string.Join(',', findings.Select(finding => $$"""{"finding":"{{finding}}","severity":"warning","netns":"self","instance":"host","title":"t"}"""));
        byte[] content = Encoding.UTF8.GetBytes("""{"format":1,"diagnosis":{"findings":[""" + each + "]}}");
        using (JsonDocument.Parse(content))
        {
            store.Write(new IncidentRecord(Id, number, happened, severity), content, maxCount: 10, maxBytes: 1_000_000);
        }
    }
}
