using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ConnExporter.Commands;

/// <summary>One GET to a server on this host.</summary>
/// <remarks>Not by HttpClient: that is a megabyte in a file that lies on every host, for one request whose server we write ourselves.</remarks>
internal static class LocalRequest
{
    private const string EndOfHead = "\r\n\r\n";
    private const int LargestHead = 16 << 10;

    /// <summary>Asks, and takes the whole answer.</summary>
    /// <param name="server">Where the server listens.</param>
    /// <param name="target">Path and query.</param>
    /// <param name="largest">Bytes of content that are taken.</param>
    /// <param name="patience">Time for all of it.</param>
    /// <param name="meet">Looks at the server before it is asked anything; may refuse it by an <see cref="IOException"/>.</param>
    /// <returns>The content of an answer with the status 200.</returns>
    /// <exception cref="SocketException">Nobody listens there, or the connection broke.</exception>
    /// <exception cref="IOException">
    /// The answer has another status, is no HTTP, too large, not whole, or not there in time; the message says which, in words and numbers of our own:
    /// no text of the answer is in it.
    /// </exception>
    public static ReadOnlyMemory<byte> Get(EndPoint server, string target, int largest, TimeSpan patience, Action<Socket>? meet = null)
    {
        using var late = new CancellationTokenSource(patience);
        try
        {
            return GetAsync(server, target, largest, meet, late.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"no whole answer within {patience.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s", e);
        }
    }

    /// <summary>The content of an answer.</summary>
    /// <param name="answer">All bytes that came before the server closed the connection.</param>
    /// <exception cref="IOException">See <see cref="Get"/>.</exception>
    public static ReadOnlyMemory<byte> Content(ReadOnlyMemory<byte> answer)
    {
        int end = answer.Span.IndexOf(Encoding.ASCII.GetBytes(EndOfHead));
        string[] head = end is < 0 or > LargestHead ? [] : Encoding.ASCII.GetString(answer.Span[..end]).Split("\r\n");
        if (head.Length == 0 || head[0].Split(' ') is not [var version, { Length: 3 } code, ..] || !version.StartsWith("HTTP/1.", StringComparison.Ordinal)
            || !int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out int status))
        {
            throw new IOException("what answers there does not speak HTTP");
        }

        if (status != 200)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"HTTP {status:D3}"));
        }

        ReadOnlyMemory<byte> content = answer[(end + EndOfHead.Length)..];
        const string Length = "Content-Length:";
        string? length = Array.Find(head, line => line.StartsWith(Length, StringComparison.OrdinalIgnoreCase));
        bool isWhole = length is null
            || (int.TryParse(length.AsSpan(Length.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int announced) && announced == content.Length);
        return isWhole ? content : throw new IOException("more or less content than the head announces");
    }

    private static async Task<ReadOnlyMemory<byte>> GetAsync(EndPoint server, string target, int largest, Action<Socket>? meet, CancellationToken late)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(server, late);
        meet?.Invoke(socket);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), late);
        var answer = new ArrayBufferWriter<byte>();
        while (await socket.ReceiveAsync(answer.GetMemory(), late) is > 0 and var received)
        {
            answer.Advance(received);
            if (answer.WrittenCount > largest + LargestHead)
            {
                throw new IOException($"an answer of more than {largest} bytes");
            }
        }

        return Content(answer.WrittenMemory);
    }
}
