using ConnExporter.Metrics;
using ConnExporter.Web.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Prometheus;
using Prometheus.HttpMetrics;

namespace ConnExporter.Web;

/// <summary>Counts how long answers take, by prometheus-net's middleware: by their status, into a histogram of ours, and nothing else that it could count.</summary>
internal static class RequestDurations
{
    /// <summary>Counts the answers of all that comes after.</summary>
    public static IApplicationBuilder UseRequestDurations(this IApplicationBuilder app, Durations durations)
    {
        // Our own warm-up goes the same way, so that all of it has run once, and is counted where nobody looks.
        var ofWarmUp = new Durations(new MetricRegistry());
        app.UseWhen(IsWarmUp, branch => branch.UseHttpMetrics(options => Count(options, ofWarmUp)));
        app.UseWhen(context => !IsWarmUp(context), branch => branch.UseHttpMetrics(options => Count(options, durations)));
        return app.Use(TellFailureAsync);
    }

    private static bool IsWarmUp(HttpContext context) => context.Features.Get<TrackedConnection>() is { IsOurs: true };

    private static void Count(HttpMiddlewareExporterOptions options, Durations durations)
    {
        options.CaptureMetricsUrl = true;
        options.InProgress.Enabled = false;
        options.RequestCount.Enabled = false;
        options.RequestDuration.Histogram = durations.Requests;
        options.RequestDuration.ExemplarPredicate = _ => false;
    }

    // The server answers a defect with 500, but only after the middleware has looked.
    private static async Task TellFailureAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            throw;
        }
    }
}
