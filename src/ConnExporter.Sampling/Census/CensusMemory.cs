namespace ConnExporter.Sampling.Census;

/// <summary>What is remembered of a network namespace from one census to the next, where one collector takes the census of many.</summary>
internal sealed class CensusMemory
{
    /// <summary>The destinations that had rows: they keep them until others have clearly more.</summary>
    public Destination[] Destinations { get; set; } = [];

    /// <summary>The sockets with something unread.</summary>
    public StalledSockets Stalled { get; } = new();

    /// <summary>The destinations whose connections have TCP timestamps, or have none.</summary>
    public PeerTimestamps Timestamps { get; } = new();

    /// <summary>How often it was asked for an ephemeral port.</summary>
    public PortAnswers Answers { get; } = new();

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsEmpty => Destinations.Length == 0 && Stalled.IsEmpty && Timestamps.IsEmpty && Answers.IsEmpty;
}
