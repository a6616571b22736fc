using System.Text;
using System.Text.Encodings.Web;
using ConnExporter.Hosting;
using ConnExporter.Sampling;

namespace ConnExporter.Web;

/// <summary>The page at /: what this is, where the metrics are, and how each collector stands.</summary>
internal static class LandingPage
{
    public static string Render(Snapshot snapshot, string telemetryPath)
    {
        var rows = new StringBuilder();
        foreach (CollectorState state in snapshot.Collectors)
        {
            string outcome = state.Outcome?.ToString().ToLowerInvariant() ?? "waiting";
            rows.Append($"<tr><td>{Encode(state.Name)}</td><td>{outcome}</td><td>{Encode(state.Failure ?? "")}</td></tr>\n");
        }

        return $$"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>conn-exporter</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
            table { border-collapse: collapse; }
            th, td { text-align: left; padding: .25rem 1rem .25rem 0; vertical-align: top; }
            </style>
            </head>
            <body>
            <h1>conn-exporter</h1>
            <p>Version {{Encode(BuildVersion.Version)}}. What TCP connections on this host run out of, for Prometheus.</p>
            <p><a href="{{Encode(telemetryPath)}}">Metrics</a> · <a href="/-/healthy">Healthy</a> · <a href="/-/ready">Ready</a></p>
            <table>
            <thead><tr><th scope="col">Collector</th><th scope="col">Outcome</th><th scope="col">Why</th></tr></thead>
            <tbody>
            {{rows}}</tbody>
            </table>
            </body>
            </html>

            """;
    }

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
