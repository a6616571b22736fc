namespace ConnExporter.Sampling;

/// <summary>Where collectors leave what they read. Readers take the newest without waiting; writers replace it whole.</summary>
internal interface ISnapshotStore
{
    /// <summary>The newest snapshot.</summary>
    Snapshot Current { get; }

    /// <summary>Replaces the snapshot by one made from it; the change is made again where another thread was faster.</summary>
    /// <param name="change">Makes the new snapshot; the same object means that nothing changed.</param>
    void Update(Func<Snapshot, Snapshot> change);
}

/// <summary>Holds the newest of something that is never changed, only replaced whole.</summary>
internal sealed class Latest<T>
    where T : class
{
    private T current;

    public Latest(T first) => current = first;

    /// <summary>The newest.</summary>
    public T Current => Volatile.Read(ref current);

    /// <summary>Replaces it by one made from it; the change is made again where another thread was faster.</summary>
    /// <param name="change">Makes the new one; the same object means that nothing changed.</param>
    public void Update(Func<T, T> change)
    {
        T before = Current;
        while (true)
        {
            T seen = Interlocked.CompareExchange(ref current, change(before), before);
            if (ReferenceEquals(seen, before))
            {
                return;
            }

            before = seen;
        }
    }
}

/// <summary>Snapshots and nothing else: for a single look.</summary>
internal sealed class SnapshotStore : ISnapshotStore
{
    private readonly Latest<Snapshot> latest = new(Snapshot.Empty);

    /// <inheritdoc/>
    public Snapshot Current => latest.Current;

    /// <inheritdoc/>
    public void Update(Func<Snapshot, Snapshot> change) => latest.Update(change);
}
