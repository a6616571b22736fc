using System.Globalization;
using ConnExporter.Kernel.Netlink;
using ConnExporter.SocketLab;

namespace ConnExporter.KernelTests;

/// <summary>Sockets by state, one line a state, from each of those who count them.</summary>
internal static class Tally
{
    /// <summary>The states by the names that ss has for them.</summary>
    public static readonly Dictionary<string, string> NamesOfSs = new(StringComparer.Ordinal)
    {
        ["ESTAB"] = "established",
        ["SYN-SENT"] = "syn_sent",
        ["SYN-RECV"] = "syn_recv",
        ["FIN-WAIT-1"] = "fin_wait1",
        ["FIN-WAIT-2"] = "fin_wait2",
        ["TIME-WAIT"] = "time_wait",
        ["UNCONN"] = "close",
        ["CLOSE-WAIT"] = "close_wait",
        ["LAST-ACK"] = "last_ack",
        ["LISTEN"] = "listen",
        ["CLOSING"] = "closing",
    };

    /// <summary>What the lab has made.</summary>
    public static string Of(Expectation expected) => Show(state => expected[state]);

    /// <summary>What the lab has made in one of the two tables.</summary>
    public static string Of(Expectation expected, bool table6) => Show(state => expected.InTable(state, table6));

    /// <summary>What a page says of a namespace, the daemon's own unless told otherwise.</summary>
    public static string Of(MetricsText page, string netns = "self") => Show(state => (long)page.Value("conn_tcp_sockets", $"netns=\"{netns}\"", $"state=\"{state}\""));

    /// <summary>What <c>ss -tanH</c> lists.</summary>
    public static string OfSs(string listing) =>
        Count(Lines(listing).Select(line => line.Split(' ', 2)[0]).Select(name => NamesOfSs.GetValueOrDefault(name, name)));

    /// <summary>What <c>/proc/net/tcp</c> or <c>tcp6</c> lists.</summary>
    public static string OfTable(params string[] tables) => Count(
        tables.SelectMany(table => Lines(table).Skip(1)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3])
            .Select(state => Expectation.NameOf((SocketState)int.Parse(state, NumberStyles.HexNumber))));

    /// <summary>What the library's own dump gives, on the calling thread's namespace.</summary>
    public static string OfSockDiag()
    {
        long[] counts = new long[16];
        using var socket = NetlinkSocket.OpenSockDiag();
        var dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.AllStates));
        while (dump.TryRead(out SocketRecord record))
        {
            counts[(int)record.State]++;
        }

        return Show(state => counts[Expectation.StateNames.ToList().IndexOf(state) + 1]);
    }

    private static string Count(IEnumerable<string> states)
    {
        var counts = states.CountBy(state => state).ToDictionary(pair => pair.Key, pair => (long)pair.Value, StringComparer.Ordinal);
        counts.Keys.Except(Expectation.StateNames, StringComparer.Ordinal).ShouldBeEmpty("states that have no name here");
        return Show(state => counts.GetValueOrDefault(state));
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string Show(Func<string, long> count) => string.Join('\n', Expectation.StateNames.Select(state => $"{state} {count(state)}"));
}
