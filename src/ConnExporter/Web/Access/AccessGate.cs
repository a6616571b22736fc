using System.Globalization;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Web.Connections;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Http;

namespace ConnExporter.Web.Access;

/// <summary>Stands before every page: who asks too often or is not known is turned away, and no more are answered at a time than there may be.</summary>
internal sealed class AccessGate
{
    private const int ClientBound = 4096;

    private static readonly TimeSpan RetryAfterBusy = TimeSpan.FromSeconds(1);

    private readonly RequestDelegate pages;
    private readonly WebAccess? access;
    private readonly RequestSlots slots;
    private readonly WebCounters counters;
    private readonly TimeProvider time;
    private (RateLimit Limit, RequestBuckets Buckets)? rate;

    /// <summary>A gate.</summary>
    /// <param name="pages">What is behind it.</param>
    /// <param name="access">Who is let in; null for everybody.</param>
    /// <param name="maxRequests">How many at a time.</param>
    /// <param name="counters">Counts those turned away.</param>
    /// <param name="time">The clock.</param>
    public AccessGate(RequestDelegate pages, WebAccess? access, int maxRequests, WebCounters counters, TimeProvider time)
    {
        this.pages = pages;
        this.access = access;
        this.counters = counters;
        this.time = time;
        slots = new RequestSlots(maxRequests, time);
    }

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        TrackedConnection? connection = context.Features.Get<TrackedConnection>();
        connection?.Asked(time.GetTimestamp());
        if (HasContent(context.Request))
        {
            // Otherwise the rest of the content would be waited for.
            context.Response.Headers.Connection = "close";
        }

        if (connection is { IsLocal: true } && context.Request.Path != StatusRoutes.DiagnosisPath && context.Request.Path != StatusRoutes.SnapshotPath)
        {
            await TurnAwayAsync(context, StatusCodes.Status404NotFound, null, $"on this socket there are only {StatusRoutes.DiagnosisPath} and {StatusRoutes.SnapshotPath}\n");
            return;
        }

        if (access is not null && !await IsLetInAsync(context, connection, access))
        {
            return;
        }

        RequestSlots.Slot? slot = slots.Take(context.Abort);
        if (slot is null)
        {
            counters.RequestsBusy.Add();
            await TurnAwayAsync(context, StatusCodes.Status503ServiceUnavailable, RetryAfterBusy, "too many requests are being answered\n");
            return;
        }

        try
        {
            await pages(context);
            connection?.Answered();
        }
        finally
        {
            slots.Return(slot);
        }
    }

    private static bool HasContent(HttpRequest request) => request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0;

    private async ValueTask<bool> IsLetInAsync(HttpContext context, TrackedConnection? connection, WebAccess allowed)
    {
        WebConfig config = allowed.Config;
        foreach ((string name, string value) in config.Headers)
        {
            context.Response.Headers[name] = value;
        }

        if (connection is { IsOurs: true } or { IsLocal: true })
        {
            return true;
        }

        InetAddress client = connection?.Client ?? ClientKey.Of(context.Connection.RemoteIpAddress);
        if (config.RateLimit is { } limit && !BucketsFor(limit).TryTake(client, out TimeSpan wait))
        {
            counters.RequestsOverRate.Add();
            await TurnAwayAsync(context, StatusCodes.Status429TooManyRequests, wait, "too many requests\n");
            return false;
        }

        if (config.Users.IsEmpty)
        {
            return true;
        }

        string? authorization = context.Request.Headers.Authorization.Count == 1 ? context.Request.Headers.Authorization[0] : null;
        (PasswordVerdict verdict, wait) = await allowed.Passwords.CheckAsync(authorization, client);
        switch (verdict)
        {
            case PasswordVerdict.Right:
                return true;
            case PasswordVerdict.TooMany:
                counters.RequestsGuessing.Add();
                await TurnAwayAsync(context, StatusCodes.Status429TooManyRequests, wait, "too many attempts\n");
                return false;
            default:
                counters.RequestsUnauthorized.Add();
                context.Response.Headers.WWWAuthenticate = "Basic";
                await TurnAwayAsync(context, StatusCodes.Status401Unauthorized, null, "name and password, please\n");
                return false;
        }
    }

    private RequestBuckets BucketsFor(RateLimit limit)
    {
        if (rate is not { } now || now.Limit != limit)
        {
            now = (limit, new RequestBuckets(limit.Interval, limit.Burst, ClientBound, time));
            rate = now;
        }

        return now.Buckets;
    }

    private static Task TurnAwayAsync(HttpContext context, int status, TimeSpan? retryAfter, string text)
    {
        HttpResponse response = context.Response;
        byte[] body = Encoding.UTF8.GetBytes(text);
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        response.Headers.XContentTypeOptions = "nosniff";
        if (retryAfter is { } wait)
        {
            response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.BodyWriter.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
