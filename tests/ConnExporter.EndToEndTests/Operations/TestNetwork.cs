using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>A network namespace of the test's own, with loopback only: what runs out in it runs out nowhere else.</summary>
internal sealed class TestNetwork : IAsyncDisposable
{
    private const string Prefix = "conn-exporter-operations-";
    private readonly string name = $"{Prefix}{Environment.ProcessId}";

    private TestNetwork()
    {
    }

    private string File => $"/run/netns/{name}";

    public static async Task<TestNetwork> MakeAsync()
    {
        await DeleteLeftoversAsync();
        var network = new TestNetwork();
        await Tool.RunAsync("ip", "netns", "add", network.name);
        await Tool.RunAsync("ip", "-n", network.name, "link", "set", "lo", "up");
        return network;
    }

    /// <summary>The command that runs another one in it, and becomes it.</summary>
    public string[] Inside(params string[] command) => ["nsenter", $"--net={File}", "--", .. command];

    /// <summary>Sets a sysctl of its own.</summary>
    public async Task SetAsync(string key, string value)
    {
        string[] command = Inside("/bin/sh", "-c", $"echo '{value}' >/proc/sys/{key.Replace('.', '/')}");
        await Tool.RunAsync(command);
    }

    /// <summary>Makes a socket in it. It stays there, whoever uses it.</summary>
    public Socket NewSocket()
    {
        Socket? socket = null;
        Exception? failure = null;

        // A thread that has changed its network is not used for anything else.
        var thread = new Thread(() =>
        {
            try
            {
                using SafeFileHandle network = System.IO.File.OpenHandle(File);
                LibC.EnterNetwork(network);
                socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            }
            catch (Exception e) when (e is Win32Exception or IOException or SocketException)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return socket ?? throw new InvalidOperationException($"no socket in {name}", failure);
    }

    /// <summary>Listens in it on loopback.</summary>
    public Socket Listen(int port, int backlog)
    {
        Socket listener = NewSocket();
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(backlog);
        return listener;
    }

    /// <summary>A client of what listens in it.</summary>
    public HttpClient NewClient(Uri address) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = async (context, cancellation) =>
        {
            Socket socket = NewSocket();
            try
            {
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = address,
        Timeout = TimeSpan.FromSeconds(10),
    };

    public async ValueTask DisposeAsync() => await Tool.RunAsync("ip", "netns", "delete", name);

    // Of runs that were killed: their names end in the id of a process that is no more.
    private static async Task DeleteLeftoversAsync()
    {
        foreach (string line in (await Tool.RunAsync("ip", "netns", "list")).Split('\n'))
        {
            string left = line.Split(' ')[0];
            if (left.StartsWith(Prefix, StringComparison.Ordinal) && !Directory.Exists($"/proc/{left[Prefix.Length..]}"))
            {
                await Tool.RunAsync("ip", "netns", "delete", left);
            }
        }
    }
}
