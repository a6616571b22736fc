using System.Diagnostics;
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
    private const int OfOneProcess = 10_000;
    private const double MostOfSsUdp = 0.60;
    private const double MostOfSsUnix = 0.9;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>The argument by which the program holds sockets for itself.</summary>
    public const string HoldVerb = "--hold";

    public static Part Udp { get; } = new("udp", "UDP sockets", $"a sample of {Datagrams:N0} UDP sockets with drops, beside ss -uan", settings => TimeSpan.FromSeconds(20 + (settings.Rounds * 16)), RunUdp);

    public static Part UnixSockets { get; } = new("unix", "Unix sockets", $"a sample of {Unix:N0} Unix sockets of which {UnixListeners:N0} listen, beside ss -xl", settings => TimeSpan.FromSeconds(20 + (settings.Rounds * 16)), RunUnix);

    /// <summary>Makes sockets and holds them until the standard input ends: what a process of its own does for a part, as none may have that many descriptors.</summary>
    /// <param name="what"><c>udp</c> or <c>unix</c>.</param>
    /// <param name="first">The number of the first.</param>
    /// <param name="count">How many.</param>
    public static void Hold(string what, int first, int count)
    {
        List<Socket> sockets = what == "udp" ? MakeUdp(first, count) : MakeUnix(first, count);
        Console.WriteLine("ready");
        Console.In.ReadToEnd();
        sockets.ForEach(socket => socket.Dispose());
    }

    private static void RunUdp(Bench bench, Section section)
    {
        section.Say($"{Datagrams:N0} UDP sockets on two addresses, every other one connected: ports by address, destinations, units, holders, buffers and drops of each.");
        Measure(bench, section, "udp", Datagrams, "ss -uan", MostOfSsUdp);
    }

    private static void RunUnix(Bench bench, Section section)
    {
        section.Say($"{Unix:N0} Unix sockets of which {UnixListeners:N0} listen, the others connected: queue and limit of each listener.");
        Measure(bench, section, "unix", Unix, "ss -xl", MostOfSsUnix);
    }

    private static void Measure(Bench bench, Section section, string collector, int count, string rival, double most)
    {
        var holders = new List<Process>();
        try
        {
            for (int first = 0; first < count; first += OfOneProcess)
            {
                Process holder = bench.Place.Start(Environment.ProcessPath!, [HoldVerb, collector, $"{first}", $"{Math.Min(OfOneProcess, count - first)}"], keepOutput: true);
                holders.Add(holder);
                if (holder.StandardOutput.ReadLine() != "ready")
                {
                    throw new BenchmarkException($"{collector}: the sockets could not be made");
                }
            }

            Measure(bench, section, collector, rival, most);
        }
        finally
        {
            foreach (Process holder in holders)
            {
                holder.StandardInput.Close();
                holder.WaitForExit();
                holder.Dispose();
            }
        }
    }

    private static void Measure(Bench bench, Section section, string collector, string rival, double most)
    {
        List<(double Ours, double Ss)> costs = bench.Rounds(collector, () => (bench.Daemon.Sample(bench.Place, collector, Interval, 20).Cpu, Command.Measure(bench.Place, rival, 10).Cpu));
        section.Figure("conn-exporter, a sample", costs.Select(cost => cost.Ours), "ms");
        section.Figure($"`{rival}`, a run", costs.Select(cost => cost.Ss), "ms");
        section.Target("ratio", costs.Select(cost => cost.Ours / cost.Ss), most, "×");
    }

    private static List<Socket> MakeUdp(int first, int count)
    {
        var sockets = new List<Socket>(count);
        for (int i = first; i < first + count; i++)
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

    private static List<Socket> MakeUnix(int first, int count)
    {
        var sockets = new List<Socket>(count);
        for (int i = 0; i < UnixListeners * (long)count / Unix; i++)
        {
            var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            sockets.Add(listener);
            listener.Bind(new UnixDomainSocketEndPoint($"\0conn-bench-{Environment.ProcessId}-{first + i}"));
            listener.Listen(128);
        }

        while (sockets.Count < count)
        {
            var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(sockets[0].LocalEndPoint!);
            sockets.Add(client);
            sockets.Add(sockets[0].Accept());
        }

        return sockets;
    }
}
