using System.Text;
using ConnExporter.Metrics;
using ConnExporter.State;
using ConnExporter.Web.Connections;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace ConnExporter.Web;

/// <summary>What the daemon answers. Every answer comes from the snapshot: no request waits for the kernel.</summary>
internal sealed class Endpoints
{
    /// <summary>Characters of a header that is read as a list. Browsers and Prometheus send some 400 at most; reading one takes some hundred times its size.</summary>
    internal const int LongestWish = 1024;

    private static readonly string[] Wishes = [HeaderNames.Accept, HeaderNames.AcceptEncoding, HeaderNames.AcceptLanguage, HeaderNames.IfNoneMatch];

    private const string PlainText = "text/plain; charset=utf-8";
    private const string Methods = "GET, HEAD, OPTIONS";
    private const string Ready = "/-/ready";
    private readonly string telemetryPath;
    private readonly StateStore store;
    private readonly MetricsPage metrics;
    private readonly StatusRoutes? status;
    private readonly bool hasPage;

    /// <summary>Answers from a snapshot.</summary>
    /// <param name="telemetryPath">The path of the metrics page.</param>
    /// <param name="store">Where the newest snapshot is.</param>
    /// <param name="metrics">The metrics page.</param>
    /// <param name="status">The status page; null where there is none.</param>
    /// <param name="hasPage">Whether everybody is shown it; else only <c>diagnose</c> is told what it needs.</param>
    public Endpoints(string telemetryPath, StateStore store, MetricsPage metrics, StatusRoutes? status = null, bool hasPage = true)
    {
        this.hasPage = hasPage;
        this.status = status;
        this.telemetryPath = telemetryPath;
        this.store = store;
        this.metrics = metrics;
    }

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        HttpResponse response = context.Response;
        response.Headers.XContentTypeOptions = "nosniff";
        bool asksForOptions = HttpMethods.IsOptions(request.Method);
        if (!asksForOptions && !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            response.Headers.Allow = Methods;
            await AnswerAsync(context, StatusCodes.Status405MethodNotAllowed, PlainText, "only GET and HEAD\n");
            return;
        }

        // Content means nothing here, and length and coding together are how requests are smuggled (RFC 9112 §6.1).
        if (request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0)
        {
            response.Headers.Connection = "close";
            await AnswerAsync(context, StatusCodes.Status400BadRequest, PlainText, "no request here has content\n");
            return;
        }

        // The health check of load balancers that were told nothing else (HAProxy: OPTIONS / HTTP/1.0), which take 405 for a server that is down.
        if (asksForOptions)
        {
            response.Headers.Allow = Methods;
            await (request.Path.Value == Ready && !store.Current.IsReady ? AnswerReadyAsync(context) : AnswerNothing(response));
            return;
        }

        // What is longer than anybody's wish counts as none.
        foreach (string wish in Wishes)
        {
            if (request.Headers.TryGetValue(wish, out StringValues values) && values.Sum(value => value?.Length ?? 0) > LongestWish)
            {
                request.Headers.Remove(wish);
            }
        }

        string path = request.Path.Value ?? "/";
        bool isShown = hasPage || context.Features.Get<TrackedConnection>() is { IsLocal: true };
        if (path != telemetryPath && isShown && status is not null && await FindPageAsync(status, request, path) is { } answer)
        {
            await AnswerPageAsync(context, answer);
            return;
        }

        await (path == telemetryPath ? AnswerMetricsAsync(context) : path switch
        {
            "/" => AnswerLandingPageAsync(context),
            "/-/healthy" => AnswerAsync(context, StatusCodes.Status200OK, PlainText, "healthy\n"),
            Ready => AnswerReadyAsync(context),
            _ => AnswerAsync(context, StatusCodes.Status404NotFound, PlainText, $"nothing here; the metrics are at {telemetryPath}\n"),
        });
    }

    // Who has gone while the answer was waited for gets none.
    private static async ValueTask<PageAnswer?> FindPageAsync(StatusRoutes status, HttpRequest request, string path)
    {
        try
        {
            return await status.FindAsync(request, path, AcceptsGzip(request));
        }
        catch (OperationCanceledException) when (request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task AnswerMetricsAsync(HttpContext context)
    {
        ExpositionFormat format = ExpositionFormats.Negotiate(context.Request.Headers.Accept!);
        bool compressed = AcceptsGzip(context.Request);
        ReadOnlyMemory<byte> page = await metrics.GetAsync(format, compressed);
        context.Response.Headers.Vary = "Accept, Accept-Encoding";
        if (compressed)
        {
            context.Response.Headers.ContentEncoding = "gzip";
        }

        await AnswerAsync(context, StatusCodes.Status200OK, format.ContentType(), page);
    }

    private static Task AnswerPageAsync(HttpContext context, PageAnswer answer)
    {
        IHeaderDictionary headers = context.Response.Headers;
        bool compressed = AcceptsGzip(context.Request);
        headers.Vary = "Accept-Encoding, Accept-Language";
        headers.CacheControl = answer.CacheControl;
        SetPolicy(headers, PageAnswer.ContentSecurityPolicy);
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (answer.Tag is { } tag)
        {
            headers.ETag = compressed ? PageAnswer.Compressed(tag) : tag;
            if (answer.IsKnownTo(context.Request))
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }
        }

        if (compressed)
        {
            headers.ContentEncoding = "gzip";
        }

        return AnswerAsync(context, answer.Status, answer.ContentType, answer.Content(compressed));
    }

    private Task AnswerLandingPageAsync(HttpContext context)
    {
        SetPolicy(context.Response.Headers, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
        return AnswerAsync(context, StatusCodes.Status200OK, "text/html; charset=utf-8", LandingPage.Render(telemetryPath));
    }

    // One that the web configuration sets is what its author wants, for better or worse.
    private static void SetPolicy(IHeaderDictionary headers, string policy)
    {
        if (headers.ContentSecurityPolicy.Count == 0)
        {
            headers.ContentSecurityPolicy = policy;
        }
    }

    private static Task AnswerNothing(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private Task AnswerReadyAsync(HttpContext context)
    {
        string[] waiting = [.. store.Current.Snapshot.Collectors.Where(state => state.Outcome is null).Select(state => state.Name)];
        return store.Current.IsReady
            ? AnswerAsync(context, StatusCodes.Status200OK, PlainText, "ready\n")
            : AnswerAsync(context, StatusCodes.Status503ServiceUnavailable, PlainText, $"waiting for the first {(waiting.Length > 0 ? "sample of: " + string.Join(", ", waiting) : "diagnosis")}\n");
    }

    private static Task AnswerAsync(HttpContext context, int status, string contentType, string text) =>
        AnswerAsync(context, status, contentType, Encoding.UTF8.GetBytes(text));

    private static Task AnswerAsync(HttpContext context, int status, string contentType, ReadOnlyMemory<byte> body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.BodyWriter.WriteAsync(body, context.RequestAborted).AsTask();
    }

    // RFC 9110 §12.5.3: named with a weight above 0, or covered by '*'.
    private static bool AcceptsGzip(HttpRequest request)
    {
        if (!StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptEncoding!, out IList<StringWithQualityHeaderValue>? codings))
        {
            return false;
        }

        double? gzip = null;
        double? any = null;
        foreach (StringWithQualityHeaderValue coding in codings)
        {
            if (coding.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase))
            {
                gzip = coding.Quality ?? 1;
            }
            else if (coding.Value == "*")
            {
                any = coding.Quality ?? 1;
            }
        }

        return (gzip ?? any ?? 0) > 0;
    }
}
