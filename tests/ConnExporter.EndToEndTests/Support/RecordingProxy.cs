using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>
/// Stands between a Prometheus and the daemon: puts another Accept header in where told to, keeps the newest answer, and can go on giving
/// that one, so that what Prometheus stores can be compared with a page that is known.
/// </summary>
internal sealed partial class RecordingProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly int daemonPort;
    private readonly string? accept;
    private readonly Task accepting;
    private byte[] newest = [];
    private volatile bool frozen;
    private int frozenAnswers;

    /// <summary>Starts to listen.</summary>
    /// <param name="daemon">Where requests go.</param>
    /// <param name="accept">The Accept header the daemon sees; null leaves the client's.</param>
    public RecordingProxy(Daemon daemon, string? accept = null)
    {
        daemonPort = daemon.Addresses[0].Port;
        this.accept = accept;
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Where it listens, as host:port.</summary>
    public string Target => listener.LocalEndpoint.ToString()!;

    /// <summary>Answers given since <see cref="Freeze"/>.</summary>
    public int FrozenAnswers => Volatile.Read(ref frozenAnswers);

    /// <summary>The head of the newest answer.</summary>
    public string Head => Encoding.UTF8.GetString(newest).Split("\r\n\r\n", 2)[0];

    /// <summary>From now on every request gets the newest answer again.</summary>
    public void Freeze()
    {
        newest.ShouldNotBeEmpty();
        frozen = true;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(stop.Token);
                await AnswerAsync(client.GetStream());
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or IOException)
            {
                // The test has ended, or the client has gone.
            }
        }
    }

    private async Task AnswerAsync(NetworkStream client)
    {
        string request = await ReadHeadAsync(client);
        if (!frozen)
        {
            newest = await FetchAsync(request);
        }
        else
        {
            Interlocked.Increment(ref frozenAnswers);
        }

        await client.WriteAsync(newest, stop.Token);
    }

    private async Task<byte[]> FetchAsync(string request)
    {
        string rewritten = request.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal);
        rewritten = accept is null ? rewritten : AcceptHeader().Replace(rewritten, $"Accept: {accept}");

        // Plain, so that the test can read along.
        rewritten = AcceptEncodingHeader().Replace(rewritten, "Accept-Encoding: identity");
        using var daemon = new TcpClient();
        await daemon.ConnectAsync(IPAddress.Loopback, daemonPort, stop.Token);
        await daemon.GetStream().WriteAsync(Encoding.ASCII.GetBytes(rewritten), stop.Token);
        using var answer = new MemoryStream();
        await daemon.GetStream().CopyToAsync(answer, stop.Token);
        return answer.ToArray();
    }

    private async Task<string> ReadHeadAsync(NetworkStream client)
    {
        var head = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            int length = await client.ReadAsync(buffer, stop.Token);
            head.Append(length > 0 ? Encoding.ASCII.GetString(buffer, 0, length) : throw new IOException("it went away"));
        }

        return head.ToString();
    }

    [GeneratedRegex("^Accept: [^\r]*", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AcceptHeader();

    [GeneratedRegex("^Accept-Encoding: [^\r]*", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AcceptEncodingHeader();

    /// <summary>The page of the newest answer.</summary>
    public Page ReadPage() => Page.Parse(Encoding.UTF8.GetString(newest).Split("\r\n\r\n", 2)[1]);
}
