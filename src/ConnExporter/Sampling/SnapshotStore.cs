namespace ConnExporter.Sampling;

/// <summary>Holds the newest snapshot. Readers take it without waiting; writers replace it whole.</summary>
internal sealed class SnapshotStore
{
    private Snapshot current;

    public SnapshotStore(Snapshot first) => current = first;

    /// <summary>The newest snapshot.</summary>
    public Snapshot Current => Volatile.Read(ref current);

    /// <summary>Replaces the snapshot by one made from it; the change is made again where another thread was faster.</summary>
    /// <param name="change">Makes the new snapshot; the same object means that nothing changed.</param>
    public void Update(Func<Snapshot, Snapshot> change)
    {
        Snapshot before = Current;
        while (true)
        {
            Snapshot seen = Interlocked.CompareExchange(ref current, change(before), before);
            if (ReferenceEquals(seen, before))
            {
                return;
            }

            before = seen;
        }
    }
}
