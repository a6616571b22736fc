using System.Globalization;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Sampling;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Parsing;

namespace ConnExporter.Hosting;

/// <summary>Writes one event as one line: logfmt or JSON, and for the journal with its priority and without the time it adds itself.</summary>
internal sealed class LogLineFormatter(LogFormat format, bool forJournal) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        if (forJournal)
        {
            output.Write(Priority(logEvent.Level));
        }

        string message = Render(logEvent);
        string? error = logEvent.Exception?.ToString();
        if (forJournal && format == LogFormat.Logfmt)
        {
            // One line, one entry: the journal would give the second line of a text another priority.
            output.Write(Visible.Of((error is null ? message : $"{message}: {error}").ReplaceLineEndings(" | ")));
        }
        else if (format == LogFormat.Json)
        {
            WriteJson(logEvent, message, error, output);
        }
        else
        {
            output.Write($"ts={Time(logEvent)} level={Level(logEvent.Level)} msg={Quote(message)}");
            if (error is not null)
            {
                output.Write($" err={Quote(error)}");
            }
        }

        output.Write('\n');
    }

    private static void WriteJson(LogEvent logEvent, string message, string? error, TextWriter output)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ts", Time(logEvent));
            json.WriteString("level", Level(logEvent.Level));
            json.WriteString("msg", message);
            foreach ((string name, LogEventPropertyValue value) in logEvent.Properties)
            {
                json.WriteString(JsonNamingPolicy.SnakeCaseLower.ConvertName(name), Literal(value));
            }

            if (error is not null)
            {
                json.WriteString("err", error);
            }

            json.WriteEndObject();
        }

        output.Write(System.Text.Encoding.UTF8.GetString(buffer.ToArray()));
    }

    // Serilog's own rendering puts strings in quotes, which are quoted once more here.
    private static string Render(LogEvent logEvent) => string.Concat(logEvent.MessageTemplate.Tokens.Select(token =>
        token is PropertyToken property && logEvent.Properties.TryGetValue(property.PropertyName, out LogEventPropertyValue? value) ? Literal(value) : token.ToString()));

    private static string Literal(LogEventPropertyValue value) =>
        value is ScalarValue { Value: { } scalar } ? Convert.ToString(scalar, CultureInfo.InvariantCulture) ?? "" : value.ToString();

    // By way of UTF-8, which replaces half a surrogate pair: the JSON encoder would throw, and the line be lost.
    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(System.Text.Encoding.UTF8.GetBytes(text), System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string Time(LogEvent logEvent) => logEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string Level(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => "debug",
        LogEventLevel.Information => "info",
        LogEventLevel.Warning => "warn",
        _ => "error",
    };

    // sd-daemon(3)
    private static string Priority(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => "<7>",
        LogEventLevel.Information => "<6>",
        LogEventLevel.Warning => "<4>",
        _ => "<3>",
    };
}
