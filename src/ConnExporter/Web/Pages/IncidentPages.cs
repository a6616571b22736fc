using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Incidents;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>What the flight recorder kept, to be read in a browser. It reads the disk, which may hang: for the thread of <see cref="DiskThread"/> alone.</summary>
internal sealed class IncidentPages(IncidentStore store, DiskThread disk)
{
    /// <summary>Incidents on the page, the newest first.</summary>
    public const int Shown = 100;

    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // By the newest record of an incident: a record never changes. To read all that are listed takes a second of CPU time.
    private readonly Dictionary<IncidentRecord, string> findings = [];

    /// <summary>The thread to read on.</summary>
    public DiskThread Disk => disk;

    /// <summary>The list of incidents.</summary>
    /// <exception cref="IncidentException">The records cannot be read, for whatever reason.</exception>
    public string RenderList(TextBook texts) => Reading(() =>
    {
        Incident[] incidents = [.. Incident.Group(store.List()).Reverse()];
        Forget(incidents);
        var page = new HtmlWriter();
        SubPage.Begin(page, texts["page.incidents"], "", texts);
        if (incidents.Length == 0)
        {
            page.Add($"<p>{texts["page.no_rows"]}</p>");
        }
        else
        {
            page.Add($"""
                <div class="scroll" role="region" tabindex="0" aria-label="{texts["page.incidents"]}"><table><thead><tr><th scope="col">{texts["page.incident"]}</th><th scope="col">{texts["cli.incidents.lasted"]}</th><th scope="col">{texts["cli.incidents.worst"]}</th><th scope="col">{texts["cli.incidents.findings"]}</th></tr></thead><tbody>

                """);
            foreach (Incident incident in incidents.Take(Shown))
            {
                page.Add($"""
                    <tr><td><a href="incidents/{incident.Id}?lang={texts.Language.Tag()}">{PageFormat.Time(incident.BeganAt)}</a></td><td>{(incident.Lasted is { } time ? TextBook.FormatTime(time) : incident.EndedAt is null ? texts["cli.incidents.open"] : "–")}</td><td>{SeverityOf(incident.Worst, texts)}</td><td>{FindingsOf(incident)}</td></tr>

                    """);
            }

            page.Add($"</tbody></table></div>\n");
            if (incidents.Length > Shown)
            {
                page.Add($"<p class=\"none\">{texts["page.more_rows", ("count", incidents.Length - Shown)]} <code>conn-exporter incidents</code></p>\n");
            }
        }

        SubPage.End(page);
        return page.ToString();
    });

    /// <summary>One incident: its worst record, or another.</summary>
    /// <param name="id">Its id, from anybody: it only chooses.</param>
    /// <param name="number">The record; null for the worst.</param>
    /// <param name="texts">The language around it; the record keeps the one it was written in.</param>
    /// <returns>Null where there is no such incident, or no such record of it.</returns>
    /// <exception cref="IncidentException">It cannot be read.</exception>
    public string? Render(string id, int? number, TextBook texts) => Reading(() =>
    {
        Incident? incident = Find(id);
        IncidentRecord? shown = number is null ? incident?.Worst : incident?.Records.FirstOrDefault(record => record.Number == number);
        if (incident is null || shown is null)
        {
            return null;
        }

        var text = new Lines(store.Read(shown, record => DiagnosisText.Render(record.GetProperty("diagnosis"), texts, TerminalStyle.Plain)));
        var page = new HtmlWriter();
        SubPage.Begin(page, texts["page.incident_of", ("time", PageFormat.Time(incident.BeganAt))], "../", texts);
        page.Add($"<ul>\n");
        foreach (IncidentRecord record in incident.Records)
        {
            string label = $"{record.Number} · {PageFormat.Time(record.WrittenAt)} · {record.EventLabel} · {SeverityOf(record, texts)}";
            page.Add($"""
                <li><a href="{id}?record={record.Number}&amp;lang={texts.Language.Tag()}"{(record == shown ? Current : None)}>{label}</a></li>

                """);
        }

        page.Add($"""
            <li><a href="{id}.json">JSON</a></li>
            </ul>
            <pre class="runbook" tabindex="0">{text}</pre>

            """);
        SubPage.End(page);
        return page.ToString();
    });

    /// <summary>All records of one incident, as <c>conn-exporter incidents show --json</c> prints them.</summary>
    /// <returns>Null where there is no such incident.</returns>
    /// <exception cref="IncidentException">One cannot be read.</exception>
    public byte[]? Json(string id) => Reading(() =>
    {
        if (Find(id) is not { } incident)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            json.WriteStartArray();
            foreach (IncidentRecord record in incident.Records)
            {
                store.Read(record, content =>
                {
                    content.WriteTo(json);
                    return true;
                });
            }

            json.WriteEndArray();
        }

        return buffer.WrittenSpan.ToArray();
    });

    private static HtmlWriter Current
    {
        get
        {
            var attribute = new HtmlWriter();
            attribute.Add($" aria-current=\"page\"");
            return attribute;
        }
    }

    private static HtmlWriter None => new();

    private Incident? Find(string id) => Incident.Group(store.List()).FirstOrDefault(incident => incident.Id == id);

    private string FindingsOf(Incident incident)
    {
        if (findings.TryGetValue(incident.Records[^1], out string? known))
        {
            return known;
        }

        (ImmutableArray<ImmutableArray<string>> found, string? unreadable) = IncidentFindings.Of(store, incident);
        IEnumerable<string> titles = found.Where(IncidentFindings.IsBad).Select(finding => IncidentFindings.Value(finding, "title"));

        // What cannot be read is listed as what it is.
        return unreadable is null ? findings[incident.Records[^1]] = string.Join(", ", titles) : string.Join(", ", titles.Append($"({unreadable})"));
    }

    private static string SeverityOf(IncidentRecord record, TextBook texts) => record.Severity is "none" ? texts["page.ok"] : texts[$"severity.{record.Severity}"];

    // What is not listed any more is not kept.
    private void Forget(Incident[] listed)
    {
        var kept = listed.Take(Shown).Select(incident => incident.Records[^1]).ToHashSet();
        foreach (IncidentRecord gone in findings.Keys.Where(record => !kept.Contains(record)).ToList())
        {
            findings.Remove(gone);
        }
    }

    private T Reading<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IncidentException($"{store.Directory}: {e.Message}", e);
        }
    }
}
