using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Web;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Commands;

/// <summary>What comes between listening and being ready. Only then the lifetime tells the service manager.</summary>
internal sealed class Opening(ExporterOptions options, WebServer web, StateStore store, Sampler sampler, AskedThread reloading, Logging logging, IServer server) : IHostedLifecycleService, IDisposable
{
    private WebWatch? watch;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        await web.WarmUpAsync();
        watch = web.Watch(store, logging, reloading);

        // Only now: who cannot listen has nothing to say of the host.
        sampler.Apply(options);
        logging.ShowFrameworkWarnings();
        logging.Logger.Information(
            "conn-exporter {Version} listens on {Addresses}", BuildVersion.Version, string.Join(", ", server.Features.Get<IServerAddressesFeature>()!.Addresses));
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => watch?.Dispose();
}
