using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Commands;
using ConnExporter.Incidents;
using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>Our own JSON read back: from a disk that failed, from another version, or from whoever listens where an exporter should.</summary>
internal static class Documents
{
    private const string Diagnosis = """
        {"version":1,"exporter":"0.1.0","host":"h","at":"2026-11-20T21:47:51+00:00","language":"en","verdict":"critical","complete":true,
        "resources":[{"resource":"ephemeral_ports","title":"Ephemeral ports","netns":"host","used_ratio":0.97,"peak_ratio":0.98,"exhaustion_seconds":65.5,
        "instances":[{"instance":"10.0.0.5:6379 from 10.0.0.7","used":27500,"limit":28232,"peak":27500,"used_ratio":0.97,"peak_ratio":0.98,"growth_per_second":12.5,"exhaustion_seconds":65.5,"holder":{"name":"api","unit":"api.service","pid":4711,"count":24000}}]},
        {"resource":"tcp_memory","title":"TCP memory","netns":"blue","used_ratio":0.6,"peak_ratio":0.6,"exhaustion_seconds":null,"instances":[{"instance":"host","used":1e6,"limit":1e13,"peak":1,"used_ratio":0.6,"peak_ratio":0.6,"growth_per_second":null,"exhaustion_seconds":null,"holder":null}]}],
        "findings":[{"finding":"close_wait_leak","severity":"critical","netns":"host","instance":"api.service","title":"CLOSE_WAIT","since":"2026-11-20T21:40:00+00:00","caused_by":null,
        "evidence":[{"key":"x","text":"many of them","values":{"count":5}}],"holders":[{"name":"api","unit":"api.service","pid":4711,"started_at":"2026-11-20T20:00:00+00:00","count":12}],
        "remedies":[{"remedy":"r","kind":"grace","title":"t","effect":"e","risk":"r","commands":["ss -tan"],"buys_seconds":3600}],"settings":["net.core.somaxconn"]}],
        "settings":[{"name":"net.core.somaxconn","value":"4096"}],
        "conntrack":{"entries":3,"whole":true,"sources":[{"name":"10.0.0.1","count":3}],"destinations":[],"protocols":[],"states":[]},
        "not_seen":[{"what":"history","why":"no daemon"}]}
        """;

    private const string Leak = """
        {"version":1,"resources":[],"findings":[{"finding":"established_leak","severity":"warning","netns":"host","instance":"x","title":"t","since":"2026-11-20T21:40:00+00:00","caused_by":"y","evidence":[],"holders":[],"remedies":[],"settings":[]}]}
        """;

    private static readonly DateTimeOffset Earliest = DateTimeOffset.UnixEpoch;
    private static readonly DateTimeOffset Latest = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly byte[][] Words = Seeds.Texts(
        "null", "true", "{}", "[]", "\"\"", "0", "1e999", "-1e999", "\"\\ud800\"", "\"2026-11-20T21:40:00+14:00\"", "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59Z\"", "\"host\"", "\"critical\"", "\"info\"", "\"warning\"", "\"ok\"",
        ",", ":", "\"", "\"instances\":[]", "\"findings\":[]", "\"severity\"", "\"format\"", "\"version\"", "\"diagnosis\"", "\"since\"", "\"started_at\"", "\"pid\"", "\"established_leak\"", "\"growth_per_second\"", "\"peak\"", "[[[[", "{\"a\":");

    public static Decoder RecordNames() => new()
    {
        Name = "incident-name",
        Methods = ["IncidentRecord.Parse"],
        Seeds = Seeds.Texts("incident-20261120T214751Z-001.0002.worsen.critical.json", "incident-20261120T214751Z-1000.12345.end.none.json", "incident-00010101T000000Z-001.0001.begin.warning.json"),
        Words = Seeds.Texts("incident-", ".json", ".begin.", ".worsen.", ".end.", ".none", ".warning", ".critical", "Z-", "T", "0001", ".unfinished"),
        Refusals = [],

        Run = input =>
        {
            string name = Utf8Text.Of(input);
            if (IncidentRecord.Parse(name) is not { } record)
            {
                return 0;
            }

            // Whoever lists a record must be able to read and to delete it.
            Promise.Holds(record.FileName == name, "the name of a record is the name of its file");
            Promise.Holds(Visible.Of(record.Incident) == record.Incident, "an id commands no terminal");
            _ = record.BeganAt;
            return 1 + (int)record.Event;
        },
    };

    public static Decoder Records()
    {
        var record = new IncidentRecord("20261120T214751Z-001", 1, IncidentEvent.Begin, "critical");
        var incident = new Incident(record.Incident, [record]);
        var book = TextBook.Of(Language.English);
        var buffer = new ArrayBufferWriter<byte>(256 * 1024);
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true };
        return new Decoder
        {
            Name = "incident-record",
            Methods = ["IncidentStore.Understand", "IncidentsCommand.Text", "IncidentFindings.Read"],
            Seeds = Seeds.Texts("""{"format":1,"incident":"x","record":1,"event":"begin","severity":"critical","at":"2026-11-20T21:47:51+00:00","kernel":"6.18","history":{},"tables":{},"diagnosis":""" + Diagnosis + "}"),
            Words = Words,
            Refusals = [typeof(IncidentException)],

            // Its text in the terminal's columns, its list of findings, and itself once more.
            Allocation = (1024, 1024 * 1024),
            Run = input =>
            {
                byte[] content = input.ToArray();
                int kinds = 0;
                foreach (Func<JsonElement, int> use in (Func<JsonElement, int>[])
                [
                    root => IncidentsCommand.Text(root, incident, record, book, TerminalStyle.Plain).Length > 0 ? 1 : 0,
                    root => IncidentFindings.Read(root).Length > 0 ? 2 : 0,
                    root => Copy(root, buffer, options),
                ])
                {
                    kinds |= IncidentStore.Understand("x", new MemoryStream(content), use);
                }

                return kinds;
            },
        };
    }

    public static Decoder Answers()
    {
        var book = TextBook.Of(Language.English);
        var buffer = new ArrayBufferWriter<byte>(256 * 1024);
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        return new Decoder
        {
            Name = "running-exporter",
            Methods = ["RunningExporter.Understand", "RunningExporter.UnderstandStranger"],
            Seeds = Seeds.Texts(Diagnosis, Leak),
            Words = Words,
            Refusals = [],
            Allocation = (1024, 1024 * 1024),
            Run = input =>
            {
                // The command shows what it was told, as JSON and in words: it must have been understood before.
                var told = RunningExporter.Understand("http://localhost", input.ToArray());
                foreach (RunningExporter.Known known in told.Instances)
                {
                    Promise.Holds(double.IsFinite(known.Peak) && double.IsFinite(known.GrowthPerSecond ?? 0), "numbers that can be written as JSON");
                    Promise.Holds(known is { Peak: >= 0, GrowthPerSecond: null or >= 0 }, "amounts");
                }

                foreach (RunningExporter.Found found in told.Findings)
                {
                    Copy(found.Json!.Value, buffer, options);
                    _ = found.Json.Value.GetProperty("severity").GetString()!.Length;
                    DiagnosisText.RenderFinding(found.Json.Value, DateTimeOffset.UnixEpoch, book, TerminalStyle.Plain);
                }

                // Of anybody's word there are only times, and a refusal is in words of our own.
                var word = RunningExporter.UnderstandStranger("http://localhost", input.ToArray(), Earliest, Latest);
                Promise.Holds(word.Instances.IsEmpty && word.Findings.All(found => found.Json is null && found.Since >= Earliest && found.Since <= Latest), "nothing but times within bounds");
                Promise.Holds(word.Refusal is null || word.Refusal == RunningExporter.NoReport || word.Refusal.StartsWith("version ", StringComparison.Ordinal), "no text of the answer in the refusal");

                return (told.HasTold ? 1 : 0) | (told.Refusal is null ? 0 : 2) | (Math.Min(told.Instances.Length, 3) << 2) | (Math.Min(told.Findings.Length, 3) << 4);
            },
        };
    }

    public static Decoder Responses() => new()
    {
        Name = "local-response",
        Methods = ["LocalRequest.Content"],
        Seeds = Seeds.Texts(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 200\r\ncontent-length:0\r\n\r\n"),
        Words = Seeds.Texts("HTTP/1.1 ", "HTTP/1.", " 200", "\r\n", "\r\n\r\n", "Content-Length:", "\r\nContent-Length: ", "Transfer-Encoding: chunked\r\n"),
        Refusals = [typeof(IOException)],

        // The bytes once more, and the lines of a head, which has 16 kB at most.
        Allocation = (1, 512 * 1024),
        Run = input =>
        {
            ReadOnlyMemory<byte> content = LocalRequest.Content(input.ToArray());
            Promise.Holds(input.EndsWith(content.Span), "the content is the end of the answer");
            return content.IsEmpty ? 0 : 1;
        },
    };

    private static int Copy(JsonElement element, ArrayBufferWriter<byte> buffer, JsonWriterOptions options)
    {
        buffer.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            element.WriteTo(json);
        }

        return buffer.WrittenCount > 0 ? 4 : 0;
    }
}
