using ConnExporter.Sampling;

namespace ConnExporter.State;

/// <summary>Holds the newest state. Readers take it without waiting; writers replace it whole, collectors their part of it.</summary>
internal sealed class StateStore : ISnapshotStore
{
    private readonly Latest<ExporterState> latest;

    public StateStore(ExporterState first) => latest = new Latest<ExporterState>(first);

    /// <summary>The state before the first sample.</summary>
    /// <param name="time">The clock: the configuration was read now.</param>
    public StateStore(TimeProvider time)
        : this(new ExporterState(Snapshot.Empty) { Configuration = new ConfigurationState(LastReloadOk: true, time.GetUtcNow()) })
    {
    }

    /// <summary>The newest state.</summary>
    public ExporterState Current => latest.Current;

    /// <inheritdoc/>
    Snapshot ISnapshotStore.Current => Current.Snapshot;

    /// <summary>Replaces the state by one made from it; the change is made again where another thread was faster.</summary>
    /// <param name="change">Makes the new state; the same object means that nothing changed.</param>
    public void Update(Func<ExporterState, ExporterState> change) => latest.Update(change);

    /// <inheritdoc/>
    void ISnapshotStore.Update(Func<Snapshot, Snapshot> change) => latest.Update(state => change(state.Snapshot) is var snapshot && ReferenceEquals(snapshot, state.Snapshot) ? state : state with { Snapshot = snapshot });
}
