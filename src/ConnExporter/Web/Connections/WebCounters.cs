namespace ConnExporter.Web.Connections;

/// <summary>What was closed or refused for the sake of the others. Counted by many threads.</summary>
internal sealed class WebCounters
{
    public Count ConnectionsOverBound { get; } = new();

    public Count ConnectionsOverClientBound { get; } = new();

    public Count ConnectionsWithoutDescriptor { get; } = new();

    public Count ConnectionsGivenUp { get; } = new();

    public Count ConnectionsSilent { get; } = new();

    public Count ConnectionsSlow { get; } = new();

    public Count HandshakesFailed { get; } = new();

    public Count RequestsBusy { get; } = new();

    public Count RequestsOverRate { get; } = new();

    public Count RequestsUnauthorized { get; } = new();

    public Count RequestsGuessing { get; } = new();

    /// <summary>A number that only grows.</summary>
    internal sealed class Count
    {
        private long value;

        public ulong Value => (ulong)Volatile.Read(ref value);

        public void Add() => Interlocked.Increment(ref value);
    }
}
