using System.Collections.Immutable;
using ConnExporter.Kernel.Namespaces;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The other network namespaces at one time.</summary>
internal sealed class NamespacesReading : Reading
{
    /// <summary>Where they are not to be read.</summary>
    public static readonly NamespacesReading None = new([], seen: null, 0, 0);

    public NamespacesReading(Row[] rows, int? seen, int read, int denied)
    {
        Rows = [.. rows];
        Seen = seen;
        Read = read;
        Denied = denied;
    }

    /// <summary>Those that are shown.</summary>
    public ImmutableArray<Row> Rows { get; }

    /// <summary>How many there are; null where they are not to be read.</summary>
    public int? Seen { get; }

    /// <summary>How many of them were read.</summary>
    public int Read { get; }

    /// <summary>How many could not be entered: of them at most counters and states are known.</summary>
    public int Denied { get; }

    /// <summary>How many are there and could not be found by their path: nothing is known of them.</summary>
    public int Missed { get; init; }

    /// <summary>One namespace.</summary>
    internal sealed record Row(string Name, NamespaceReadings Readings, bool InFull)
    {
        /// <summary>A process in it; 0 where none is known.</summary>
        public int ProcessId { get; init; }

        /// <summary>Who is in it; null where nobody is or may be seen, and where it is not shown in full.</summary>
        public NamespaceInhabitants? Inhabitants { get; init; }

        /// <summary>What can be opened to enter it; null where that may not be seen.</summary>
        public string? Path { get; init; }
    }
}
