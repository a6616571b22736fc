using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>One alert of a notification.</summary>
/// <param name="Receiver">The path that it was sent to.</param>
/// <param name="Status">firing or resolved.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="Annotations">Its annotations, as the rule's templates made them.</param>
/// <param name="StartsAt">When it began to fire.</param>
internal sealed record Notified(string Receiver, string Status, IReadOnlyDictionary<string, string> Labels, IReadOnlyDictionary<string, string> Annotations, DateTimeOffset StartsAt)
{
    public bool Is(string alert, string finding = "") => Labels["alertname"] == alert && Labels.GetValueOrDefault("finding", "") == finding;
}

/// <summary>Who is told: receives the notifications of an Alertmanager, in its network.</summary>
internal sealed partial class Webhook : IAsyncDisposable
{
    private readonly Socket listener;
    private readonly CancellationTokenSource stop = new();
    private readonly List<Notified> received = [];
    private readonly Task accepting;

    /// <summary>Listens where the shipped configuration sends to.</summary>
    public Webhook(TestNetwork network, int port)
    {
        listener = network.Listen(port, 64);
        accepting = AcceptAsync();
    }

    /// <summary>What came so far, the oldest first.</summary>
    public Notified[] Received
    {
        get
        {
            lock (received)
            {
                return [.. received];
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(AnswerAsync(await listener.AcceptAsync(stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // The test has ended.
        }

        await Task.WhenAll(connections);
    }

    private async Task AnswerAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            while (await ReadAsync(stream) is { } request)
            {
                string path = request.Split(' ', 3)[1];
                Note(path.TrimStart('/'), request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The test has ended, or the Alertmanager has.
        }
    }

    private void Note(string receiver, string body)
    {
        using var notification = JsonDocument.Parse(body);
        foreach (JsonElement alert in notification.RootElement.GetProperty("alerts").EnumerateArray())
        {
            lock (received)
            {
                received.Add(new Notified(receiver, alert.GetProperty("status").GetString()!, Map(alert.GetProperty("labels")), Map(alert.GetProperty("annotations")), alert.GetProperty("startsAt").GetDateTimeOffset()));
            }
        }
    }

    private static Dictionary<string, string> Map(JsonElement labels) => labels.EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString()!);

    // One request with its content; null when the other side has no more.
    private async Task<string?> ReadAsync(NetworkStream stream)
    {
        using var request = new MemoryStream();
        byte[] buffer = new byte[16384];
        while (true)
        {
            string text = Encoding.UTF8.GetString(request.GetBuffer(), 0, (int)request.Length);
            int head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (head >= 0 && request.Length >= Encoding.UTF8.GetByteCount(text[..head]) + 4 + int.Parse(ContentLength().Match(text).Groups["length"].ValueSpan, CultureInfo.InvariantCulture))
            {
                return text;
            }

            int length = await stream.ReadAsync(buffer, stop.Token);
            if (length == 0)
            {
                return null;
            }

            request.Write(buffer, 0, length);
        }
    }

    [GeneratedRegex(@"\r\ncontent-length: (?<length>\d+)\r\n", RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ContentLength();
}
