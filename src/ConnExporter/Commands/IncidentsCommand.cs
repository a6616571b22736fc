using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>incidents</c>: lists and shows what the flight recorder kept.</summary>
internal static class IncidentsCommand
{
    /// <summary>Names the newest incident.</summary>
    public const string Last = "last";

    private static readonly JsonWriterOptions JsonOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Lists the incidents, the newest last.</summary>
    public static int List(ConfigurationSources sources, bool asJson, Language? language)
    {
        IncidentStore store = Open(sources);
        if (Read(store) is not { } incidents)
        {
            return ExitCode.CouldNotTell;
        }

        var book = TextBook.Of(asJson ? Language.English : LocaleOutput.Begin(language));
        if (asJson)
        {
            WriteJson(json => WriteList(json, store, incidents));
        }
        else
        {
            Console.Out.Write(Text(store, incidents, book));
        }

        return ExitCode.Ok;
    }

    /// <summary>Shows one incident: its worst record, or all of them as JSON.</summary>
    /// <param name="sources">The settings.</param>
    /// <param name="id">Its id, the beginning of one, or <see cref="Last"/>.</param>
    /// <param name="number">One record; null for the worst.</param>
    /// <param name="asJson">Whether to print JSON.</param>
    /// <param name="language">The language around it; the record keeps the one it was written in.</param>
    public static int Show(ConfigurationSources sources, string id, int? number, bool asJson, Language? language)
    {
        IncidentStore store = Open(sources);
        if (Read(store) is not { } incidents)
        {
            return ExitCode.CouldNotTell;
        }

        Incident[] found = id == Last ? [.. incidents.TakeLast(1)] : [.. incidents.Where(incident => incident.Id.StartsWith(id, StringComparison.Ordinal))];
        if (found.Length != 1)
        {
            Console.Error.WriteLine($"conn-exporter: {id}: {(found.Length == 0 ? "no such incident" : $"{found.Length} incidents begin so")}; see 'conn-exporter incidents' for those in {store.Directory}");
            return ExitCode.Usage;
        }

        IncidentRecord[] records = [.. found[0].Records.Where(record => number is null || record.Number == number)];
        if (records.Length == 0)
        {
            Console.Error.WriteLine($"conn-exporter: {found[0].Id} has no record {number}: 1 to {found[0].Records.Max(record => record.Number)}");
            return ExitCode.Usage;
        }

        try
        {
            if (asJson)
            {
                WriteJson(json => WriteRecords(json, store, records));
            }
            else
            {
                Console.Out.Write(Text(store, found[0], number is null ? found[0].Worst : records[0], language));
            }

            return ExitCode.Ok;
        }
        catch (IncidentException e)
        {
            Console.Error.WriteLine($"conn-exporter: {Visible.Of(e.Message)}");
            return ExitCode.CouldNotTell;
        }
    }

    private static IncidentStore Open(ConfigurationSources sources) => new(sources.Load().Recorder.DirectoryToRead(Environment.GetEnvironmentVariable));

    private static Incident[]? Read(IncidentStore store)
    {
        try
        {
            return [.. Incident.Group(store.List())];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"conn-exporter: {store.Directory}: {e.Message.TrimEnd('.')}; name another directory with --recorder.path, or read it as root");
            return null;
        }
    }

    private static string Text(IncidentStore store, Incident[] incidents, TextBook book)
    {
        if (incidents.Length == 0)
        {
            return book["cli.incidents.none", ("directory", store.Directory)] + "\n";
        }

        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{TextLayout.Pad("ID", 22)}{TextLayout.Pad(book["cli.incidents.lasted"], 14)}{TextLayout.Pad(book["cli.incidents.worst"], 10)}{book["cli.incidents.findings"]}\n");
        foreach (Incident incident in incidents)
        {
            string lasted = incident.Lasted is { } time ? TextBook.FormatTime(time) : incident.EndedAt is null ? book["cli.incidents.open"] : "–";
            text.Append(CultureInfo.InvariantCulture, $"{TextLayout.Pad(incident.Id, 22)}{TextLayout.Pad(lasted, 14)}{TextLayout.Pad(book["severity." + incident.Worst.Severity], 10)}{Findings(store, incident)}\n");
        }

        return text.ToString();
    }

    // What cannot be read is listed as what it is.
    private static string Findings(IncidentStore store, Incident incident)
    {
        (ImmutableArray<ImmutableArray<string>> found, string? unreadable) = IncidentFindings.Of(store, incident);
        IEnumerable<string> said = found.Where(IncidentFindings.IsBad).Select(finding => $"{IncidentFindings.Value(finding, "finding")} ({IncidentFindings.Value(finding, "instance")})");
        return Visible.Of(string.Join(", ", unreadable is null ? said : said.Append($"({unreadable})")));
    }

    private static string Text(IncidentStore store, Incident incident, IncidentRecord record, Language? language)
    {
        var book = TextBook.Of(LocaleOutput.Begin(language));
        var style = TerminalStyle.OfOutput(Environment.GetEnvironmentVariable);
        return store.Read(record, root => Text(root, incident, record, book, style));
    }

    /// <summary>A record for people.</summary>
    internal static string Text(JsonElement root, Incident incident, IncidentRecord record, TextBook book, TerminalStyle style)
    {
        var text = new StringBuilder();
        text.Append(style.Strong(book["cli.incidents.title", ("id", incident.Id), ("kernel", Visible.Of(root.GetProperty("kernel").GetString() ?? throw new FormatException("kernel is null")))])).Append('\n');
        foreach (IncidentRecord each in incident.Records)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(each == record ? '>' : ' ')} {each.Number,3}  {each.WrittenAt:yyyy-MM-dd HH:mm:ss} UTC  {each.EventLabel,-7} {(each.Event == IncidentEvent.End ? "" : book["severity." + each.Severity])}\n");
        }

        return text.Append('\n').Append(DiagnosisText.Render(root.GetProperty("diagnosis"), book, style)).ToString();
    }

    private static void WriteList(Utf8JsonWriter json, IncidentStore store, Incident[] incidents)
    {
        json.WriteStartArray();
        foreach (Incident incident in incidents)
        {
            IncidentListJson.Write(json, store, incident);
        }

        json.WriteEndArray();
    }

    private static void WriteRecords(Utf8JsonWriter json, IncidentStore store, IncidentRecord[] records)
    {
        json.WriteStartArray();
        foreach (IncidentRecord record in records)
        {
            store.Read(record, root =>
            {
                root.WriteTo(json);
                return true;
            });
        }

        json.WriteEndArray();
    }

    private static void WriteJson(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            write(json);
        }

        PlainOutput.WriteJson(buffer.WrittenSpan);
    }
}
