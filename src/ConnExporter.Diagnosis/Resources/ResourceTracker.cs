using System.Collections.Immutable;

namespace ConnExporter.Diagnosis.Resources;

/// <summary>Follows the instances of every resource over ten minutes: peaks and forecasts. Bounded: of each kind the fullest are followed.</summary>
internal sealed class ResourceTracker
{
    /// <summary>Instances of a kind that are followed in our own network namespace.</summary>
    public const int Followed = 24;

    /// <summary>The same in each other one.</summary>
    public const int FollowedElsewhere = 4;

    /// <summary>Of the ports towards destinations, of listeners and of processes these many are shown.</summary>
    public const int Shown = 10;

    /// <summary>Histories that outlive a look: twice what our own namespace and those that are shown in full can have at once.</summary>
    public const int Bound = 1024;

    /// <summary>How far histories reach back.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(10);

    /// <summary>How fine they are.</summary>
    public static readonly TimeSpan Slot = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan PeakLength = TimeSpan.FromSeconds(60);
    private readonly Dictionary<(ResourceKind Kind, string Netns, string Name), Track> tracks = [];

    /// <summary>Takes over what somebody who has looked for longer knows of an instance, until its own history tells.</summary>
    /// <param name="kind">The kind of the instance.</param>
    /// <param name="netns">Its network namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="peak">The highest of the last 60 s.</param>
    /// <param name="growthPerSecond">Its growth; null where it does not grow.</param>
    public void Prime(ResourceKind kind, string netns, string name, double peak, double? growthPerSecond) =>
        tracks[(kind, netns, name)] = new Track { PrimedPeak = peak, PrimedGrowth = growthPerSecond };

    /// <summary>Takes what was seen in one network namespace.</summary>
    /// <param name="now">Monotonic time, which does not go back.</param>
    /// <param name="isOwn">Whether it is our own.</param>
    /// <param name="instances">What was seen.</param>
    /// <returns>The resources, in the order of <see cref="ResourceKinds.All"/>.</returns>
    public ImmutableArray<Resource> Follow(TimeSpan now, bool isOwn, IEnumerable<ResourceInstance> instances)
    {
        int followed = isOwn ? Followed : FollowedElsewhere;
        return
        [
            .. instances.GroupBy(instance => instance.Kind).OrderBy(kind => kind.Key).Select(kind => new Resource(
                kind.Key,
                kind.First().Netns,
                [
                    .. kind.OrderByDescending(instance => instance.UsedRatio).ThenBy(instance => instance.Name, StringComparer.Ordinal).Take(followed)
                        .Select(instance => Follow(now, instance)).Take(Shown),
                ])),
        ];
    }

    /// <summary>Instances that have a history.</summary>
    public int Count => tracks.Count;

    /// <summary>Forgets what was not seen for as long as histories reach back; where names come and go in crowds, sooner.</summary>
    public void Forget(TimeSpan now)
    {
        foreach (((ResourceKind, string, string) key, Track track) in tracks)
        {
            if (track.History.Count > 0 && now - track.History.Newest.At > Length)
            {
                tracks.Remove(key);
            }
        }

        if (tracks.Count > Bound)
        {
            foreach (((ResourceKind, string, string) key, _) in tracks.Where(entry => entry.Value.History.Count > 0).OrderBy(entry => entry.Value.History.Newest.At).Take(tracks.Count - Bound).ToList())
            {
                tracks.Remove(key);
            }
        }
    }

    /// <summary>The last ten minutes of an instance; empty where it is not followed.</summary>
    public HistoryPoint[] HistoryOf(ResourceKind kind, string netns, string name, TimeSpan now) =>
        tracks.TryGetValue((kind, netns, name), out Track? track) ? track.History.Since(now - Length) : [];

    private ResourceInstance Follow(TimeSpan now, ResourceInstance instance)
    {
        (ResourceKind, string, string) key = (instance.Kind, instance.Netns, instance.Name);
        if (!tracks.TryGetValue(key, out Track? track))
        {
            tracks.Add(key, track = new Track());
        }

        if (track.Timestamp != instance.Timestamp || track.History.Count == 0)
        {
            track.Timestamp = instance.Timestamp;
            track.SampledAt = now;

            // A queue comes and goes in milliseconds: there is no trend in it. For the others it is looked for when there is another point to look at.
            if (track.History.Add(now, instance.Used) && instance.Kind is not (ResourceKind.AcceptQueue or ResourceKind.SynQueue or ResourceKind.UnixAcceptQueue))
            {
                track.Growth = Forecast.Growth(track.History.Since(now - Length), instance.Limit) ?? track.PrimedGrowth;
            }
        }

        return instance with
        {
            Peak = Math.Max(Math.Max(instance.Peak, track.PrimedPeak), track.History.HighestSince(now - PeakLength) ?? instance.Used),
            GrowthPerSecond = track.Growth,
            Exhaustion = track.Growth is { } growth ? Remaining(Forecast.TimeTo(instance.Limit, instance.Used, growth), now - track.SampledAt) : null,
        };
    }

    // What was read a while ago has grown since.
    private static TimeSpan Remaining(TimeSpan then, TimeSpan age) => then > age ? then - age : TimeSpan.Zero;

    private sealed class Track
    {
        public History History { get; } = new(Slot, Length);

        public long Timestamp { get; set; }

        public TimeSpan SampledAt { get; set; }

        public double? Growth { get; set; }

        public double PrimedPeak { get; init; }

        public double? PrimedGrowth { get; init; }
    }
}
