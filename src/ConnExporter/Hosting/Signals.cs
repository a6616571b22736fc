using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Hosting;

#pragma warning disable CA1001 // It lives as long as the process.
/// <summary>The signals of the daemon, from its first step to its last: SIGTERM and SIGINT end it, the second of either at once, and SIGHUP reloads the configuration.</summary>
/// <remarks>Before the runtime runs, SIGTERM ends the process as it ends any (143 in a shell): nothing has been made by then.</remarks>
internal sealed class Signals
#pragma warning restore CA1001
{
    // A file that does not answer would hold up the end for as long.
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(1);

    // Given back, a signal that comes once more would end the process otherwise than the first one does.
    private static Signals? kept;

    private readonly CancellationTokenSource end = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Lock hands = new();
    private Action? reload;
    private bool reloadIsDue;
    private int asked;

    private Signals() => registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, Reload),
    ];

    /// <summary>Cancelled where the daemon is to end.</summary>
    public CancellationToken End => end.Token;

    /// <summary>Takes the signals until the process ends.</summary>
    public static Signals Take() => kept ??= new Signals();

    /// <summary>Hands them over to a host, with those that have come before.</summary>
    /// <param name="application">Is stopped by SIGTERM and SIGINT.</param>
    /// <param name="reloads">Is called at SIGHUP, and does not wait.</param>
    /// <returns>Takes the host out again.</returns>
    public IDisposable HandTo(IHostApplicationLifetime application, Action reloads)
    {
        bool isDue;
        lock (hands)
        {
            reload = reloads;
            (isDue, reloadIsDue) = (reloadIsDue, false);
        }

        if (isDue)
        {
            reloads();
        }

        return new Handed(this, End.Register(application.StopApplication));
    }

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref asked) > 1)
        {
            Environment.Exit(ExitCode.Ok);
        }

        end.Cancel();
        bool isHanded;
        lock (hands)
        {
            isHanded = reload is not null;
        }

        if (!isHanded)
        {
            new Thread(EndWithoutHost, 256 * 1024) { Name = "end", IsBackground = true }.Start();
        }
    }

    private void EndWithoutHost()
    {
        Thread.Sleep(StartPatience);
        lock (hands)
        {
            if (reload is not null)
            {
                return;
            }
        }

        Environment.Exit(ExitCode.Ok);
    }

    private void Reload(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (hands)
        {
            reloadIsDue |= reload is null;
            reload?.Invoke();
        }
    }

    private sealed class Handed(Signals signals, CancellationTokenRegistration stops) : IDisposable
    {
        public void Dispose()
        {
            stops.Dispose();
            lock (signals.hands)
            {
                signals.reload = null;
            }
        }
    }
}
