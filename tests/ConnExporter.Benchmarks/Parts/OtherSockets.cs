using System.Net;
using System.Net.Sockets;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs to look at many UDP and Unix sockets, beside the same look by ss.</summary>
internal static class OtherSockets
{
    private const int Datagrams = 50_000;
    private const int PortsOfAddress = 25_000;
    private const int FirstPort = 10_000;
    private const int Unix = 20_000;
    private const int UnixListeners = 1_000;
    private const double MostOfSsUdp = 0.60;
    private const double MostOfSsUnix = 0.9;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static Part Udp { get; } = new("udp", "UDP sockets", $"a sample of {Datagrams:N0} UDP sockets with drops, beside ss -uan", settings => TimeSpan.FromSeconds(20 + (settings.Rounds * 16)), RunUdp);

    public static Part UnixSockets { get; } = new("unix", "Unix sockets", $"a sample of {Unix:N0} Unix sockets of which {UnixListeners:N0} listen, beside ss -xl", settings => TimeSpan.FromSeconds(20 + (settings.Rounds * 16)), RunUnix);

    private static void RunUdp(Bench bench, Section section)
    {
        section.Say($"{Datagrams:N0} UDP sockets on two addresses, every other one connected: ports by address, destinations, units, holders, buffers and drops of each.");
        List<Socket> sockets = bench.Place.Inside(MakeUdp);
        Measure(bench, section, "udp", "ss -uan", MostOfSsUdp);
        sockets.ForEach(socket => socket.Dispose());
    }

    private static void RunUnix(Bench bench, Section section)
    {
        section.Say($"{Unix:N0} Unix sockets of which {UnixListeners:N0} listen, the others connected: queue and limit of each listener.");
        List<Socket> sockets = bench.Place.Inside(MakeUnix);
        Measure(bench, section, "unix", "ss -xl", MostOfSsUnix);
        sockets.ForEach(socket => socket.Dispose());
    }

    private static void Measure(Bench bench, Section section, string collector, string rival, double most)
    {
        List<(double Ours, double Ss)> costs = bench.Rounds(collector, () => (bench.Daemon.Sample(bench.Place, collector, Interval, 20, "--sampling.cpu-budget=1").Cpu, Command.Measure(bench.Place, rival, 10).Cpu));
        section.Figure("conn-exporter, a sample", costs.Select(cost => cost.Ours), "ms");
        section.Figure($"`{rival}`, a run", costs.Select(cost => cost.Ss), "ms");
        section.Target("ratio", costs.Select(cost => cost.Ours / cost.Ss), most, "×");
    }

    private static List<Socket> MakeUdp()
    {
        var sockets = new List<Socket>(Datagrams);
        for (int i = 0; i < Datagrams; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Parse($"127.0.0.{1 + (i / PortsOfAddress)}"), FirstPort + (i % PortsOfAddress)));
            if (i % 2 == 0)
            {
                socket.Connect(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 53));
            }

            sockets.Add(socket);
        }

        return sockets;
    }

    private static List<Socket> MakeUnix()
    {
        var sockets = new List<Socket>(Unix);
        for (int i = 0; i < UnixListeners; i++)
        {
            var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            sockets.Add(listener);
            listener.Bind(new UnixDomainSocketEndPoint($"\0conn-bench-{Environment.ProcessId}-{i}"));
            listener.Listen(128);
        }

        while (sockets.Count < Unix)
        {
            var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(sockets[0].LocalEndPoint!);
            sockets.Add(client);
            sockets.Add(sockets[0].Accept());
        }

        return sockets;
    }
}
