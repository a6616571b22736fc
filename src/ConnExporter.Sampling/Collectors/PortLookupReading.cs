using System.Collections.Immutable;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Ports of the fullest destinations as they are between two censuses.</summary>
internal sealed class PortLookupReading : Reading
{
    /// <summary>The destinations that were looked up, those with the most ports first; none while the census is fresh.</summary>
    public required ImmutableArray<CensusReading.DestinationRow> Destinations { get; init; }

    /// <summary>Who was seen to connect to the one that runs short of ports; empty while none does.</summary>
    public required ImmutableArray<CensusReading.SightingRow> Sightings { get; init; }

    /// <summary>Ports that no other destination can hold more of: what the fullest of them held when all were counted, and all that was opened since. Null where that is not known.</summary>
    public required ulong? MostElsewhere { get; init; }

    /// <summary>Walks over a part of the sockets so far, made where <see cref="MostElsewhere"/> no longer excluded an exhaustion and the census was old.</summary>
    public required ulong SampledWalks { get; init; }
}
