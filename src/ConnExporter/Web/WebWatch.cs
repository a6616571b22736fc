using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;

namespace ConnExporter.Web;

/// <summary>Once a second: closes what hangs, looks whether a disk holds the threads that read configuration, and puts the numbers into the snapshot, with that of the lines that the log has lost.</summary>
internal sealed class WebWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogAfter = TimeSpan.FromMinutes(1);

    private readonly ConnectionTable table;
    private readonly WebAccess? access;
    private readonly WebCounters counters;
    private readonly StateStore store;
    private readonly TimeProvider time;
    private readonly Logging logging;
    private readonly AskedThread[] readers;
    private readonly CancellationTokenSource end = new();
    private readonly Task thread;
    private (ulong Closed, ulong Refused) told;
    private long toldAt;
    private string? lastDefect;

    public WebWatch(ConnectionTable table, WebAccess? access, WebCounters counters, StateStore store, TimeProvider time, Logging logging, AskedThread[] readers)
    {
        this.table = table;
        this.access = access;
        this.counters = counters;
        this.store = store;
        this.time = time;
        this.logging = logging;
        this.readers = readers;
        Look();
        thread = SteadyThread.Run("web watch", LookOn, end.Token);
    }

    public void Dispose()
    {
        end.Cancel();
        thread.Wait(Interval);
        end.Dispose();
    }

    // A defect here must not end the watch: connections would pile up.
    private TimeSpan LookOn()
    {
        try
        {
            Look();
        }
        catch (Exception e)
        {
            if (lastDefect != e.Message)
            {
                logging.Logger.Error(e, "Looking after the connections failed, a defect in this program; it is tried again each second");
            }

            lastDefect = e.Message;
        }

        return Interval;
    }

    private void Look()
    {
        table.Watch();
        Array.ForEach(readers, reader => reader.Watch());
        WebState now = StateNow();
        store.Update(state => state.Web == now ? state : state with { Web = now });
        Tell(now);
        logging.ShowDroppedLines(store);
    }

    private WebState StateNow() => new()
    {
        Connections = (ulong)table.Count,
        OverBound = counters.ConnectionsOverBound.Value,
        OverClientBound = counters.ConnectionsOverClientBound.Value,
        WithoutDescriptor = counters.ConnectionsWithoutDescriptor.Value,
        GivenUp = counters.ConnectionsGivenUp.Value,
        Silent = counters.ConnectionsSilent.Value,
        Slow = counters.ConnectionsSlow.Value,
        Handshake = counters.HandshakesFailed.Value,
        Busy = counters.RequestsBusy.Value,
        OverRate = counters.RequestsOverRate.Value,
        Unauthorized = counters.RequestsUnauthorized.Value,
        Guessing = counters.RequestsGuessing.Value,
        AccessFilesOk = access?.LastLoadOk,
        CertificateExpires = access?.Tls?.Expires,
    };

    private void Tell(WebState now)
    {
        // Silence and missing passwords are everyday matters: browsers and probes have them.
        ulong closed = now.OverBound + now.OverClientBound + now.WithoutDescriptor + now.GivenUp + now.Slow;
        ulong refused = now.Busy + now.OverRate + now.Guessing;
        if ((closed, refused) == told || (toldAt != 0 && time.GetElapsedTime(toldAt) < LogAfter))
        {
            return;
        }

        logging.Logger.Warning("To go on serving the others, {Connections} connections were closed and {Requests} requests turned away", closed - told.Closed, refused - told.Refused);
        told = (closed, refused);
        toldAt = time.GetTimestamp();
    }
}
