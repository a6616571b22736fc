using ConnExporter.Sampling;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using Serilog;

namespace ConnExporter.Web;

/// <summary>Once a second: closes what hangs, looks whether the access files have changed, and puts the numbers into the snapshot.</summary>
internal sealed class WebWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogAfter = TimeSpan.FromMinutes(1);

    private readonly ConnectionTable table;
    private readonly WebAccess? access;
    private readonly WebCounters counters;
    private readonly SnapshotStore store;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly ITimer timer;
    private int running;
    private (ulong Closed, ulong Refused) told;
    private long toldAt;

    public WebWatch(ConnectionTable table, WebAccess? access, WebCounters counters, SnapshotStore store, TimeProvider time, ILogger log)
    {
        this.table = table;
        this.access = access;
        this.counters = counters;
        this.store = store;
        this.time = time;
        this.log = log;
        Run();
        timer = time.CreateTimer(_ => Run(), null, Interval, Interval);
    }

    public void Dispose() => timer.Dispose();

    private void Run()
    {
        // Where reading the files takes longer than the interval, the next turn is left out.
        if (Interlocked.Exchange(ref running, 1) == 1)
        {
            return;
        }

        try
        {
            table.Watch();
            access?.Check();
            var now = WebState.Of(table, access, counters);
            store.Update(snapshot => snapshot.Web == now ? snapshot : snapshot with { Web = now });
            Tell(now);
        }
        finally
        {
            Volatile.Write(ref running, 0);
        }
    }

    private void Tell(WebState now)
    {
        // Silence and missing passwords are everyday matters: browsers and probes have them.
        ulong closed = now.OverBound + now.OverClientBound + now.WithoutDescriptor + now.GivenUp + now.Slow;
        ulong refused = now.Busy + now.OverRate + now.Guessing;
        if ((closed, refused) == told || (toldAt != 0 && time.GetElapsedTime(toldAt) < LogAfter))
        {
            return;
        }

        log.Warning("To go on serving the others, {Connections} connections were closed and {Requests} requests turned away", closed - told.Closed, refused - told.Refused);
        told = (closed, refused);
        toldAt = time.GetTimestamp();
    }
}
