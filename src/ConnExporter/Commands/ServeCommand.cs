using System.Text;
using SystemdNotifier = ConnExporter.Hosting.SystemdNotifier;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Hosting;
using ConnExporter.Incidents;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Web;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using ConnExporter.Web.Pages;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Serilog;

namespace ConnExporter.Commands;

/// <summary><c>serve</c>: samples and serves until told to stop.</summary>
internal static class ServeCommand
{
    // A slow reader must not hold up the end; systemd would kill after 90 s.
    private static readonly TimeSpan ShutdownPatience = TimeSpan.FromSeconds(1);

    public static int Run(ConfigurationSources sources)
    {
        // Before anything else: what is made from here on is removed at the end.
        var signals = Signals.Take();
        ExporterOptions options = sources.Load();
        options.Recorder.RefuseRelative();
        TimeProvider time = TimeProvider.System;
        using Logging logging = new(options, Environment.GetEnvironmentVariable);
        using var systemd = new SystemdNotifier(Environment.GetEnvironmentVariable, time, logging.Logger);
        var store = new StateStore(time);
        var registry = new MetricRegistry();
        var durations = new Durations(registry);
        using var sampler = new Sampler(store, CollectorList.All, KernelSource.Host(options.ProcPath, options.SysPath, options.RootPath), time, logging.Logger, durations.OfSamples, systemd.Ping);
        var diagnostician = new Diagnostician(
            RuleList.All, options.Thresholds, time, (rule, e) => logging.Logger.Error(e, "Rule {Rule} failed, a defect in this program; its finding is left out", rule));
        using var recorder = new FlightRecorder(options.Recorder, diagnostician, options.Recorder.DirectoryToWrite(Environment.GetEnvironmentVariable), ReadKernel(options, "osrelease") ?? "unknown", ReadKernel(options, "random/boot_id"), time, logging.Logger);
        using var diagnosis = new DiagnosisLoop(diagnostician, store, recorder, logging.Logger);
        var reload = new ConfigurationReload(sources, options, sampler, diagnostician, recorder, store, systemd, logging, time);
        using DiskThread? disk = options.HasPage && recorder.Store is { } records ? new DiskThread(records.Directory, time, logging.Logger) : null;
        StatusRoutes page = Page(options, store, diagnostician, recorder, disk, time);
        try
        {
            using var web = new WebServer(options, time, logging.Logger, signals.End);
            var endpoints = new Endpoints(options.TelemetryPath, store, new MetricsPage(store, registry), page, options.HasPage);
            return RunHost(options, logging, systemd, store, sampler, diagnosis, reload, web, signals, host => web.AddTo(host, endpoints.HandleAsync, durations)).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (signals.End.IsCancellationRequested)
        {
            // Told to end before it had begun.
            logging.Logger.Information("conn-exporter ends");
            return ExitCode.Ok;
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

    private static StatusRoutes Page(ExporterOptions options, StateStore store, Diagnostician diagnostician, FlightRecorder recorder, DiskThread? disk, TimeProvider time)
    {
        var site = new PageSite(HostName.Current, options.TelemetryPath) { HasIncidents = recorder.Store is not null };
        return new StatusRoutes(new StatusSite(store, diagnostician, time, site), disk is not null ? new IncidentPages(recorder.Store!, disk) : null);
    }

    // Not every tree that stands in for /proc has it.
    private static string? ReadKernel(ExporterOptions options, string name)
    {
        using ProcFile file = new ProcFs(options.ProcPath).File($"sys/kernel/{name}");
        try
        {
            return Encoding.ASCII.GetString(file.Read()).Trim();
        }
        catch (KernelReadException)
        {
            return null;
        }
    }

    private static async Task<int> RunHost(
        ExporterOptions options, Logging logging, SystemdNotifier systemd, StateStore store, Sampler sampler, DiagnosisLoop diagnosis, ConfigurationReload reload, WebServer web, Signals signals, Action<IWebHostBuilder> serve)
    {
        BackgroundService[] background = [sampler, diagnosis, new StartMemory(logging.Logger)];

        // The runtime hands SIGHUP to a thread that answers requests; the files that it is about may be on a disk that hangs.
        using var reloading = new AskedThread(
            "reload",
            every: null,
            _ =>
            {
                web.Reload();
                reload.Run();
            },
            () => reload.Held(AskedThread.HeldAfter),
            e => logging.Logger.Error(e, "Reading the configuration again failed, a defect in this program; the old one stays in force"),
            TimeProvider.System);

        // Not a WebApplication: routing, filters and error pages come with it, which nothing here needs and every host would have to hold in memory.
        using IHost host = new HostBuilder()
            .ConfigureLogging(logs => logs.AddSerilog(logging.Logger))
            .ConfigureWebHost(serve, settings => settings.SuppressEnvironmentConfiguration = true)
            .ConfigureServices(services =>
            {
                services.Configure<HostOptions>(settings => settings.ShutdownTimeout = ShutdownPatience);

                // Always, not by UseSystemd(): that looks for a parent of the name systemd, which not every service manager has.
                services.AddSingleton<ISystemdNotifier>(systemd);
                services.AddSingleton<IHostLifetime, SystemdLifetime>();
                services.AddHostedService(provider => new Opening(options, web, store, sampler, reloading, logging, provider.GetRequiredService<IServer>()));
                foreach (BackgroundService service in background)
                {
                    services.AddSingleton<IHostedService>(service);
                }
            })
            .Build();

        IHostApplicationLifetime lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        using IDisposable handed = signals.HandTo(lifetime, () => _ = reloading.Ask());
        try
        {
            signals.End.ThrowIfCancellationRequested();
            await host.StartAsync();
        }
        catch (ListenException e)
        {
            // One line is enough for whoever has to act on it.
            await Console.Error.WriteLineAsync($"conn-exporter: {e.Message}");
            return ExitCode.CannotBind;
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Told to end before it had begun.
            logging.Logger.Information("conn-exporter ends");
            return ExitCode.Ok;
        }
        return await BackgroundEnd.WaitAsync(host, background, logging.Logger);
    }
}
