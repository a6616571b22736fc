using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.EndToEndTests.Pages;

/// <summary>A network namespace with a loopback device and nothing else: what runs in it can reach nobody outside.</summary>
internal sealed class PageNetwork : IDisposable
{
    private static int made;
    private readonly List<IDisposable> held = [];

    public PageNetwork()
    {
        Name = $"conn-exporter-page-{Environment.ProcessId}-{Interlocked.Increment(ref made)}";
        Run("ip", "netns", "add", Name);
        Run("ip", "-n", Name, "link", "set", "lo", "up");
    }

    public string Name { get; }

    /// <summary>The words that start a program in it.</summary>
    public string[] Enter => ["nsenter", $"--net=/run/netns/{Name}", "--"];

    /// <summary>Sets a sysctl of its own.</summary>
    public void Set(string path, string value) => Run([.. Enter, "/bin/sh", "-c", $"echo '{value}' >/proc/sys/{path}"]);

    /// <summary>A listener that nobody accepts from unless told to.</summary>
    public Socket Listen(int port, int backlog)
    {
        Socket listener = NewSocket();
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, optionValue: true);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(backlog);
        return listener;
    }

    /// <summary>Connects and holds the connection.</summary>
    public Socket Connect(int port)
    {
        Socket client = NewSocket();
        client.Connect(IPAddress.Loopback, port);
        return client;
    }

    /// <summary>Connects, and gives both ends.</summary>
    public (Socket Client, Socket Server) Connect(Socket listener)
    {
        Socket client = Connect(((IPEndPoint)listener.LocalEndPoint!).Port);
        Socket server = listener.Accept();
        held.Add(server);
        return (client, server);
    }

    /// <summary>Begins to connect and does not wait for an answer.</summary>
    public void Knock(int port)
    {
        Socket client = NewSocket();
        client.Blocking = false;
        try
        {
            client.Connect(IPAddress.Loopback, port);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // It goes on by itself.
        }
    }

    /// <summary>A client for what listens in it.</summary>
    public HttpClient NewClient(int port) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancelled) =>
        {
            // Not held: it belongs to the client.
            Socket socket = OpenSocket();
            await socket.ConnectAsync(IPAddress.Loopback, port, cancelled);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };

    public void Dispose()
    {
        held.ForEach(one => one.Dispose());
        Run("ip", "netns", "delete", Name);
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardError = true })!;
        string failure = process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, $"{string.Join(' ', command)}: {failure}");
    }

    private Socket NewSocket()
    {
        Socket socket = OpenSocket();
        held.Add(socket);
        return socket;
    }

    // A socket stays in the namespace it was made in; the thread that made it there is not used for anything else.
    private Socket OpenSocket()
    {
        Socket? socket = null;
        var thread = new Thread(() =>
        {
            using SafeFileHandle file = File.OpenHandle("/run/netns/" + Name);
            LibC.EnterNetwork(file);
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        });
        thread.Start();
        thread.Join();
        return socket!;
    }
}
