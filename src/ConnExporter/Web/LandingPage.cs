using System.Text.Encodings.Web;
using ConnExporter.State;

namespace ConnExporter.Web;

/// <summary>The page at / where the status page is switched off: what this is and where the metrics are.</summary>
internal static class LandingPage
{
    public static string Render(string telemetryPath) => $$"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>conn-exporter</title>
        </head>
        <body>
        <main>
        <h1>conn-exporter</h1>
        <p>Version {{Encode(BuildVersion.Version)}}. What TCP connections on this host run out of, for Prometheus.</p>
        <p><a href="{{Encode(telemetryPath.TrimStart('/'))}}">Metrics</a> · <a href="-/healthy">Healthy</a> · <a href="-/ready">Ready</a></p>
        </main>
        </body>
        </html>

        """;

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
