using System.Text;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Metrics;
using ConnExporter.State;
using ConnExporter.Web;
using ConnExporter.Web.Access;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>What a client sends, as far as Kestrel leaves it to us: path, query and headers.</summary>
internal static class Requests
{
    private const int MostCharacters = 16 * 1024;
    private const int MostLines = 64;

    private static readonly byte[][] Weights = Seeds.Texts(";q=0", ";q=1.0", ";q=0.0001", ";q=", ";q=2", ";", ",", "*", "*/*", "\"", "=", ";version=", "; charset=utf-8", "gzip", "identity");

    public static Decoder Accept() => new()
    {
        Name = "accept",
        Methods = ["ExpositionFormats.Negotiate"],
        Seeds = Seeds.Texts(
            "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/plain", "application/openmetrics-text", "*/*", "application/*;q=0.5\ntext/*;q=0.4", "application/openmetrics-text;version=\"1.0.0\""),
        Words = [.. Weights, .. Seeds.Texts("application/openmetrics-text", "text/plain", "text/*", "application/*", "1.0.0", "0.0.4")],
        Refusals = [],
        Allocation = (512, Decoder.RefusalBytes),
        Run = input =>
        {
            // Longer ones are not read.
            string text = Encoding.Latin1.GetString(input[..Math.Min(input.Length, Endpoints.LongestWish)]);
            ExpositionFormat format = ExpositionFormats.Negotiate(text.Split('\n'));
            Promise.Holds(format == ExpositionFormat.Text || text.Contains("openmetrics-text", StringComparison.OrdinalIgnoreCase), "OpenMetrics is for those who name it");
            return (int)format;
        },
    };

    public static Decoder Authorization() => new()
    {
        Name = "authorization",
        Methods = ["Passwords.TryRead"],
        Seeds = Seeds.Texts("Basic cHJvbWV0aGV1czpzZWNyZXQ=", "basic OjpBOg==", "Basic  YTo=", "Bearer abc", "Basic 4pyTOsOpAA=="),
        Words = Seeds.Texts("Basic ", "=", "==", "Og==", "cHJv", "====", " "),
        Refusals = [],

        // A text of two bytes a character to begin with.
        Allocation = (6, Decoder.RefusalBytes),
        Run = input =>
        {
            bool read = Passwords.TryRead(Encoding.Latin1.GetString(input), out string name, out byte[] password);
            Promise.Holds(read || (name.Length == 0 && password.Length == 0), "what is refused gives nothing");
            Promise.Holds(name.Length + password.Length <= input.Length && !name.Contains(':', StringComparison.Ordinal), "name and password are in the header, and a colon between them");
            return read ? 1 + Math.Min(name.Length, 4) : 0;
        },
    };

    public static Decoder Request()
    {
        var store = new StateStore(TimeProvider.System);
        var diagnostician = new Diagnostician(RuleList.All, new Thresholds(), TimeProvider.System, (_, e) => throw new InvalidOperationException("a rule failed", e));
        DiagnosisReport report = diagnostician.Look(store.Current.Snapshot);
        store.Update(state => state with { Report = report });
        var endpoints = new Endpoints("/metrics", store, new MetricsPage(store, new MetricRegistry()), new StatusRoutes(new StatusSite(store, diagnostician, TimeProvider.System, new PageSite("host", "/metrics"))));
        return new Decoder
        {
            Name = "request",
            Methods = ["Endpoints.HandleAsync", "StatusRoutes.FindAsync", "PageAnswer.IsKnownTo"],
            Seeds = Seeds.Texts(
                "GET /metrics\nAccept: text/plain;version=0.0.4;q=0.5\nAccept-Encoding: gzip;q=0.8, identity\n", "HEAD /api/v1/diagnosis?lang=zh\nIf-None-Match: \"x\", W/\"y-gzip\"\n",
                "GET /?lang=en&lang=zh&x=%00\nAccept-Language: zh-CN,zh;q=0.9,en;q=0.8\n", "GET /incidents/20261120T214751Z-001?record=2\nAccept-Encoding: *\n", "POST /metrics\nTransfer-Encoding: chunked\n",
                "GET /runbooks/x\nIf-None-Match: *\n", "GET /assets/page.css\nAccept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0\n", "GET /-/ready\n", "GET /api/v1/snapshot\nContent-Length: 1\n"),
            Words =
            [
                .. Weights,
                .. Seeds.Texts("\nAccept: ", "\nAccept-Encoding: ", "\nAccept-Language: ", "\nIf-None-Match: ", "?lang=", "&record=", "W/\"", "/api/v1/", "/assets/", "/incidents/", "/runbooks/", ".json", "/../", "%2e%2e", "%00", "zh", "en", "-1"),
            ],
            Refusals = [],

            // The answer: a page of its own for each request where none of a report is kept.
            Allocation = (256, 256 * 1024),
            Run = input =>
            {
                DefaultHttpContext context = Build(Encoding.Latin1.GetString(input));
                Task answered = endpoints.HandleAsync(context);
                Promise.Holds(answered.IsCompleted, "nothing is waited for");
                answered.GetAwaiter().GetResult();
                int status = context.Response.StatusCode;
                Promise.Holds(status is 200 or 204 or 304 or 400 or 404 or 405 or 503, "an answer that is documented");
                return status + (context.Response.Headers.ContentEncoding.Count << 10) + (context.Response.Headers.ETag.Count << 11);
            },
        };
    }

    private static DefaultHttpContext Build(string text)
    {
        // Kestrel's limits, see WebServer.
        string[] lines = text[..Math.Min(text.Length, MostCharacters)].Split('\n', MostLines);
        string[] first = lines[0].Split(' ', 2);
        string target = first.Length > 1 ? first[1] : "/";
        int query = target.IndexOf('?', StringComparison.Ordinal);
        var context = new DefaultHttpContext();
        context.Request.Method = first[0];

        // Kestrel takes no target that does not begin so.
        string path = query < 0 ? target : target[..query];
        context.Request.Path = new PathString(path.StartsWith('/') ? path : "/" + path);
        context.Request.QueryString = query < 0 ? default : new QueryString(target[query..]);
        context.Response.Body = Stream.Null;
        foreach (string line in lines.AsSpan(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                string name = line[..colon];
                context.Request.Headers[name] = StringValues.Concat(context.Request.Headers[name], line[(colon + 1)..].Trim());
            }
        }

        return context;
    }
}
