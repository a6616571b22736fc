using System.Globalization;
using System.Text.RegularExpressions;

namespace ConnExporter.KernelTests.Truth;

/// <summary>What others say of UDP and Unix sockets.</summary>
internal sealed partial class SecondPage
{
    private static readonly (string Column, string Series)[] UdpColumns =
    [
        ("InDatagrams", "conn_udp_datagrams_total{netns=\"self\",family=\"FAMILY\",direction=\"received\"}"),
        ("OutDatagrams", "conn_udp_datagrams_total{netns=\"self\",family=\"FAMILY\",direction=\"sent\"}"),
        ("NoPorts", "conn_udp_errors_total{netns=\"self\",family=\"FAMILY\",reason=\"no_socket\"}"),
        ("RcvbufErrors", "conn_udp_errors_total{netns=\"self\",family=\"FAMILY\",reason=\"receive_buffer\"}"),
        ("SndbufErrors", "conn_udp_errors_total{netns=\"self\",family=\"FAMILY\",reason=\"send_buffer\"}"),
        ("InCsumErrors", "conn_udp_errors_total{netns=\"self\",family=\"FAMILY\",reason=\"checksum\"}"),
        ("MemErrors", "conn_udp_errors_total{netns=\"self\",family=\"FAMILY\",reason=\"memory\"}"),
    ];

    private static void ReadUdpCounters(Dictionary<string, double> counters, Dictionary<string, double> v4)
    {
        var v6 = Net("snmp6").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).ToDictionary(fields => fields[0], fields => double.Parse(fields[1], CultureInfo.InvariantCulture));
        foreach ((string column, string series) in UdpColumns)
        {
            if (v4.TryGetValue(column, out double value))
            {
                counters[series.Replace("FAMILY", "ipv4", StringComparison.Ordinal)] = value;
            }

            if (v6.TryGetValue("Udp6" + column, out value))
            {
                counters[series.Replace("FAMILY", "ipv6", StringComparison.Ordinal)] = value;
            }
        }
    }

    private void ReadUdp(string listing)
    {
        (string, string) netns = ("netns", "self");
        string[] range = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[])['\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
        int first = int.Parse(range[0], CultureInfo.InvariantCulture);
        int last = int.Parse(range[1], CultureInfo.InvariantCulture);
        HashSet<int> reserved = [.. Enumerable.Range(40000, 100), 50000];
        Dictionary<string, HashSet<int>> ports = [];
        foreach (string family in (string[])["ipv4", "ipv6"])
        {
            foreach (string state in (string[])["unconnected", "connected"])
            {
                Add("conn_udp_sockets", 0, netns, ("family", family), ("state", state));
            }
        }

        foreach (string line in listing.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            (string local, int port) = EndOf(fields[3]);
            (string remote, int remotePort) = EndOf(fields[4]);
            bool connected = fields[0] == "ESTAB";

            // "*" is an IPv6 socket that takes IPv4 too.
            string address = local == "*" ? "::" : local;
            bool isV6 = address.Contains(':', StringComparison.Ordinal);
            Add("conn_udp_sockets", 1, netns, ("family", isV6 ? "ipv6" : "ipv4"), ("state", connected ? "connected" : "unconnected"));
            Add("conn_udp_unit_sockets", 1, netns);
            if (connected)
            {
                Add("conn_udp_destination_sockets", 1, netns, ("destination", remote), ("port", $"{remotePort}"));
            }

            if (SocketMemory().Match(line) is { Success: true } memory && double.Parse(memory.Groups["drops"].ValueSpan, CultureInfo.InvariantCulture) is > 0 and var drops)
            {
                (string, string)[] end = [netns, ("address", address), ("port", $"{port}")];
                Add("conn_udp_socket_drops_total", drops, end);
                Add("conn_udp_receive_queue_bytes", double.Parse(fields[1], CultureInfo.InvariantCulture), end);
                Add("conn_udp_receive_queue_limit_bytes", double.Parse(memory.Groups["buffer"].ValueSpan, CultureInfo.InvariantCulture), end);
            }

            if (port < first || port > last || reserved.Contains(port))
            {
                continue;
            }

            if (Holder().Match(line) is { Success: true } process)
            {
                Add("conn_udp_process_port_sockets", 1, ("process", process.Groups["name"].Value));
            }

            foreach (string taken in (string[])[address, "::", isV6 && address != "::" ? address : "0.0.0.0"])
            {
                (ports.TryGetValue(taken, out HashSet<int>? set) ? set : ports[taken] = []).Add(port);
            }
        }

        foreach ((string address, HashSet<int> taken) in ports)
        {
            Add("conn_udp_ports_in_use", taken.Count, netns, ("address", address));
        }

        string[] sockstat = Net("sockstat").Split('\n').First(line => line.StartsWith("UDP:", StringComparison.Ordinal)).Split(' ');
        Add("conn_udp_memory_bytes", double.Parse(sockstat[Array.IndexOf(sockstat, "mem") + 1], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
    }

    private void ReadUnix(string listing)
    {
        (string, string) netns = ("netns", "self");
        Add("conn_unix_datagram_queue_limit", double.Parse(File.ReadAllText("/proc/sys/net/unix/max_dgram_qlen"), CultureInfo.InvariantCulture), netns);
        Add("conn_unix_listeners", 0, netns);
        foreach (string line in listing.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[1] != "LISTEN")
            {
                continue;
            }

            Add("conn_unix_listeners", 1, netns);
            if (fields[2] != "0")
            {
                Add("conn_unix_listener_queue", double.Parse(fields[2], CultureInfo.InvariantCulture), netns, ("name", fields[4]));
                Add("conn_unix_listener_queue_limit", double.Parse(fields[3], CultureInfo.InvariantCulture), netns, ("name", fields[4]));
            }
        }
    }

    private static (string Address, int Port) EndOf(string text)
    {
        int colon = text.LastIndexOf(':');
        string address = text[..colon].Trim('[', ']');
        address = address.StartsWith("::ffff:", StringComparison.Ordinal) ? address["::ffff:".Length..] : address;
        return (address, int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) ? port : 0);
    }

    [GeneratedRegex(@"skmem:\(r\d+,rb(?<buffer>\d+),.*,d(?<drops>\d+)\)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SocketMemory();

    [GeneratedRegex("users:\\(\\(\"(?<name>[^\"]*)\"", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Holder();
}
