using System.Globalization;

namespace ConnExporter.Web.Connections;

/// <summary>Sockets that systemd listens on in our place (sd_listen_fds(3)).</summary>
internal static class SystemdSockets
{
    private const int First = 3;
    private const int Bound = 64;

    /// <summary>The descriptors that were passed on.</summary>
    /// <param name="environment">Gives the value of a variable, or null.</param>
    /// <exception cref="NoListenerException">There are none for this process.</exception>
    public static IReadOnlyList<int> Take(Func<string, string?> environment)
    {
        if (environment("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(environment("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            || count is < 1 or > Bound)
        {
            throw new NoListenerException("LISTEN_PID and LISTEN_FDS name no sockets for this process (a .socket unit of the same name passes them on)");
        }

        return [.. Enumerable.Range(First, count)];
    }
}
