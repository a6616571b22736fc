using System.Net;
using System.Net.Sockets;

namespace ConnExporter.KernelTests.Truth;

/// <summary>UDP and Unix sockets: some that stay, one that drops what comes, a Unix listener where some wait, and UDP sockets that come and go, slower than the TCP connections beside them.</summary>
internal sealed class OtherSockets : IDisposable
{
    private const int Waiting = 3;
    private readonly List<Socket> kept = [];
    private readonly CancellationTokenSource end = new();
    private readonly Thread churn;
    private readonly string path = Path.Join(Path.GetTempPath(), $"truth-{Environment.ProcessId}.sock");

    public OtherSockets(NetworkNamespace network)
    {
        File.Delete(path);
        network.Inside(() =>
        {
            var destination = new IPEndPoint(IPAddress.Loopback, 53);
            for (int i = 0; i < 60; i++)
            {
                Keep(AddressFamily.InterNetwork).Connect(destination);
            }

            for (int i = 0; i < 10; i++)
            {
                Keep(AddressFamily.InterNetworkV6).Connect(new IPEndPoint(IPAddress.IPv6Loopback, 53));
                Keep(AddressFamily.InterNetwork).Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }

            Socket deaf = Keep(AddressFamily.InterNetwork);
            deaf.Bind(new IPEndPoint(IPAddress.Loopback, 5140));
            Socket talker = Keep(AddressFamily.InterNetwork);
            talker.Connect(deaf.LocalEndPoint!);
            for (int i = 0; i < 2000; i++)
            {
                talker.Send(new byte[100]);
            }

            var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            kept.Add(listener);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(50);
            for (int i = 0; i < Waiting; i++)
            {
                var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                kept.Add(client);
                client.Connect(new UnixDomainSocketEndPoint(path));
            }

            return true;
        });
        churn = new Thread(() => network.Inside(() =>
        {
            while (!end.IsCancellationRequested)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Connect(new IPEndPoint(IPAddress.Parse("127.0.0.3"), 9));
                socket.Send([1]);
                end.Token.WaitHandle.WaitOne(20);
            }

            return true;
        }));
        churn.Start();
    }

    public void Dispose()
    {
        end.Cancel();
        churn.Join();
        end.Dispose();
        kept.ForEach(socket => socket.Dispose());
        File.Delete(path);
    }

    private Socket Keep(AddressFamily family)
    {
        var socket = new Socket(family, SocketType.Dgram, ProtocolType.Udp);
        kept.Add(socket);
        return socket;
    }
}
