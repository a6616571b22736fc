using System.Text.Json;
using ConnExporter.Incidents;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Http;

namespace ConnExporter.Tests.Web.Pages;

public sealed class IncidentPagesTests : IDisposable
{
    private const string Id = "20260102T030405Z-001";
    private readonly TemporaryDirectory directory = new();
    private readonly PageBench bench = new PageBench("<script>alert(1)</script>").Look();
    private readonly DiskThread disk;
    private readonly StatusRoutes routes;

    public IncidentPagesTests()
    {
        var store = new IncidentStore(directory.Path);
        var record = new IncidentRecord(Id, 1, IncidentEvent.Begin, "critical");
        store.Write(record, IncidentJson.Write(record, bench.Store.Current, "host-1", "6.18.0", bench.Diagnostician, bench.Time), maxCount: 10, maxBytes: 1 << 20);
        disk = new DiskThread(store.Directory, bench.Time, new LoggedLines().Log);
        routes = new StatusRoutes(bench.Site, new IncidentPages(store, disk));
    }

    [Fact]
    public async Task The_list_says_when_how_bad_and_what()
    {
        string list = (await Get("/incidents"))!;

        list.ShouldContain($"<a href=\"incidents/{Id}?lang=en\">2026-01-02 03:04:05 UTC</a>");
        list.ShouldContain("<td>critical</td>");
        list.ShouldContain("Ephemeral ports towards 10.0.0.5:6379 from 10.0.0.7 run out");
        list.ShouldNotContain("<script>");
    }

    [Fact]
    public async Task An_incident_can_be_read_in_full()
    {
        string incident = (await Get($"/incidents/{Id}"))!;

        incident.ShouldContain("27,500 of 28,232 ports towards 10.0.0.5:6379 from 10.0.0.7");
        incident.ShouldContain("prlimit --pid 4711 ");
        incident.ShouldContain("&lt;script&gt;alert(1)&lt;/script&gt;");
        incident.ShouldNotContain("<script>");
        (await Get($"/incidents/{Id}", "?record=1")).ShouldBe(incident);

        using var json = JsonDocument.Parse((await Get($"/incidents/{Id}.json"))!);
        json.RootElement[0].GetProperty("diagnosis").GetProperty("verdict").GetString().ShouldBe("critical");
    }

    [Theory]
    [InlineData("/incidents/20260102T030405Z-002", "")]
    [InlineData("/incidents/20260102T030405Z-002.json", "")]
    [InlineData("/incidents/../../etc/passwd", "")]
    [InlineData("/incidents/" + Id, "?record=7")]
    public async Task Others_are_not_there(string path, string query) => (await Get(path, query)).ShouldBeNull();

    [Fact]
    public async Task A_record_that_was_cut_off_is_said_to_be_so()
    {
        string file = Directory.GetFiles(directory.Path).Single();
        File.WriteAllText(file, File.ReadAllText(file)[..100]);

        (await Get("/incidents"))!.ShouldContain("cannot be understood");
        (await Get($"/incidents/{Id}", status: 503))!.ShouldContain("cannot be understood");
    }

    [Fact]
    public async Task Without_a_recorder_there_are_no_such_pages() => (await bench.Routes.FindAsync(new DefaultHttpContext().Request, "/incidents", compressed: false)).ShouldBeNull();

    public void Dispose()
    {
        disk.Dispose();
        directory.Dispose();
    }

    private async Task<string?> Get(string path, string query = "", int status = 200)
    {
        HttpRequest request = new DefaultHttpContext().Request;
        request.QueryString = new QueryString(query);
        if (await routes.FindAsync(request, path, compressed: false) is not { } answer)
        {
            return null;
        }

        answer.Status.ShouldBe(status);
        return System.Text.Encoding.UTF8.GetString(answer.Content(false));
    }
}
