using System.Collections.Immutable;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;
using ConnExporter.State;
using ConnExporter.Texts;

namespace ConnExporter.Json;

/// <summary>The report as JSON: what <c>diagnose --json</c> prints and <c>/api/v1/diagnosis</c> answers. The schema is in docs/diagnosis-json.md.</summary>
internal static class ReportJson
{
    /// <summary>The version of the schema; what is added does not change it.</summary>
    public const int Version = 1;

    /// <summary>Writes the whole document.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="state">A snapshot with its report.</param>
    /// <param name="host">The name of this host.</param>
    /// <param name="book">The language of titles, evidence and remedies.</param>
    /// <param name="notSeen">What could not be told, and why.</param>
    /// <param name="conntrack">What fills the connection tracking table, where that was asked for.</param>
    /// <param name="others">Findings of another document that are taken over as they are.</param>
    public static void Write(Utf8JsonWriter json, ExporterState state, string host, TextBook book, IEnumerable<NotSeen> notSeen, ConntrackTop? conntrack = null, params IReadOnlyCollection<JsonElement> others)
    {
        DiagnosisReport report = state.Report ?? throw new ArgumentException("the snapshot has no report yet", nameof(state));
        Snapshot snapshot = state.Snapshot;
        json.WriteStartObject();
        json.WriteNumber("version", Version);
        json.WriteString("exporter", BuildVersion.Version);
        json.WriteString("host", host);
        json.WriteString("at", report.At);
        json.WriteString("language", book.Language.Tag());
        json.WriteString("verdict", VerdictOf(report, others));
        json.WriteBoolean("complete", snapshot.Collectors.All(collector => collector.Outcome is Outcome.Ok or Outcome.Absent || IsExtra(collector.Name)) && report.IsComplete);
        if (snapshot.Collectors.Select(collector => collector.Reading).OfType<StatesReading>().FirstOrDefault() is { } states)
        {
            json.WriteStartObject("sockets");
            foreach ((TcpState of, string label) in Labels.States)
            {
                json.WriteNumber(label, states[of]);
            }

            json.WriteEndObject();
        }

        json.WriteStartArray("resources");
        foreach (Resource resource in report.Resources)
        {
            Write(json, resource, book);
        }

        json.WriteEndArray();
        json.WriteStartArray("findings");
        foreach (Finding finding in report.Findings)
        {
            Write(json, finding, book);
        }

        foreach (JsonElement finding in others)
        {
            finding.WriteTo(json);
        }

        json.WriteEndArray();
        json.WriteStartArray("beginning");
        foreach (Finding finding in report.Beginning)
        {
            json.WriteStartObject();
            json.WriteString("finding", finding.Id);
            json.WriteString("severity", finding.Severity.Label());
            json.WriteString("netns", finding.Netns);
            json.WriteString("instance", finding.Verdict.Instance);
            json.WriteString("title", book[finding.Verdict.TitleOf(finding.Id), ("instance", finding.Verdict.Instance)]);
            json.WriteString("since", finding.Since);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("awaited");
        foreach (HeldBefore finding in report.Awaited)
        {
            finding.Write(json);
        }

        json.WriteEndArray();
        json.WriteStartArray("settings");
        SettingsReading? settings = snapshot.Collectors.Select(collector => collector.Reading).OfType<SettingsReading>().FirstOrDefault();
        foreach (TuningSetting setting in SettingCatalogue.All)
        {
            if (settings?.Text(setting.Name) is { } value)
            {
                json.WriteStartObject();
                json.WriteString("name", setting.Name);
                json.WriteString("value", value);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
        if (conntrack is not null)
        {
            json.WritePropertyName("conntrack");
            Write(json, conntrack);
        }

        json.WriteStartArray("not_seen");
        foreach (NotSeen what in notSeen)
        {
            json.WriteStartObject();
            json.WriteString("what", what.What);
            json.WriteString("why", what.Why);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // No verdict rests on what is off unless asked for; it is proof where there is some.
    private static bool IsExtra(string collector) => CollectorList.All.Any(entry => entry.Name == collector && !entry.IsDefault);

    private static string VerdictOf(DiagnosisReport report, IEnumerable<JsonElement> others)
    {
        string[] severities = [.. report.Findings.Select(finding => finding.Severity.Label()), .. others.Select(finding => finding.GetProperty("severity").GetString()!)];
        return Enum.GetValues<Severity>().Reverse().Select(severity => severity.Label()).FirstOrDefault(severities.Contains) ?? "ok";
    }

    private static void Write(Utf8JsonWriter json, Resource resource, TextBook book)
    {
        json.WriteStartObject();
        json.WriteString("resource", resource.Kind.Label());
        json.WriteString("title", book["resource." + resource.Kind.Label()]);
        json.WriteString("netns", resource.Netns);
        json.WriteNumber("used_ratio", resource.Worst.UsedRatio);
        json.WriteNumber("peak_ratio", resource.PeakRatio);
        WriteSeconds(json, "exhaustion_seconds", resource.FirstToGo?.Exhaustion);
        json.WriteStartArray("instances");
        foreach (ResourceInstance instance in resource.Instances)
        {
            json.WriteStartObject();
            json.WriteString("instance", instance.Name);
            json.WriteNumber("used", instance.Used);
            if (instance.Possible > instance.Used)
            {
                json.WriteNumber("possible", instance.Possible);
                WriteNumber(json, "likely", instance.Likely);
            }

            json.WriteNumber("limit", instance.Limit);
            json.WriteNumber("peak", instance.Peak);
            json.WriteNumber("used_ratio", instance.UsedRatio);
            json.WriteNumber("peak_ratio", instance.PeakRatio);
            WriteNumber(json, "growth_per_second", instance.GrowthPerSecond);
            WriteSeconds(json, "exhaustion_seconds", instance.Exhaustion);
            json.WritePropertyName("holder");
            Write(json, instance.Holder);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Finding finding, TextBook book)
    {
        (string, object)[] instance = [("instance", finding.Verdict.Instance)];
        json.WriteStartObject();
        json.WriteString("finding", finding.Id);
        json.WriteString("severity", finding.Severity.Label());
        json.WriteString("netns", finding.Netns);
        json.WriteString("instance", finding.Verdict.Instance);
        json.WriteString("title", book[finding.Verdict.TitleOf(finding.Id), instance]);
        json.WriteString("since", finding.Since);
        if (finding.LastSeen is { } seen)
        {
            json.WriteString("last_seen", seen);
        }

        if (finding.Reported is { } reported)
        {
            json.WriteStartObject("reported");
            json.WriteString("by", reported.By);
            json.WriteString("since", reported.Since);
            json.WriteEndObject();
        }

        json.WriteString("caused_by", finding.CausedBy);
        json.WriteStartArray("evidence");
        foreach (Fact fact in finding.Verdict.Evidence)
        {
            json.WriteStartObject();
            json.WriteString("key", fact.Key);
            json.WriteString("text", book.Say(fact));
            json.WriteStartObject("values");
            foreach ((string name, object value) in fact.Values)
            {
                json.WritePropertyName(name);
                WriteValue(json, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("holders");
        foreach (Holder holder in finding.Verdict.Holders)
        {
            Write(json, holder);
        }

        json.WriteEndArray();
        json.WriteStartArray("remedies");
        foreach (Remedy remedy in finding.Verdict.Remedies)
        {
            json.WriteStartObject();
            json.WriteString("remedy", remedy.Key);
            json.WriteString("kind", remedy.KindLabel);
            json.WriteString("title", book[$"remedy.{remedy.Key}.title", remedy.Values]);
            json.WriteString("effect", book.EffectOf(remedy));
            json.WriteString("risk", book[$"remedy.{remedy.Key}.risk", remedy.Values]);
            json.WriteStartArray("commands");
            foreach (string command in remedy.CommandLines)
            {
                json.WriteStringValue(command);
            }

            json.WriteEndArray();
            if (remedy.Unread is { Length: > 0 } unread && remedy.CommandLines.Length > 0)
            {
                json.WriteStartArray("unread");
                foreach (string setting in unread)
                {
                    json.WriteStringValue(setting);
                }

                json.WriteEndArray();
            }

            WriteSeconds(json, "buys_seconds", remedy.Buys);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("settings");
        foreach (string setting in finding.Verdict.Settings)
        {
            json.WriteStringValue(setting);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ConntrackTop top)
    {
        json.WriteStartObject();
        json.WriteNumber("entries", top.Entries);
        json.WriteBoolean("whole", top.IsWhole);
        foreach ((string name, ImmutableArray<ConntrackTop.Row> rows) in new[] { ("sources", top.Sources), ("destinations", top.Destinations), ("protocols", top.Protocols), ("states", top.States) })
        {
            json.WriteStartArray(name);
            foreach (ConntrackTop.Row row in rows)
            {
                json.WriteStartObject();
                json.WriteString("name", row.Name);
                json.WriteNumber("count", row.Entries);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Holder? holder)
    {
        if (holder is null)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteString("name", holder.Name);
        json.WriteString("unit", holder.Unit);
        if (holder.ProcessId is { } pid)
        {
            json.WriteNumber("pid", pid);
        }

        if (holder.StartedAt is { } started)
        {
            json.WriteString("started_at", started);
        }

        if (holder.Count is { } count)
        {
            json.WriteNumber("count", count);
        }

        json.WriteEndObject();
    }

    // Durations in seconds, memory in bytes, shares as ratios: base units, as on the metrics page.
    private static void WriteValue(Utf8JsonWriter json, object value)
    {
        switch (value)
        {
            case string text:
                json.WriteStringValue(text);
                break;
            case OutsideName name:
                json.WriteStringValue(name.Text);
                break;
            case TimeSpan time:
                json.WriteNumberValue(time.TotalSeconds);
                break;
            case Bytes bytes:
                json.WriteNumberValue(bytes.Count);
                break;
            case Share share:
                json.WriteNumberValue(share.Ratio);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            default:
                throw new ArgumentException($"a fact cannot hold a {value.GetType()}", nameof(value));
        }
    }

    private static void WriteSeconds(Utf8JsonWriter json, string name, TimeSpan? time) => WriteNumber(json, name, time?.TotalSeconds);

    private static void WriteNumber(Utf8JsonWriter json, string name, double? number)
    {
        if (number is { } known)
        {
            json.WriteNumber(name, known);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
