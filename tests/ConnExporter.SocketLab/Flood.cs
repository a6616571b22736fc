using System.Globalization;

namespace ConnExporter.SocketLab;

/// <summary>A listener and SYNs with forged sources: the answers go to a device that swallows them, and no handshake is ever finished.</summary>
public sealed class Flood : IDisposable
{
    private const int Burst = 200;
    private readonly Segment segment = new();
    private readonly Endpoint target;
    private readonly int listener;
    private readonly int count;
    private int sent;

    /// <summary>Makes the listener.</summary>
    /// <param name="listen">Where to listen: the address of the device.</param>
    /// <param name="limit">The backlog.</param>
    /// <param name="count">SYNs at a time.</param>
    public Flood(string listen, int limit, int count)
    {
        this.count = count;
        var endpoint = Endpoint.Parse(listen);
        listener = Tcp.Listen(endpoint, limit, out ushort port, blocking: false);
        target = endpoint.WithPort(port);
    }

    /// <summary>Sends them, each from another address and port of the device's network.</summary>
    public void Send()
    {
        const int Addresses = 250;
        for (int i = 0; i < count; i++, sent++)
        {
            UInt128 address = (target.Address & ~(UInt128)0xff) + 2 + (UInt128)(sent % Addresses);
            segment.Send(new Endpoint(target.IsV6, address, (ushort)(20_000 + (sent / Addresses % 40_000))), target, 1, 0, Segment.Syn);
            if (i % Burst == Burst - 1)
            {
                Thread.Sleep(1);
            }
        }
    }

    /// <summary>The state of affairs as a line of JSON.</summary>
    public string ToJson() => string.Create(CultureInfo.InvariantCulture, $$"""{"port":{{target.Port}},"sent":{{sent}}}""");

    /// <summary>A line of stdin.</summary>
    /// <returns>The answer.</returns>
    public string Command(string line)
    {
        if (line != "again")
        {
            return $"error: again; not {line}";
        }

        Send();
        return $"done {ToJson()}";
    }

    /// <summary>Closes what it holds.</summary>
    public void Dispose()
    {
        segment.Dispose();
        Tcp.Close(listener);
    }
}
