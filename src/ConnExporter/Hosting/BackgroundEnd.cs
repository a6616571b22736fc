using Microsoft.Extensions.Hosting;
using Serilog;

namespace ConnExporter.Hosting;

/// <summary>How the daemon ends: as asked, or because a service in the background has failed, which the host takes for a request to end.</summary>
internal static class BackgroundEnd
{
    /// <summary>Waits for the end of the host.</summary>
    /// <param name="host">The host; it runs.</param>
    /// <param name="services">What runs in it.</param>
    /// <param name="log">The log.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> WaitAsync(IHost host, IReadOnlyCollection<BackgroundService> services, ILogger log)
    {
        await host.WaitForShutdownAsync();
        int code = ExitCode.Ok;
        foreach (BackgroundService service in services)
        {
            if (service.ExecuteTask is { IsFaulted: true, Exception.InnerException: { } failure })
            {
                if (LastWords.OfShortage(failure) is { } shortage)
                {
                    log.Error("The service {Service} cannot go on: {Shortage}; the daemon ends for it", service.GetType().Name, shortage);
                }
                else
                {
                    log.Error(failure, "The service {Service} failed, a defect in this program; the daemon ends for it", service.GetType().Name);
                }

                code = ExitCode.Internal;
            }
        }

        log.Information("conn-exporter ends");
        return code;
    }
}
