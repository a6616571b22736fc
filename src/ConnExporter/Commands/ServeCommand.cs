using System.Net.Sockets;
using System.Text;
using ConnExporter.Collectors;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Hosting;
using ConnExporter.Incidents;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Web;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Serilog;

namespace ConnExporter.Commands;

/// <summary><c>serve</c>: samples and serves until told to stop.</summary>
internal static class ServeCommand
{
    // A slow reader must not hold up the end; systemd would kill after 90 s.
    private static readonly TimeSpan ShutdownPatience = TimeSpan.FromSeconds(1);

    public static int Run(ConfigurationSources sources)
    {
        ExporterOptions options = sources.Load();
        TimeProvider time = TimeProvider.System;
        using Logging logging = new(options, Environment.GetEnvironmentVariable);
        using var systemd = new SystemdNotifier(Environment.GetEnvironmentVariable, time, logging.Logger);
        var store = new SnapshotStore(Snapshot.Empty(time));
        using var sampler = new Sampler(store, CollectorList.All, KernelSource.Host(options.ProcPath, options.SysPath), time, systemd, logging.Logger);
        var diagnostician = new Diagnostician(
            RuleList.All, options.Thresholds, time, (rule, e) => logging.Logger.Error(e, "Rule {Rule} failed, a defect in this program; its finding is left out", rule));
        using var recorder = new FlightRecorder(options.Recorder, diagnostician, options.Recorder.DirectoryToWrite(Environment.GetEnvironmentVariable), KernelRelease(options), time, logging.Logger);
        using var diagnosis = new DiagnosisLoop(diagnostician, store, recorder, logging.Logger);
        var reload = new ConfigurationReload(sources, options, sampler, diagnostician, recorder, store, systemd, logging, time);
        StatusRoutes? page = options.HasPage ? Page(options, store, diagnostician, recorder, time) : null;
        try
        {
            using var web = new WebServer(options, time, logging.Logger);
            return RunHost(options, logging, systemd, store, sampler, diagnosis, reload, web, page).GetAwaiter().GetResult();
        }
        catch (AccessFilesException e)
        {
            Console.Error.WriteLine($"conn-exporter: {e.Message}");
            return ExitCode.AccessFiles;
        }
        catch (NoListenerException e)
        {
            Console.Error.WriteLine($"conn-exporter: cannot listen: {e.Message}");
            return ExitCode.CannotBind;
        }
    }

    private static StatusRoutes Page(ExporterOptions options, SnapshotStore store, Diagnostician diagnostician, FlightRecorder recorder, TimeProvider time)
    {
        var site = new PageSite(Environment.MachineName, options.TelemetryPath) { HasIncidents = recorder.Store is not null };
        return new StatusRoutes(new StatusSite(store, diagnostician, time, site), recorder.Store is { } records ? new IncidentPages(records) : null);
    }

    private static string KernelRelease(ExporterOptions options)
    {
        using ProcFile release = new ProcFs(options.ProcPath).File("sys/kernel/osrelease");
        try
        {
            return Encoding.ASCII.GetString(release.Read()).Trim();
        }
        catch (KernelReadException)
        {
            // Not every tree that stands in for /proc has it.
            return "unknown";
        }
    }

    private static async Task<int> RunHost(
        ExporterOptions options, Logging logging, SystemdNotifier systemd, SnapshotStore store, Sampler sampler, DiagnosisLoop diagnosis, ConfigurationReload reload, WebServer web, StatusRoutes? page)
    {
        var endpoints = new Endpoints(options.TelemetryPath, store, new MetricsPage(store), page);

        // Not a WebApplication: routing, filters and error pages come with it, which nothing here needs and every host would have to hold in memory.
        using IHost host = new HostBuilder()
            .ConfigureLogging(logs => logs.AddSerilog(logging.Logger))
            .ConfigureWebHost(builder => web.AddTo(builder, endpoints.HandleAsync), settings => settings.SuppressEnvironmentConfiguration = true)
            .ConfigureServices(services =>
            {
                services.Configure<HostOptions>(settings => settings.ShutdownTimeout = ShutdownPatience);
                services.AddSingleton<IHostLifetime>(provider => new SignalLifetime(provider.GetRequiredService<IHostApplicationLifetime>(), () =>
                {
                    web.Reload();
                    reload.Run();
                }));
                services.AddHostedService(_ => sampler);
                services.AddHostedService(_ => diagnosis);
                services.AddHostedService(_ => new StartMemory(logging.Logger));
            })
            .Build();

        try
        {
            await host.StartAsync();
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // One line is enough for whoever has to act on it.
            await Console.Error.WriteLineAsync($"conn-exporter: cannot listen on {(options.Web.SystemdSocket ? "the sockets of systemd" : string.Join(", ", options.ListenAddresses))}: {(e.InnerException ?? e).Message.TrimEnd('.')}; choose another with --web.listen-address, or find who holds it with 'ss -ltnp'");
            return ExitCode.CannotBind;
        }

        await web.WarmUpAsync();
        using WebWatch watch = web.Watch(store, logging);

        // Only now: who cannot listen has nothing to say of the host.
        sampler.Apply(options);
        logging.ShowFrameworkWarnings();
        logging.Logger.Information(
            "conn-exporter {Version} listens on {Addresses}", BuildVersion.Version, string.Join(", ", host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses));
        systemd.Ready();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(systemd.Stopping);
        await host.WaitForShutdownAsync();
        logging.Logger.Information("conn-exporter ends");
        return ExitCode.Ok;
    }
}
