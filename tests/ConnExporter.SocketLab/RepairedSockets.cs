using System.Diagnostics;

namespace ConnExporter.SocketLab;

/// <summary>Very many ESTABLISHED sockets without peers, by TCP_REPAIR (needs CAP_NET_ADMIN). About 3.5 kB of kernel memory each.</summary>
/// <remarks>Where RLIMIT_NOFILE and fs.nr_open do not permit them in one process, further processes of the same program hold the rest.</remarks>
public sealed class RepairedSockets : IDisposable
{
    private const int PortsPerAddress = 60_000;
    private const ushort FirstPort = 2_000;
    private const int ProgressEvery = 50_000;
    private readonly List<int> sockets = [];
    private readonly List<Process> holders = [];

    /// <summary>Makes sockets <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> - 1.</summary>
    /// <param name="first">Where to start; holders start where others end.</param>
    /// <param name="count">How many.</param>
    /// <param name="peers">How many addresses they go to, in turn.</param>
    /// <param name="peerBase">The first of those addresses; it needs a route.</param>
    /// <param name="peerPort">The port they go to.</param>
    public void Make(int first, int count, int peers, string peerBase, int peerPort)
    {
        int here = Resources.AllowSockets(count);
        if (here < count)
        {
            Delegate(first + here, count - here, peers, peerBase, peerPort);
        }

        var remote = Endpoint.Parse(peerBase);
        var local = new Endpoint(false, 0x7f01_0001, 0);
        if (remote.IsV6)
        {
            local = Endpoint.LoopbackV6;
        }

        long start = Stopwatch.GetTimestamp();
        for (int i = first; i < first + here; i++)
        {
            // A number to each peer; 60,000 ports make a local address full.
            int turn = i / peers;
            Endpoint from = new(local.IsV6, local.Address + (UInt128)(turn / PortsPerAddress), (ushort)(FirstPort + (turn % PortsPerAddress)));
            Endpoint to = new(remote.IsV6, remote.Address + (UInt128)(i % peers), (ushort)peerPort);
            sockets.Add(Tcp.Repair(from, to, 1));
            if (sockets.Count % ProgressEvery == 0)
            {
                Console.Error.WriteLine($"socket-lab: {sockets.Count} of {here} sockets after {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
            }
        }
    }

    /// <summary>Closes them, those of the holders too.</summary>
    public void Dispose()
    {
        foreach (Process holder in holders)
        {
            holder.StandardInput.Close();
        }

        foreach (int socket in sockets)
        {
            Tcp.Close(socket);
        }

        sockets.Clear();
        foreach (Process holder in holders)
        {
            holder.WaitForExit();
            holder.Dispose();
        }

        holders.Clear();
    }

    private void Delegate(int first, int count, int peers, string peerBase, int peerPort)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("the path of this program is unknown");
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "socket-lab.dll"));
        }

        foreach (string word in (ReadOnlySpan<string>)["repair", "--first", $"{first}", "--count", $"{count}", "--peers", $"{peers}", "--peer-base", peerBase, "--peer-port", $"{peerPort}"])
        {
            start.ArgumentList.Add(word);
        }

        Process holder = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started");
        holders.Add(holder);
        string? line = holder.StandardOutput.ReadLine();
        if (line?.StartsWith("ready ", StringComparison.Ordinal) != true)
        {
            throw new InvalidOperationException($"a holder of {count} sockets said: {line ?? "nothing"}");
        }
    }
}
