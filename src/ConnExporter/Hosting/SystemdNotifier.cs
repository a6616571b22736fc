using System.Net.Sockets;
using System.Text;
using ConnExporter.Sampling;
using Serilog;

namespace ConnExporter.Hosting;

/// <summary>Tells systemd how the service does (sd_notify(3)): READY, STATUS, RELOADING, STOPPING, WATCHDOG. Silent where nobody asked.</summary>
internal sealed class SystemdNotifier : IDisposable
{
    private readonly Socket? socket;
    private readonly UnixDomainSocketEndPoint? manager;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly bool watchdog;
    private string status = "";
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

    /// <summary>Start-up has ended; the service answers.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>A reload has begun; <see cref="Ready"/> ends it.</summary>
    public void Reloading() =>
        Send($"RELOADING=1\nMONOTONIC_USEC={time.GetTimestamp() / (time.TimestampFrequency / 1_000_000)}");

    /// <summary>The service ends.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>Called while the scheduler ticks: keeps the watchdog quiet, and shows how the collectors stand when that has changed.</summary>
    public void Ping(Snapshot snapshot)
    {
        if (socket is null)
        {
            return;
        }

        string now = Describe(snapshot);
        string message = watchdog ? "WATCHDOG=1" : "";
        if (now != status)
        {
            message = $"STATUS={now}\n{message}";
            status = now;
        }

        if (message.Length > 0)
        {
            Send(message);
        }
    }

    public void Dispose() => socket?.Dispose();

    private static string Describe(Snapshot snapshot)
    {
        int ok = snapshot.Collectors.Count(state => state.Outcome == Outcome.Ok);
        IEnumerable<string> others = snapshot.Collectors
            .Where(state => state.Outcome is not (null or Outcome.Ok))
            .Select(state => $"{state.Name} {state.Outcome.ToString()!.ToLowerInvariant()}");
        return string.Join(", ", others.Prepend($"{ok} of {snapshot.Collectors.Length} collectors ok"));
    }

    private void Send(string message)
    {
        if (socket is null)
        {
            return;
        }

        try
        {
            socket.SendTo(Encoding.UTF8.GetBytes(message), manager!);
            failed = false;
        }
        catch (SocketException e)
        {
            if (!failed)
            {
                log.Warning("The service manager cannot be told {Message}: {Failure}", message.Split('\n')[0], e.Message);
            }

            failed = true;
        }
    }
}
