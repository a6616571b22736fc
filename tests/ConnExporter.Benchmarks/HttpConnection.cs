using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace ConnExporter.Benchmarks;

/// <summary>One keep-alive connection to an exporter: as little as it takes, so that what is measured is the other side.</summary>
internal sealed class HttpConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Stream stream;
    private byte[] answer = new byte[256 * 1024];

    private HttpConnection(Stream stream) => this.stream = stream;

    /// <summary>Connects.</summary>
    /// <param name="place">The namespace of the exporter.</param>
    /// <param name="port">Its port on loopback.</param>
    /// <param name="client">The last byte of the address that the connection comes from, 127.0.0.x.</param>
    /// <param name="tls">The exporter's web configuration where it speaks TLS.</param>
    public static HttpConnection Open(TestNamespace place, int port, byte client = 1, WebConfig? tls = null)
    {
        Socket socket = place.Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        try
        {
            socket.ReceiveTimeout = (int)Patience.TotalMilliseconds;
            socket.Bind(new IPEndPoint(new IPAddress([127, 0, 0, client]), 0));
            socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
            var plain = new NetworkStream(socket, ownsSocket: true);
            if (tls is null)
            {
                return new HttpConnection(plain);
            }

            var secure = new SslStream(plain, leaveInnerStreamOpen: false, (_, certificate, _, _) => tls.IsOwn(certificate));
            secure.AuthenticateAsClient("localhost");
            return new HttpConnection(secure);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Whether somebody listens.</summary>
    public static bool TryOpen(TestNamespace place, int port)
    {
        try
        {
            Open(place, port).Dispose();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Whether the page is there; false also where nobody listens.</summary>
    public static bool TryGet(TestNamespace place, int port, string path)
    {
        try
        {
            using HttpConnection connection = Open(place, port);
            return connection.Ask(path).Status == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    /// <summary>Asks for a page, reads it to its end and gives its text.</summary>
    public string Get(string path)
    {
        (HttpStatusCode status, Range body) = Ask(path);
        return status == HttpStatusCode.OK ? Encoding.UTF8.GetString(answer[body]) : throw new BenchmarkException($"{path}: answered with {(int)status}");
    }

    /// <summary>Asks for a page and reads it to its end.</summary>
    /// <returns>The status; the body, chunk sizes included where the server sends chunks.</returns>
    public (HttpStatusCode Status, Range Body) Ask(string path)
    {
        stream.Write(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        int length = 0;
        int body = -1;
        int end = int.MaxValue;
        while (length < end)
        {
            if (length == answer.Length)
            {
                Array.Resize(ref answer, 2 * answer.Length);
            }

            int got = stream.Read(answer, length, answer.Length - length);
            length += got > 0 ? got : throw new IOException($"{path}: the connection was closed in the middle");
            if (body < 0 && answer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is var head and > 0)
            {
                body = head + 4;
                string headers = Encoding.ASCII.GetString(answer, 0, head);
                const string ContentLength = "\r\nContent-Length: ";
                int at = headers.IndexOf(ContentLength, StringComparison.OrdinalIgnoreCase);
                end = at < 0 ? int.MaxValue : body + int.Parse(headers[(at + ContentLength.Length)..].Split('\r')[0], CultureInfo.InvariantCulture);
            }

            if (body > 0 && end == int.MaxValue && answer.AsSpan(body, length - body).EndsWith("0\r\n\r\n"u8))
            {
                end = length;
            }
        }

        return ((HttpStatusCode)int.Parse(Encoding.ASCII.GetString(answer, 9, 3), CultureInfo.InvariantCulture), body..length);
    }

    public void Dispose() => stream.Dispose();
}
