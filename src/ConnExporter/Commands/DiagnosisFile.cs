using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using ConnExporter.Configuration;
using ConnExporter.Json;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary>A diagnosis in a file, for a ticket or to compare with another: as text, as one page of HTML that needs nothing else, or as JSON.</summary>
internal static class DiagnosisFile
{
    private const string Begin = "<script type=\"application/json\" id=\"diagnosis\">";
    private const string End = "</script>";
    private const int Largest = 64 << 20;
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>Refuses a name whose ending says no form.</summary>
    /// <exception cref="ConfigurationException">It is none of .txt, .html and .json.</exception>
    public static void CheckName(string path)
    {
        if (Path.GetExtension(path) is not (".txt" or ".html" or ".json"))
        {
            throw new ConfigurationException($"--save: '{path}': expected a name that ends in .txt, .html or .json");
        }
    }

    /// <summary>Writes one; a file that was there is replaced by the whole of it or stays as it was, and where a link leads is not touched.</summary>
    /// <param name="path">The file; its ending says the form.</param>
    /// <param name="json">The document.</param>
    /// <param name="book">The language.</param>
    /// <exception cref="OutputException">It cannot be written.</exception>
    public static void Write(string path, ReadOnlyMemory<byte> json, TextBook book)
    {
        using var document = JsonDocument.Parse(json);
        byte[] content = Path.GetExtension(path) switch
        {
            ".json" => [.. json.Span, (byte)'\n'],
            ".txt" => Encoding.UTF8.GetBytes(DiagnosisText.Render(document.RootElement, book, TerminalStyle.Plain)),
            _ => Encoding.UTF8.GetBytes(Page(document.RootElement, book)),
        };
        try
        {
            string beside = $"{path}.{Environment.ProcessId}.tmp";
            try
            {
                using (var file = new FileStream(beside, FileMode.CreateNew, FileAccess.Write))
                {
                    file.Write(content);
                }

                File.Move(beside, path, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                File.Delete(beside);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException(e);
        }
    }

    /// <summary>Reads one that was saved as HTML or JSON.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or is none.</exception>
    public static JsonDocument Read(string path)
    {
        try
        {
            string text = TextOf(path);
            int begin = text.IndexOf(Begin, StringComparison.Ordinal);
            int end = begin < 0 ? -1 : text.IndexOf(End, begin, StringComparison.Ordinal);
            var document = JsonDocument.Parse(end < 0 ? text : text[(begin + Begin.Length)..end]);
            return document.RootElement.GetProperty("version").GetInt32() == ReportJson.Version ? document : throw new ConfigurationException($"{path}: a version of the diagnosis that this program does not read");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: {e.Message.TrimEnd('.')}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ConfigurationException($"{path}: no diagnosis that was saved as .json or .html");
        }
    }

    // Bounded while it is read: a pipe or a device has no length.
    private static string TextOf(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
        using var content = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        for (int read = file.Read(buffer); read > 0; read = file.Read(buffer))
        {
            content.Write(buffer, 0, read);
            if (content.Length > Largest)
            {
                throw new ConfigurationException($"{path}: larger than {Largest} bytes: no saved diagnosis");
            }
        }

        return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetString(content.GetBuffer(), 0, (int)content.Length);
    }

    // The text as it is on a terminal, and the document behind it. Names come from others: each '<' in them is written as an escape, so that none ends the script.
    private static string Page(JsonElement document, TextBook book)
    {
        string title = $"conn-exporter · {ReportFields.Text(document, "host")} · {ReportFields.Text(document, "at")}";
        string text = DiagnosisText.Render(document, book, TerminalStyle.Plain with { Blocks = true, Width = 110 });
        string data = document.GetRawText().Replace("<", "\\u003c", StringComparison.Ordinal);
        return $$"""
            <!DOCTYPE html>
            <html lang="{{book.Language.Tag()}}">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width">
            <title>{{Encoder.Encode(title)}}</title>
            <style>body { margin: 1em; background: #fff; color: #111 } pre { font: 13px/1.4 monospace; white-space: pre-wrap } @media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } }</style>
            </head>
            <body>
            <pre>{{Encoder.Encode(text)}}</pre>
            {{Begin}}{{data}}{{End}}
            </body>
            </html>

            """;
    }
}
