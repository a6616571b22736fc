using System.Text;
using System.Text.Json;

namespace ConnExporter.SocketLab;

/// <summary>How many sockets there must be, counted while they were made.</summary>
public sealed class Expectation
{
    private static readonly string[] Names =
        ["", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait", "last_ack", "listen", "closing"];

    private readonly long[] v4 = new long[Names.Length];
    private readonly long[] v6 = new long[Names.Length];

    /// <summary>The states by the names that the metrics have.</summary>
    public static IReadOnlyList<string> StateNames => Names[1..];

    /// <summary>Request sockets among those in SYN_RECV.</summary>
    public long Requests { get; set; }

    /// <summary>Minisockets, in TIME_WAIT or FIN_WAIT2: the <c>tw</c> of sockstat.</summary>
    public long Minisockets { get; set; }

    /// <summary>For how long from the ready line on it holds; minisockets live 60 s.</summary>
    public long ValidMilliseconds { get; set; } = long.MaxValue;

    /// <summary>All sockets.</summary>
    public long Total => v4.Sum() + v6.Sum();

    /// <summary>The name of a state.</summary>
    public static string NameOf(SocketState state) => Names[(int)state];

    /// <summary>Sockets in a state, both tables.</summary>
    public long this[string state] => v4[IndexOf(state)] + v6[IndexOf(state)];

    /// <summary>Sockets in a state in <c>/proc/net/tcp</c>, or in <c>/proc/net/tcp6</c>, where mapped addresses are too.</summary>
    public long InTable(string state, bool table6) => (table6 ? v6 : v4)[IndexOf(state)];

    /// <summary>Counts sockets that were made.</summary>
    public void Add(SocketState state, bool table6, long count = 1) => (table6 ? v6 : v4)[(int)state] += count;

    /// <summary>Adds what another lab has made in the same network namespace.</summary>
    public void Add(Expectation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int state = 0; state < Names.Length; state++)
        {
            v4[state] += other.v4[state];
            v6[state] += other.v6[state];
        }

        Requests += other.Requests;
        Minisockets += other.Minisockets;
        ValidMilliseconds = Math.Min(ValidMilliseconds, other.ValidMilliseconds);
    }

    /// <summary>Writes it as one line of JSON.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("total", Total);
            json.WriteNumber("requests", Requests);
            json.WriteNumber("minisockets", Minisockets);
            if (ValidMilliseconds != long.MaxValue)
            {
                json.WriteNumber("valid_ms", ValidMilliseconds);
            }

            Write(json, "states", state => v4[state] + v6[state]);
            Write(json, "tcp", state => v4[state]);
            Write(json, "tcp6", state => v6[state]);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static Expectation Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        JsonElement root = document.RootElement;
        var expectation = new Expectation
        {
            Requests = root.GetProperty("requests").GetInt64(),
            Minisockets = root.GetProperty("minisockets").GetInt64(),
            ValidMilliseconds = root.TryGetProperty("valid_ms", out JsonElement valid) ? valid.GetInt64() : long.MaxValue,
        };
        for (int state = 1; state < Names.Length; state++)
        {
            expectation.v4[state] = root.GetProperty("tcp").GetProperty(Names[state]).GetInt64();
            expectation.v6[state] = root.GetProperty("tcp6").GetProperty(Names[state]).GetInt64();
        }

        return expectation;
    }

    private static int IndexOf(string state)
    {
        int index = Array.IndexOf(Names, state);
        return index > 0 ? index : throw new ArgumentException($"no such state: {state}", nameof(state));
    }

    private static void Write(Utf8JsonWriter json, string name, Func<int, long> count)
    {
        json.WriteStartObject(name);
        for (int state = 1; state < Names.Length; state++)
        {
            json.WriteNumber(Names[state], count(state));
        }

        json.WriteEndObject();
    }
}
