using System.Net;
using System.Net.Sockets;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>Ports for servers that have to be told one.</summary>
internal static class FreePort
{
    private static readonly Lock Turn = new();
    private static readonly HashSet<int> Given = [];

    /// <summary>A port that nothing listens on and that was not given before.</summary>
    public static int Next()
    {
        lock (Turn)
        {
            while (true)
            {
                using var socket = new TcpListener(IPAddress.Loopback, 0);
                socket.Start();
                int port = ((IPEndPoint)socket.LocalEndpoint).Port;
                if (Given.Add(port))
                {
                    return port;
                }
            }
        }
    }
}
