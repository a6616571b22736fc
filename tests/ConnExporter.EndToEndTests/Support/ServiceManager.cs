using System.Net.Sockets;
using System.Text;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>The service manager's end of sd_notify(3), on a path or on an abstract address.</summary>
internal sealed class ServiceManager : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly TemporaryDirectory directory = new();
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public ServiceManager(bool onAbstractAddress)
    {
        string name = directory["notify"];
        socket.Bind(new UnixDomainSocketEndPoint(onAbstractAddress ? "\0" + name : name));
        Address = onAbstractAddress ? "@" + name : name;
    }

    /// <summary>The value of NOTIFY_SOCKET.</summary>
    public string Address { get; }

    /// <summary>Waits for the next message.</summary>
    /// <returns>Its variables.</returns>
    public async Task<Dictionary<string, string>> NextAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        byte[] buffer = new byte[4096];
        int length = await socket.ReceiveAsync(buffer, patience.Token);
        return Encoding.UTF8.GetString(buffer, 0, length)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1]);
    }

    /// <summary>Waits for the next message that has a variable; others before it are passed over.</summary>
    public async Task<Dictionary<string, string>> NextWithAsync(string variable)
    {
        while (true)
        {
            Dictionary<string, string> message = await NextAsync();
            if (message.ContainsKey(variable))
            {
                return message;
            }
        }
    }

    /// <summary>Takes what is there, for nothing.</summary>
    public void Drain()
    {
        byte[] buffer = new byte[4096];
        while (socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            socket.Receive(buffer);
        }
    }

    /// <summary>Leaves no room for a message, as a manager that does not read.</summary>
    public void Fill()
    {
        using var sender = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            while (true)
            {
                sender.SendTo("FILLER=1"u8, socket.LocalEndPoint!);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock)
        {
            // Full.
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        directory.Dispose();
    }
}
