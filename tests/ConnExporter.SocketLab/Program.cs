using System.ComponentModel;
using ConnExporter.SocketLab;

const string Usage = """
    socket-lab mix --established N --established6 N --established-mapped N (pairs) --close-wait N --fin-wait2 N --orphans N --time-wait N
                   --syn-sent N --syn-recv N --fin-wait1 N --last-ack N --closing N --listen N
                   [--families v4,v6,mapped] [--device 10.99.0.1] [--device6 fd99::1]
    socket-lab repair --count N [--peers D] [--peer-base 127.2.0.1] [--peer-port 443] [--program /bin/cat]
    socket-lab backlog --limit B --clients C [--reuseport] [--address 127.0.0.1] [--port P]     stdin: close MEMBER | knock CLIENTS | quiet | accept
    socket-lab descriptors --processes P --each F [--nofile LIMIT] [--program /bin/cat]
    socket-lab dial --to 10.99.0.9 --port P --count N [--destinations D] [--processes N] [--program /bin/cat]
    socket-lab flood --limit B --count N [--listen 10.99.0.1]     stdin: again
    socket-lab churn --rate N [--milliseconds 1]     stdin: count
    socket-lab grow [--rate N] [--device 10.99.0.1]     stdin: count
    socket-lab failures --count N [--families v4,v6,mapped] [--unreachable-port P]     changes the range of ephemeral ports
    socket-lab crowd [--program /bin/cat]     stdin: make NAMESPACES BUSY PEERS LISTENERS | replace NAMESPACES
    Prints "ready {...}" when all is in place, in the network namespace it was started in, and holds it until stdin closes or SIGTERM.
    """;

try
{
    var arguments = new Arguments(args.AsSpan(Math.Min(1, args.Length)));
    switch (args.FirstOrDefault())
    {
        case "mix":
            RunMix(arguments);
            return 0;
        case "repair":
            RunRepair(arguments);
            return 0;
        case "backlog":
            RunBacklog(arguments);
            return 0;
        case "descriptors":
            RunDescriptors(arguments);
            return 0;
        case "dial":
            RunDial(arguments);
            return 0;
        case "flood":
            RunFlood(arguments);
            return 0;
        case "churn":
            RunChurn(arguments);
            return 0;
        case "grow":
            RunGrowth(arguments);
            return 0;
        case "failures":
            RunFailures(arguments);
            return 0;
        case "crowd":
            RunCrowd(arguments);
            return 0;
        default:
            throw new UsageException("mix, repair, backlog, descriptors, dial, flood, churn, grow, failures or crowd?");
    }
}
catch (UsageException e)
{
    Console.Error.WriteLine($"socket-lab: {e.Message}\n{Usage}");
    return 2;
}
catch (Exception e) when (e is Win32Exception or InvalidOperationException or TimeoutException or IOException)
{
    Console.Error.WriteLine($"socket-lab: {e.Message}");
    return 1;
}

static void RunMix(Arguments arguments)
{
    var plan = new MixPlan
    {
        EstablishedV4 = arguments.Number("established"),
        EstablishedV6 = arguments.Number("established6"),
        EstablishedMapped = arguments.Number("established-mapped"),
        CloseWait = arguments.Number("close-wait"),
        FinWait2 = arguments.Number("fin-wait2"),
        Orphans = arguments.Number("orphans"),
        TimeWait = arguments.Number("time-wait"),
        SynSent = arguments.Number("syn-sent"),
        SynRecv = arguments.Number("syn-recv"),
        FinWait1 = arguments.Number("fin-wait1"),
        LastAck = arguments.Number("last-ack"),
        Closing = arguments.Number("closing"),
        Listen = arguments.Number("listen"),
        Families = [.. arguments.Text("families", "v4,v6,mapped").Split(',').Select(ParseFamily)],
        DeviceV4 = arguments.Text("device", "10.99.0.1"),
        DeviceV6 = arguments.Text("device6", "fd99::1"),
    };
    arguments.RejectOthers();
    using var mix = new Mix(plan);
    mix.Make();
    Hold.UntilEnd(mix.Expected.ToJson());
}

static Family ParseFamily(string name) =>
    Enum.TryParse(name, ignoreCase: true, out Family family) ? family : throw new UsageException($"--families: v4, v6 or mapped, not {name}");

static void RunRepair(Arguments arguments)
{
    int count = arguments.Number("count");
    int peers = Math.Max(1, arguments.Number("peers", 1));
    string peerBase = arguments.Text("peer-base", "127.2.0.1");
    int peerPort = arguments.Number("peer-port", 443);
    string program = arguments.Text("program", "/bin/cat");
    arguments.RejectOthers();
    using var sockets = new RepairedSockets(program);
    sockets.Make(count, peers, peerBase, peerPort);
    var expected = new Expectation();
    expected.Add(SocketState.Established, peerBase.Contains(':'), count);
    Hold.UntilEnd(expected.ToJson());
}

static void RunBacklog(Arguments arguments)
{
    int limit = arguments.Number("limit");
    int clients = arguments.Number("clients");
    bool reusePort = arguments.Flag("reuseport");
    string address = arguments.Text("address", "127.0.0.1");
    int port = arguments.Number("port");
    arguments.RejectOthers();
    using var backlog = new Backlog(address, port, limit, reusePort);
    backlog.Knock(clients);
    Hold.UntilEnd(backlog.ToJson(), backlog.Command);
}

static void RunDescriptors(Arguments arguments)
{
    int processes = arguments.Number("processes", 1);
    int each = arguments.Number("each", 3);
    int limit = arguments.Number("nofile");
    string program = arguments.Text("program", "/bin/cat");
    arguments.RejectOthers();
    using var holders = new DescriptorHolders(program);
    holders.Start(processes, each, limit);
    Hold.UntilEnd($$"""{"processes":{{holders.Processes.Count}},"descriptors":{{holders.Processes.Count * each}},"first":{{(holders.Processes.Count > 0 ? holders.Processes[0] : 0)}}}""");
}

static void RunDial(Arguments arguments)
{
    string to = arguments.Text("to", "10.99.0.9");
    int port = arguments.Number("port", 443);
    int count = arguments.Number("count", 1);
    int destinations = Math.Max(1, arguments.Number("destinations", 1));
    int processes = arguments.Number("processes");
    string program = arguments.Text("program", "/bin/cat");
    arguments.RejectOthers();
    using var dialer = new Dialer(program);
    dialer.Dial(to, port, count, destinations, processes);
    Hold.UntilEnd($$"""{"count":{{count}},"processes":{{processes}}}""");
}

static void RunFlood(Arguments arguments)
{
    int limit = arguments.Number("limit");
    int count = arguments.Number("count");
    string listen = arguments.Text("listen", "10.99.0.1");
    arguments.RejectOthers();
    using var flood = new Flood(listen, limit, count);
    flood.Send();
    Hold.UntilEnd(flood.ToJson(), flood.Command);
}

static void RunChurn(Arguments arguments)
{
    int rate = Math.Max(1, arguments.Number("rate", 300));
    int life = arguments.Number("milliseconds", 1);
    arguments.RejectOthers();
    using var churn = new Churn(rate, TimeSpan.FromMilliseconds(life));
    Hold.UntilEnd(churn.ToJson(), churn.Command);
}

static void RunGrowth(Arguments arguments)
{
    int rate = Math.Max(1, arguments.Number("rate", 4));
    string device = arguments.Text("device", "10.99.0.1");
    arguments.RejectOthers();
    using var growth = new Growth(rate, device);
    Hold.UntilEnd(growth.ToJson(), growth.Command);
}

static void RunFailures(Arguments arguments)
{
    int count = arguments.Number("count");
    int unreachablePort = arguments.Number("unreachable-port");
    Family[] families = [.. arguments.Text("families", "v4,v6,mapped").Split(',').Select(ParseFamily)];
    arguments.RejectOthers();
    var failures = new Failures(count, families, unreachablePort);
    failures.Make();
    Hold.UntilEnd(failures.ToJson());
}

static void RunCrowd(Arguments arguments)
{
    string program = arguments.Text("program", "/bin/cat");
    arguments.RejectOthers();
    using var crowd = new Crowd(program);
    Hold.UntilEnd("{}", crowd.Command);
}
