namespace ConnExporter.Web.Access;

/// <summary>
/// The places of requests that are being answered. An answer takes milliseconds; one that takes longer waits for its reader, and gives its
/// place to the next request when all are taken. So no reader, however slow, keeps others out.
/// </summary>
internal sealed class RequestSlots
{
    /// <summary>Nobody has to give way before.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(250);

    private readonly int bound;
    private readonly TimeProvider time;
    private readonly Lock gate = new();

    // In the order in which they came.
    private readonly LinkedList<Slot> taken = [];

    public RequestSlots(int bound, TimeProvider time)
    {
        this.bound = bound;
        this.time = time;
    }

    /// <summary>Takes a place.</summary>
    /// <param name="abort">Ends the request that takes it.</param>
    /// <returns>The place, to be given back; null where there is none.</returns>
    public Slot? Take(Action abort)
    {
        Slot? oldest = null;
        Slot slot;
        lock (gate)
        {
            if (taken.Count >= bound)
            {
                oldest = taken.First!.Value;
                if (time.GetElapsedTime(oldest.Since) < Grace)
                {
                    return null;
                }

                taken.RemoveFirst();
            }

            slot = new Slot(abort, time.GetTimestamp());
            taken.AddLast(slot);
        }

        oldest?.Abort();
        return slot;
    }

    /// <summary>Gives a place back.</summary>
    public void Return(Slot slot)
    {
        lock (gate)
        {
            taken.Remove(slot);
        }
    }

    /// <summary>One place.</summary>
    internal sealed class Slot(Action abort, long since)
    {
        public Action Abort { get; } = abort;

        public long Since { get; } = since;
    }
}
