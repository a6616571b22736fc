using System.Runtime.InteropServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What the programs in the kernel cost those who connect and are connected to, and what reading their counts costs the daemon.</summary>
internal static unsafe partial class Symptoms
{
    private const int Connections = 20_000;
    private const int Pairs = 5;
    private const int Reads = 200;
    private const double MostMicroseconds = 1.0;
    private const double MostPercent = 0.1;
    private const int CloseOnExec = 0x80000;
    private const int AddressLength = 16;

    public static Part Part { get; } = new("symptoms", "Programs in the kernel", "what counting symptoms costs each connection", settings => TimeSpan.FromSeconds(10 * settings.Rounds), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"One thread connects, accepts, closes and closes over loopback, {Connections:N0} times, with the programs loaded and without, {Pairs} times in turn in each round; its CPU time. TIME_WAIT is off in that namespace.");
        List<(double With, double Without, double Read)> costs = bench.Rounds("connect, accept, close, close", () => bench.Place.Inside(Measure));
        section.Figure("without, a connection", costs.Select(cost => cost.Without), "µs");
        section.Figure("with, a connection", costs.Select(cost => cost.With), "µs");
        section.Target("more, a connection", costs.Select(cost => cost.With - cost.Without), MostMicroseconds, "µs");
        section.Target("of a core at 1,000 connections a second", costs.Select(cost => (cost.With - cost.Without) / 10), MostPercent, "%");
        section.Figure("reading the counts, each fifth second", costs.Select(cost => cost.Read), "µs");
    }

    private static (double With, double Without, double Read) Measure()
    {
        File.WriteAllText("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
        int listener = Check(NewSocket(2, 1 | CloseOnExec, 0));
        byte* address = stackalloc byte[AddressLength];
        new Span<byte>(address, AddressLength).Clear();
        (address[0], address[4], address[7]) = (2, 127, 1);
        Check(Bind(listener, address, AddressLength));
        Check(Listen(listener, 16));
        uint length = AddressLength;
        Check(Name(listener, address, &length));
        double with = 0;
        double without = 0;
        double read = 0;
        for (int i = 0; i < Pairs; i++)
        {
            without += Connect(listener, address);
            using var counters = SymptomCounters.Open(new ProcFs("/proc"), "/sys", SymptomBounds.Default);
            with += Connect(listener, address);
            TimeSpan before = ThreadClock.CpuTime();
            for (int j = 0; j < Reads; j++)
            {
                counters.Read();
            }

            read += (ThreadClock.CpuTime() - before).TotalMicroseconds / Reads;
        }

        Close(listener);
        return (with / Pairs, without / Pairs, read / Pairs);
    }

    private static double Connect(int listener, byte* address)
    {
        TimeSpan before = ThreadClock.CpuTime();
        for (int i = 0; i < Connections; i++)
        {
            int client = Check(NewSocket(2, 1 | CloseOnExec, 0));
            Check(Connect(client, address, AddressLength));
            int server = Check(Accept(listener, null, null, CloseOnExec));
            Close(client);
            Close(server);
        }

        return (ThreadClock.CpuTime() - before).TotalMicroseconds / Connections;
    }

    private static int Check(int result) => result >= 0 ? result : throw new BenchmarkException($"a socket call failed: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int NewSocket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int descriptor, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(int descriptor, int backlog);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    private static partial int Name(int descriptor, byte* address, uint* length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(int descriptor, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept(int descriptor, byte* address, uint* length, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
