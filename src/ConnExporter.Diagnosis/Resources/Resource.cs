using System.Collections.Immutable;
using ConnExporter.Sampling;

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

/// <summary>One finite resource: this listener's queue, this process's descriptors, the ports towards this destination.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Netns">The network namespace; that of the host's own resources is ours.</param>
/// <param name="Name">Which one, such as <c>0.0.0.0:443</c>; <c>host</c> where there is only one.</param>
/// <param name="Used">How much is used, in the unit of the resource.</param>
/// <param name="Limit">Where it ends.</param>
internal sealed record ResourceInstance(ResourceKind Kind, string Netns, string Name, double Used, double Limit)
{
    /// <summary>The name of the only instance.</summary>
    public const string Host = "host";

    /// <summary>The name of an instance that is a process, or all of its name: for labels, and one word each for texts.</summary>
    /// <param name="process">The name of the process.</param>
    /// <param name="unit">Its unit; null where there is none.</param>
    public static string NameOf(string process, string? unit) => unit is null ? Visible.Name(process) : $"{Visible.Name(process)} of {Visible.Name(unit)}";

    /// <summary>The most that was used in the last 60 s.</summary>
    public double Peak { get; init; } = Used;

    /// <summary>The most that may be used, where <see cref="Used"/> is only what is proven.</summary>
    public double Possible { get; init; } = Used;

    /// <summary>What is likely to be used, between the two; null where nothing tells.</summary>
    public double? Likely { get; init; } = Used;

    /// <summary>Who holds most of it, where that is known.</summary>
    public Holder? Holder { get; init; }

    /// <summary>When it will be used up at the growth of the last minutes; null where it does not grow.</summary>
    public TimeSpan? Exhaustion { get; init; }

    /// <summary>How many more are used each second, over the last minutes; null where it does not grow.</summary>
    public double? GrowthPerSecond { get; init; }

    /// <summary>The monotonic time of the reading that it comes from.</summary>
    public long Timestamp { get; init; }

    /// <summary>1 is used up. A limit of 0 permits nothing.</summary>
    public double UsedRatio => Ratio(Used);

    /// <summary>The highest that it may be.</summary>
    public double PossibleRatio => Ratio(Possible);

    /// <summary>What it is likely to be; null where nothing tells.</summary>
    public double? LikelyRatio => Likely is { } likely ? Ratio(likely) : null;

    /// <summary>The highest of the last 60 s.</summary>
    public double PeakRatio => Ratio(Peak);

    /// <summary>A limit that leaves room: twice what there is, and twice what is used where the limit was lowered below that.</summary>
    public double Roomy => Math.Max(Limit, Used) * 2;

    /// <summary>How much later it is used up with another limit; null where it does not grow, or the limit is no higher.</summary>
    public TimeSpan? TimeWonBy(double limit) => GrowthPerSecond is { } growth && limit > Limit ? TimeSpan.FromSeconds((limit - Limit) / growth) : null;

    private double Ratio(double used) => Limit > 0 ? used / Limit : 1;
}
