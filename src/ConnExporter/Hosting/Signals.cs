using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Hosting;

/// <summary>Signals beside SIGTERM, at which the lifetime ends the host: SIGINT ends it too, the second of either ends it at once, and SIGHUP reloads the configuration.</summary>
internal sealed class Signals : IHostedLifecycleService, IDisposable
{
    private readonly IHostApplicationLifetime application;
    private readonly Action reload;
    private readonly List<PosixSignalRegistration> registrations = [];
    private int asked;

    public Signals(IHostApplicationLifetime application, Action reload)
    {
        this.application = application;
        this.reload = reload;
    }

    // Before anything else starts: until then SIGHUP ends the process.
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Reload));
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => registrations.ForEach(registration => registration.Dispose());

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref asked) > 1)
        {
            Environment.Exit(ExitCode.Ok);
        }

        application.StopApplication();
    }

    private void Reload(PosixSignalContext context)
    {
        context.Cancel = true;
        reload();
    }
}
