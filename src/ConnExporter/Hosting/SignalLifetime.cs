using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Hosting;

/// <summary>Ends the host at SIGTERM or SIGINT, at once at the second one, and reloads the configuration at SIGHUP.</summary>
internal sealed class SignalLifetime : IHostLifetime, IDisposable
{
    private readonly IHostApplicationLifetime application;
    private readonly Action reload;
    private readonly List<PosixSignalRegistration> registrations = [];
    private int asked;

    public SignalLifetime(IHostApplicationLifetime application, Action reload)
    {
        this.application = application;
        this.reload = reload;
    }

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Reload));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

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
