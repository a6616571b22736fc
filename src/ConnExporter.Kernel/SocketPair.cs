using System.Net.Sockets;

namespace ConnExporter.Kernel;

/// <summary>Two sockets of this process that are connected with each other, for what it has to say to itself.</summary>
public static class SocketPair
{
    /// <summary>Makes one, by way of an address that is nobody else's and takes neither a port nor a file.</summary>
    /// <returns>Both ends; whoever takes them closes them.</returns>
    /// <exception cref="SocketException">There are no descriptors left.</exception>
    public static (Socket Server, Socket Client) Connect()
    {
        var endpoint = new UnixDomainSocketEndPoint($"\0conn-exporter-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(endpoint);
        listener.Listen(1);
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            client.Connect(endpoint);
            return (listener.Accept(), client);
        }
        catch (SocketException)
        {
            client.Dispose();
            throw;
        }
    }
}
