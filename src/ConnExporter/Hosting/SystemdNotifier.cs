using System.Net.Sockets;
using System.Text;
using ConnExporter.Sampling;
using Microsoft.Extensions.Hosting.Systemd;
using Serilog;

namespace ConnExporter.Hosting;

/// <summary>
/// Tells the service manager how the service does (sd_notify(3)). READY and STOPPING come from the host's lifetime; RELOADING, STATUS and WATCHDOG are added. Silent
/// where nobody asked.
/// </summary>
/// <remarks>
/// Not the notifier of Microsoft.Extensions.Hosting.Systemd: that opens a socket for each message, which fails where there are no descriptors, and waits for a manager
/// that does not read.
/// </remarks>
internal sealed class SystemdNotifier : ISystemdNotifier, IDisposable
{
    private static readonly string ReadyText = ServiceState.Ready.ToString();

    private readonly Socket? socket;
    private readonly UnixDomainSocketEndPoint? manager;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly bool watchdog;
    private readonly Lock gate = new();
    private string status = "";
    private bool owesReady;
    private bool failed;

    /// <summary>Reads the service manager's wishes from the environment.</summary>
    /// <param name="environment">Gives the value of a variable, or null.</param>
    /// <param name="time">The monotonic clock for reloads.</param>
    /// <param name="log">Where a manager that cannot be reached is reported, once.</param>
    public SystemdNotifier(Func<string, string?> environment, TimeProvider time, ILogger log)
    {
        this.time = time;
        this.log = log;
        string? path = environment("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path))
        {
            return;
        }

        // '@' stands for the NUL byte that begins an abstract address.
        try
        {
            manager = new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path);
        }
        catch (ArgumentOutOfRangeException)
        {
            log.Warning("The service manager cannot be told anything: NOTIFY_SOCKET is longer than a socket's address can be: {Path}", path);
            return;
        }

        socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };

        string? pid = environment("WATCHDOG_PID");
        watchdog = !string.IsNullOrEmpty(environment("WATCHDOG_USEC")) && (string.IsNullOrEmpty(pid) || pid == Environment.ProcessId.ToString());
    }

    /// <summary>Whether somebody asked.</summary>
    public bool IsEnabled => socket is not null;

    /// <summary>Tells a state. That the service is ready is told again by <see cref="Ping"/> where the manager did not take it.</summary>
    public void Notify(ServiceState state)
    {
        lock (gate)
        {
            string text = state.ToString();
            bool isTold = Send(text);
            owesReady = text == ReadyText && !isTold;
        }
    }

    /// <summary>A reload has ended, well or not.</summary>
    public void Ready() => Notify(ServiceState.Ready);

    /// <summary>A reload has begun; <see cref="Ready"/> ends it.</summary>
    public void Reloading()
    {
        lock (gate)
        {
            Send($"RELOADING=1\nMONOTONIC_USEC={time.GetTimestamp() / (time.TimestampFrequency / 1_000_000)}");
        }
    }

    /// <summary>Called while the scheduler ticks: keeps the watchdog quiet, and shows how the collectors stand when that has changed.</summary>
    public void Ping(Snapshot snapshot)
    {
        if (socket is null)
        {
            return;
        }

        lock (gate)
        {
            string now = Describe(snapshot);
            string message = string.Concat(
                owesReady ? $"{ReadyText}\n" : "",
                now != status ? $"STATUS={now}\n" : "",
                watchdog ? "WATCHDOG=1" : "");
            if (message.Length > 0 && Send(message))
            {
                status = now;
                owesReady = false;
            }
        }
    }

    public void Dispose() => socket?.Dispose();

    // Empty before there is anything to say.
    private static string Describe(Snapshot snapshot)
    {
        if (snapshot.Collectors.IsEmpty)
        {
            return "";
        }

        int ok = snapshot.Collectors.Count(state => state.Outcome == Outcome.Ok);
        IEnumerable<string> others = snapshot.Collectors
            .Where(state => state.Outcome is not (null or Outcome.Ok))
            .Select(state => $"{state.Name} {state.Outcome.ToString()!.ToLowerInvariant()}");
        return string.Join(", ", others.Prepend($"{ok} of {snapshot.Collectors.Length} collectors ok"));
    }

    // Never waits: the socket is there from the start, and a manager that does not read misses a message.
    private bool Send(string message)
    {
        if (socket is null)
        {
            return false;
        }

        try
        {
            socket.SendTo(Encoding.UTF8.GetBytes(message), manager!);
            failed = false;
            return true;
        }
        catch (SocketException e)
        {
            if (!failed)
            {
                log.Warning("The service manager cannot be told {Message}: {Failure}", message.Split('\n')[0], e.Message);
            }

            failed = true;
            return false;
        }
    }
}
