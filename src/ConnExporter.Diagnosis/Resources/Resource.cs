using System.Collections.Immutable;

namespace ConnExporter.Diagnosis.Resources;

/// <summary>A kind of resource in one network namespace, as its instances stand.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Netns">The network namespace.</param>
/// <param name="Instances">Its instances, the fullest first; at least one, and no more than a bound.</param>
internal sealed record Resource(ResourceKind Kind, string Netns, ImmutableArray<ResourceInstance> Instances)
{
    /// <summary>The fullest instance.</summary>
    public ResourceInstance Worst => Instances[0];

    /// <summary>The highest ratio that any instance had in the last 60 s.</summary>
    public double PeakRatio => Instances.Max(instance => instance.PeakRatio);

    /// <summary>The instance that will be used up first; null where none grows.</summary>
    public ResourceInstance? FirstToGo => Instances.Where(instance => instance.Exhaustion is not null).MinBy(instance => instance.Exhaustion);
}
